"""Values of DICOM headers: there and usable, or one line that says what is not; no message quotes a value of text."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medclip.core.errors import FormatError, MedclipError, MissingDependencyError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = [
    "decoding",
    "installed",
    "items_of",
    "number_of",
    "numbers_of",
    "optional_number",
    "text_of",
    "texts_of",
    "words_of",
]

_is_quiet = contextvars.ContextVar("_is_quiet", default=False)


class _Quiet(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _is_quiet.get()


_QUIET = _Quiet()


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Say in one line that ``pydicom`` is missing.

    Raises:
        MissingDependencyError: It is.
    """
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"DICOM files need the package pydicom ({error})", action="run pip install pydicom"
        ) from error


@contextlib.contextmanager
def decoding(path: Path, what: str = "it") -> Iterator[None]:
    """Turn whatever ``pydicom`` says against a file into one line without the file's own words, which may be a name.

    Args:
        path: The file, for the message.
        what: What of the file is being decoded, for the message.

    Raises:
        FormatError: The block failed.
    """
    with installed():
        from pydicom.config import disable_value_validation, logger
    # Warnings and log lines quote values. A filter that is there already is not added twice.
    logger.addFilter(_QUIET)
    token = _is_quiet.set(True)
    try:
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    except (MedclipError, MemoryError, OSError):
        raise
    except BaseException as error:
        # A codec written in Rust panics with an exception that is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise FormatError(
            f"{path} is damaged: {what} cannot be decoded ({type(error).__name__})",
            action="copy the file again from its source",
        ) from error
    finally:
        _is_quiet.reset(token)


def text_of(item: Dataset, keyword: str, path: Path) -> str:
    """Return a value as one line of text, several values joined by one blank; empty if there is none.

    Raises:
        FormatError: The element cannot be decoded.
    """
    return " ".join(texts_of(item, keyword, path))


def texts_of(item: Dataset, keyword: str, path: Path) -> tuple[str, ...]:
    """Return all values of an element as text without blanks around; empty if there are none.

    Raises:
        FormatError: The element cannot be decoded.
    """
    values = (" ".join(str(value).split()) for value in _values(item, keyword, path))
    return tuple(value for value in values if value)


def number_of(item: Dataset, keyword: str, path: Path, *, default: float | None = None) -> float:
    """Return one finite number, the first if there are several.

    Args:
        item: Where it is looked for.
        keyword: DICOM keyword of the element.
        path: The file, for the message.
        default: What an absent or empty element means; None if it must be there.

    Raises:
        FormatError: It is absent without a default, or is no finite number.
    """
    numbers = numbers_of(item, keyword, path)
    if numbers:
        return numbers[0]
    if default is None:
        raise FormatError(f"{path} states no {words_of(keyword)}", action="export the file again from its source")
    return default


def optional_number(item: Dataset, keyword: str, path: Path) -> float | None:
    """Return one finite number, or None where the element is absent or empty.

    Raises:
        FormatError: It is there and no finite number.
    """
    return next(iter(numbers_of(item, keyword, path)), None)


def numbers_of(item: Dataset, keyword: str, path: Path) -> tuple[float, ...]:
    """Return all numbers of an element; empty if it is absent or empty.

    Raises:
        FormatError: One of them is no finite number.
    """
    try:
        numbers = tuple(float(value) for value in _values(item, keyword, path) if str(value).strip())
    except (TypeError, ValueError) as error:
        raise FormatError(f"the {words_of(keyword)} in {path} is no number", action="copy the file again") from error
    if not all(math.isfinite(number) for number in numbers):
        raise FormatError(f"the {words_of(keyword)} in {path} is no usable number", received=numbers)
    return numbers


def items_of(item: Dataset, keyword: str, path: Path) -> tuple[Dataset, ...]:
    """Return the items of a sequence; empty if it is absent or empty.

    Raises:
        FormatError: The element cannot be decoded.
    """
    return tuple(_values(item, keyword, path))


def words_of(keyword: str) -> str:
    """Write a DICOM keyword as words.

    >>> words_of("NumberOfFrames")
    'Number Of Frames'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", keyword)


def _values(item: Dataset, keyword: str, path: Path) -> tuple[Any, ...]:
    with decoding(path, f"its {words_of(keyword)}"):
        value = item.get(keyword)
        if value is None or (isinstance(value, str) and not value):
            return ()
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__") or hasattr(value, "original_string"):
            return (value,)
        return tuple(value)
