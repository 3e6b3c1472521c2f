"""What a bundle consists of, and whether it is still what was saved."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from medclip.core.errors import BundleError
from medclip.core.files import read_json, sha256_of_file, write_json

__all__ = [
    "BUNDLE_FILE",
    "MANIFEST_FILE",
    "SCHEMA_VERSION",
    "bundle_digest",
    "check_files",
    "read_bundle_file",
    "write_manifest",
]

SCHEMA_VERSION = 1
BUNDLE_FILE = "bundle.json"
MANIFEST_FILE = "MANIFEST.json"
_PARTS: dict[str, type | tuple[type, ...]] = {
    "medclip_version": str,
    "input_specs": dict,
    "towers": dict,
    "text": dict,
    "reports": dict,
    "scale": (int, float),
    "prompt_sets": dict,
    "training": dict,
}


def write_manifest(folder: Path) -> None:
    """Write the sha256 of every file; the last thing that is done to a bundle."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST_FILE)
    checksums = {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in files}
    write_json(folder / MANIFEST_FILE, {"schema_version": SCHEMA_VERSION, "sha256": checksums})


def check_files(folder: Path, *, below: str = "", only: tuple[str, ...] = ()) -> None:
    """Compare files with the manifest.

    Args:
        folder: The bundle.
        below: Check only what lies in this sub-folder.
        only: Check only these files.

    Raises:
        BundleError: A file is missing or has changed.
    """
    for name, expected in _manifest(folder).items():
        if (only and name not in only) or not name.startswith(below):
            continue
        path = folder / name
        if not path.is_file():
            raise BundleError(f"the bundle {folder} lacks {name}", action="copy it again from where it was saved")
        found = _sha256(path)
        if found != expected:
            raise BundleError(
                f"{path} has changed since the bundle was saved",
                received=f"sha256 {found[:16]}...",
                allowed=f"{expected[:16]}...",
                action="copy the bundle again from where it was saved",
            )


def read_bundle_file(folder: Path) -> dict[str, Any]:
    """Read and check ``bundle.json``.

    Raises:
        BundleError: The folder is no bundle, or one of another schema.
    """
    if _what_is_there(folder):
        raise BundleError(
            f"{folder} is no bundle",
            received=_what_is_there(folder),
            allowed="a folder that medclip fit saved",
            action="check the path",
        )
    check_files(folder, only=(BUNDLE_FILE,))
    try:
        described: dict[str, Any] = read_json(folder / BUNDLE_FILE)
        version = described["schema_version"]
        lacking = [name for name, kind in _PARTS.items() if not isinstance(described.get(name), kind)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{folder / BUNDLE_FILE} is malformed", action="save the bundle again") from error
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"{folder} was saved by another version of medclip",
            received=f"schema {version}",
            allowed=f"schema {SCHEMA_VERSION}",
            action="train again, or install the version named in its README.md",
        )
    if lacking:
        raise BundleError(
            f"{folder / BUNDLE_FILE} is malformed", received=f"no {lacking[0]}", action="save the bundle again"
        )
    return described


def _what_is_there(folder: Path) -> str:
    """Say what stands in the place of a bundle; nothing if it looks like one."""
    if not folder.is_dir():
        return "a file" if folder.is_file() else "no such folder"
    lacking = [name for name in (MANIFEST_FILE, BUNDLE_FILE) if not (folder / name).is_file()]
    return f"a folder without {' and '.join(lacking)}" if lacking else ""


def bundle_digest(folder: Path) -> str:
    """Sha256 over the manifest's checksums: equal digests are the same model."""
    lines = "".join(f"{checksum}  {name}\n" for name, checksum in sorted(_manifest(folder).items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _sha256(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror})", action="check its rights") from error


def _manifest(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST_FILE
    try:
        checksums: dict[str, str] = read_json(path)["sha256"]
        names = list(checksums)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path} is missing or malformed", action="copy the bundle again") from error
    if any(name.startswith("/") or ".." in Path(name).parts for name in names):
        raise BundleError(f"{path} names files outside the bundle")
    return checksums
