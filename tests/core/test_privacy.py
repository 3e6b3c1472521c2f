"""Patients' identifiers leave a reader as keyed hashes."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
from pathlib import Path

import pytest

from medclip.core.errors import ConfigError, OutputError
from medclip.core.privacy import identifiers_kept, private_id

KEY = "a secret of this hospital"


@pytest.fixture(autouse=True)
def _own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDCLIP_ID_KEY", KEY)


def test_it_is_the_keyed_hash_and_not_a_plain_one() -> None:
    expected = hmac.new(KEY.encode(), b"\x1f4711", hashlib.sha256).hexdigest()[:32]
    assert private_id("4711") == expected
    assert expected not in hashlib.sha256(b"4711").hexdigest()


def test_blanks_do_not_count_and_the_issuer_does() -> None:
    assert private_id(" 4711 ") == private_id("4711") != private_id("4712")
    assert private_id("4711", issuer="A") != private_id("4711", issuer="B") != private_id("4711")
    # Issuer and identifier are kept apart.
    assert private_id("1", issuer="A") != private_id("A1")


@pytest.mark.parametrize("nobody", [None, "", "  "])
def test_nobody_stays_nobody(nobody: str | None) -> None:
    assert private_id(nobody) is None


def test_identifiers_are_kept_only_within_the_block() -> None:
    with identifiers_kept():
        assert private_id(" 4711 ") == "4711"
        with identifiers_kept(False):
            assert private_id("4711") != "4711"
    assert private_id("4711") != "4711"


def test_another_key_gives_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = private_id("4711")
    monkeypatch.setenv("MEDCLIP_ID_KEY", "the secret of another hospital")
    assert private_id("4711") != before


@pytest.mark.parametrize("short", ["", "short"])
def test_a_short_key_is_refused_and_not_shown(short: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDCLIP_ID_KEY", short)
    with pytest.raises(ConfigError, match="at least 16") as caught:
        private_id("4711")
    assert "4711" not in str(caught.value)
    assert not short or short not in str(caught.value).replace("too short", "")


def test_the_key_is_made_once_for_this_user_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MEDCLIP_ID_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    first = private_id("4711")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.relative_to(tmp_path).as_posix() for path in files] == ["medclip/patient_id.key"]
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert len(files[0].read_bytes()) == 32
    command = "from medclip.core.privacy import private_id; print(private_id('4711'))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == first


def test_a_key_that_cannot_be_kept_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MEDCLIP_ID_KEY")
    (tmp_path / "taken").write_text("a file, no folder")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "taken"))
    with pytest.raises(OutputError, match=r"patient_id\.key"):
        private_id("4711")


def test_a_damaged_key_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MEDCLIP_ID_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "medclip").mkdir()
    (tmp_path / "medclip" / "patient_id.key").write_bytes(b"cut")
    with pytest.raises(ConfigError, match="cut off"):
        private_id("4711")
