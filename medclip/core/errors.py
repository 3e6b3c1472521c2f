"""The errors that medclip raises for what a user can mend.

Every message is one line that says what was wrong, what was received, what is allowed and what to do next.
The command line prints that line and leaves with exit code 2; nothing else of medclip's own is an expected error.
No message may carry the identity of a patient.
"""

from __future__ import annotations

from collections.abc import Iterable

from medclip.core.one_line import one_line

__all__ = [
    "BundleError",
    "ConfigError",
    "DatasetError",
    "DownloadError",
    "FormatError",
    "InputError",
    "KnowledgeError",
    "LabelError",
    "MedclipError",
    "MissingDependencyError",
    "OutputError",
    "PromptError",
    "SignalError",
    "StoreError",
]


# A message has to fit on a screen, whatever the value received was.
_MOST_ITEMS = 40
_MOST_CHARACTERS = 500
_COMMANDS = ("medclip", "pip")


class MedclipError(Exception):
    """Base of all errors raised on purpose by medclip.

    Blanks, line breaks and characters that a terminal would act upon are made single blanks and question marks, so that
    the message is one harmless line whatever a file held.

    Args:
        what: What is wrong, without a final full stop.
        received: The value received, if it helps; shown as text, a long list or text by its beginning.
        allowed: What would have been accepted.
        action: What the reader should do next. It becomes a sentence: its first word gets a capital letter unless it is
            no plain word, such as a command, a path or a name with capitals or digits of its own.

    >>> str(MedclipError("unknown label set", received="ptb", allowed="ptbxl-all", action="choose one of these"))
    'unknown label set: received ptb; allowed: ptbxl-all. Choose one of these.'
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        received: object = None,
        allowed: object = None,
        action: str | None = None,
    ) -> None:
        self.what = what
        self.received = received
        self.allowed = allowed
        self.action = action
        super().__init__(self._message())

    def _message(self) -> str:
        parts = []
        if self.received is not None:
            parts.append(f"received {_as_text(self.received)}")
        if self.allowed is not None:
            parts.append(f"allowed: {_as_text(self.allowed)}")
        message = self.what if not parts else f"{self.what}: {'; '.join(parts)}"
        if self.action:
            message += f". {_sentence(self.action)}"
        return one_line(message)


class InputError(MedclipError, ValueError):
    """An argument, option or value given by the user is not usable."""


class ConfigError(InputError):
    """A recipe or option is inconsistent."""


class FormatError(InputError):
    """A file cannot be decoded faithfully: unknown format, truncated, inconsistent."""


class SignalError(InputError):
    """A decoded recording does not meet what a model needs: too short, leads missing, no usable samples."""


class DatasetError(InputError):
    """A data set folder lacks a file, a column or a record, or contradicts its data card."""


class LabelError(InputError):
    """A label set is unknown, or labels do not belong to it."""


class PromptError(InputError):
    """A prompt set is malformed or belongs to other labels."""


class KnowledgeError(InputError):
    """A source of clinical knowledge is malformed, or the knowledge store cannot be opened or searched."""


class StoreError(InputError):
    """A packed store is unfinished, damaged or of another version."""


class BundleError(InputError):
    """A bundle is incomplete, damaged or of another version."""


class DownloadError(MedclipError, OSError):
    """A file could not be fetched completely, or what came is not what was announced."""

    def __str__(self) -> str:
        return self._message()


class OutputError(MedclipError, OSError):
    """A result cannot be written: the target exists, is not writable, or the disk is full."""

    def __str__(self) -> str:
        return self._message()


class MissingDependencyError(MedclipError, ImportError):
    """An optional package is needed for this and is not installed, or is installed and broken."""


def _sentence(action: str) -> str:
    first = action.split(maxsplit=1)[0] if action.strip() else ""
    if first.rstrip(",:;").isalpha() and first.islower() and first not in _COMMANDS:
        action = f"{action.lstrip()[0].upper()}{action.lstrip()[1:]}"
    return action if action.endswith(("?", "!")) else f"{action.rstrip('.')}."


def _as_text(value: object) -> str:
    if isinstance(value, (set, frozenset)):
        value = sorted(map(str, value))
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) and getattr(value, "shape", None) != ():
        items = [str(item) for item in value]
        shown = ", ".join(items[:_MOST_ITEMS]) or "none"
        return _shortened(shown) + (f", ... ({len(items)} in all)" if len(items) > _MOST_ITEMS else "")
    return _shortened(str(value)) or "an empty text"


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}... ({len(text)} characters)"
