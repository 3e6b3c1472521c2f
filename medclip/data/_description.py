"""``store.json``: what a packed store says of itself."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medclip.core.errors import StoreError
from medclip.core.files import read_json
from medclip.data._shard import Layout

__all__ = [
    "PACK_AGAIN",
    "SCHEMA_VERSION",
    "SEAL",
    "STORE_FILE",
    "description_sha256",
    "layout_of",
    "read_description",
    "unfinished_folder",
]

SCHEMA_VERSION = 3
STORE_FILE = "store.json"
SEAL = "sha256_of_the_rest"
"""Entry of ``store.json`` with the checksum of all its other entries."""

PACK_AGAIN = "remove the folder and pack the data set again"


def unfinished_folder(folder: Path) -> Path:
    """Return where a store lies until nothing is missing from it: beside its own folder."""
    whole = Path(os.path.abspath(folder))
    return whole.parent / f".{whole.name}.unfinished"


def description_sha256(description: Mapping[str, Any]) -> str:
    """Return the checksum of all entries of ``store.json`` but ``SEAL``."""
    entries = {name: value for name, value in description.items() if name != SEAL}
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def layout_of(entry: Mapping[str, Any]) -> Layout:
    """Read one layout."""
    shape, rate, names = entry["shape"], entry["sampling_rate_hz"], entry["channel_names"]
    return Layout(
        None if shape is None else tuple(int(length) for length in shape),
        None if rate is None else float(rate),
        None if names is None else tuple(names),
    )


def read_description(folder: Path) -> dict[str, Any]:
    """Read ``store.json``.

    Raises:
        StoreError: There is none, or it is damaged or of another version.
    """
    path = folder / STORE_FILE
    if not path.is_file():
        is_unfinished = unfinished_folder(folder).is_dir()
        action = "run the same medclip data pack again to continue" if is_unfinished else "check the path"
        raise StoreError(f"{folder} holds no packed store", action=action)
    try:
        description: dict[str, Any] = dict(read_json(path))
        version = description["schema_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged or cannot be read", action=PACK_AGAIN) from error
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{folder} was packed by another version of medclip",
            received=f"schema {version}",
            allowed=f"schema {SCHEMA_VERSION}",
            action=PACK_AGAIN,
        )
    if description.get(SEAL) != description_sha256(description):
        raise StoreError(f"{path} has changed since it was written", action=PACK_AGAIN)
    return description
