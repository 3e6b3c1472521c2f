"""What every file format promises."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medclip.core.errors import MedclipError
from medclip.core.modality import Format
from medclip.core.sample import Sample
from medclip.testing.contract import ContractError, require

__all__ = ["check_format"]

_HEAD_BYTES = 4096
# Things that a user may hand over by mistake.
_FOREIGN = {
    "empty": b"",
    "text.txt": b"Dear colleague, thank you for referring this patient.\n",
    "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "archive.zip": b"PK\x03\x04" + bytes(200),
    "table.csv": b"name,wish\nAnna,tea\n",
    "settings.json": b'{"a": [1, 2, 3]}',
    "zeros.dat": bytes(5000),
    "noise.dat": np.random.default_rng(0).bytes(5000),
    "ünï cödé.dat": b"\xff\xfe\x00",
}


def check_format(form: Format, *, examples: Sequence[str | Path] = ()) -> None:
    """Check that a format knows its own files, and refuses all others with one of medclip's errors.

    Args:
        form: The format.
        examples: Sound files of the format, on which reading is checked.

    Raises:
        ContractError: It breaks a promise.
    """
    require(form.name and form.description, "a format needs a name and a description")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in _FOREIGN.items():
            path = Path(folder) / name
            path.write_bytes(content)
            require(_sniffs(form, path) is False, f"sniff of {form.name} takes {name}, which is another format")
            _must_refuse(form, path)
        for path in (Path(folder) / "missing", Path(folder)):
            _must_refuse(form, path)
        require(
            form.sniff(Path(folder) / "missing", b"") is False, f"sniff of {form.name} takes a file that is not there"
        )
    for example in map(Path, examples):
        _check_example(form, example)


def _sniffs(form: Format, path: Path) -> bool:
    try:
        return form.sniff(path, path.read_bytes()[:_HEAD_BYTES])
    except Exception as error:
        raise ContractError(
            f"sniff of {form.name} raises for {path.name} instead of answering no: {error!r}"
        ) from error


def _must_refuse(form: Format, path: Path) -> None:
    try:
        form.read(path)
    except MedclipError:
        return
    except Exception as error:
        raise ContractError(f"{form.name} refuses {path.name} with {error!r} instead of a FormatError") from error
    raise ContractError(f"{form.name} reads {path.name}, which is no such file")


def _check_example(form: Format, path: Path) -> None:
    require(_sniffs(form, path) is True, f"sniff of {form.name} does not know {path.name}")
    sample, again = form.read(path), form.read(path)
    require(isinstance(sample, Sample), f"{form.name} returns {type(sample).__name__}, not a Sample")
    require(
        np.array_equal(sample.array, again.array, equal_nan=True), f"{form.name} reads {path.name} differently twice"
    )
    require(np.isfinite(sample.array).any(), f"{form.name} finds no number in {path.name}")
    require("/" not in sample.source, f"{form.name} puts the path of {path.name} into source; give the file's name")
    _check_truncated(form, path)


def _check_truncated(form: Format, path: Path) -> None:
    """A file that breaks off is refused, or read as far as it says; it never ends in a stray exception."""
    content = path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        cut = Path(folder) / path.name
        for share in (0.02, 0.3, 0.7, 0.99):
            cut.write_bytes(content[: int(share * len(content))])
            try:
                form.read(cut)
            except MedclipError:
                continue
            except Exception as error:
                raise ContractError(
                    f"{form.name} ends in {error!r} on a file that breaks off, instead of a FormatError"
                ) from error
