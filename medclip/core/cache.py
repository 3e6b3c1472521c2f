"""Where medclip keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return ``$MEDCLIP_CACHE``, else ``$XDG_CACHE_HOME/medclip``, else ``~/.cache/medclip``; it may not exist yet."""
    own = os.environ.get("MEDCLIP_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "medclip"
