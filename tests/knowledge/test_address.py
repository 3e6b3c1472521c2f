from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import KnowledgeError, MissingDependencyError
from medclip.knowledge.address import find_address, scrubbed, shown
from medclip.knowledge.database import Database


def test_the_address_is_given_or_set_or_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDCLIP_CACHE", str(tmp_path))
    monkeypatch.delenv("MEDCLIP_KNOWLEDGE", raising=False)
    assert find_address().database == str(tmp_path / "knowledge.sqlite")
    monkeypatch.setenv("MEDCLIP_KNOWLEDGE", "/set/here.sqlite")
    assert find_address().database == "/set/here.sqlite"
    assert find_address("sqlite:///given.sqlite").database == "given.sqlite"
    assert find_address("postgresql://u@h/d").drivername == "postgresql+psycopg"


@pytest.mark.parametrize("text", ["mysql://u:secret@h/d", "postgresql://u:secret@h:port/d", "sqlite://", "x://"])
def test_other_addresses_are_refused_without_their_secret(text: str) -> None:
    with pytest.raises(KnowledgeError, match="knowledge store") as raised:
        find_address(text)
    assert "secret" not in str(raised.value)


def test_secrets_are_hidden_wherever_they_stand() -> None:
    url = find_address("postgresql://u:se%40cret@h/d?sslpassword=hush")
    assert "se" not in shown(url).replace("sslpassword", "").replace("postgresql", "")
    assert "hush" not in shown(url)
    assert "se@cret" not in scrubbed("cannot reach with se@cret or postgresql://u:other@h", url)
    assert "other" not in scrubbed("cannot reach with se@cret or postgresql://u:other@h", url)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingDependencyError, match="psycopg"):
        Database(find_address("postgresql://u@h/d"))
