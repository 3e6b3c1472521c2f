"""The cache folder follows the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medclip.core.cache import cache_folder
from medclip.core.errors import ConfigError


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEDCLIP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")


def test_own_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == Path("/home/somebody/.cache/medclip")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert cache_folder() == Path("/var/cache/medclip")
    monkeypatch.setenv("MEDCLIP_CACHE", "~/mine")
    assert cache_folder() == Path("/home/somebody/mine")
    monkeypatch.setenv("MEDCLIP_CACHE", "")
    assert cache_folder() == Path("/var/cache/medclip")


def test_asking_makes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDCLIP_CACHE", str(tmp_path / "new"))
    cache_folder()
    assert not (tmp_path / "new").exists()


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(path: str) -> str:
        return path

    monkeypatch.setattr(os.path, "expanduser", nobody)
    with pytest.raises(ConfigError, match="Set MEDCLIP_CACHE to a folder"):
        cache_folder()
