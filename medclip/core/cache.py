"""Where medclip keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path

from medclip.core.errors import ConfigError

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return ``$MEDCLIP_CACHE``, else ``$XDG_CACHE_HOME/medclip``, else ``~/.cache/medclip``; it may not exist yet.

    Raises:
        ConfigError: None of the three is set and the user has no home, as in some containers.
    """
    try:
        own = os.environ.get("MEDCLIP_CACHE")
        if own:
            return Path(own).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "medclip"
    except RuntimeError as error:
        raise ConfigError(
            "there is no folder for what medclip keeps between runs", action="set MEDCLIP_CACHE to a folder"
        ) from error
