"""JSON whose texts know where they stand in the file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from medclip.core.errors import PromptError

__all__ = ["LocatedText", "parse_located"]

_BLANK = re.compile(r"[ \t\n\r]*")
_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.")
_MOST_NESTING = 100


@dataclass(frozen=True)
class LocatedText:
    """A text of a JSON file.

    Args:
        text: The text.
        line: Line of its first character, from 1.
        columns: Column of every character, from 1.
    """

    text: str
    line: int
    columns: tuple[int, ...]

    def part(self, start: int, end: int) -> LocatedText:
        """Return a piece of the text with its place."""
        return LocatedText(self.text[start:end], self.line, self.columns[start:end])

    @property
    def column(self) -> int:
        """Column of the first character."""
        return self.columns[0] if self.columns else 1


def parse_located(text: str) -> Any:
    """Parse JSON into dictionaries, lists and ``LocatedText``; numbers and the like become None, keys are located too.

    Raises:
        PromptError: The text is no JSON; the message says where.
    """
    try:
        json.loads(text)
        return _Parser(text).value(0, 0)[0]
    except json.JSONDecodeError as error:
        raise PromptError(f"no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise PromptError("no prompt set: nested too deeply") from error


class _Parser:
    """Walks over text that is known to be valid JSON."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        at = self._skip(at)
        if depth > _MOST_NESTING:
            raise RecursionError
        sign = self._text[at]
        if sign == '"':
            return self._string(at)
        if sign == "{":
            return self._object(at + 1, depth)
        if sign == "[":
            return self._array(at + 1, depth)
        while at < len(self._text) and self._text[at] not in ",]} \t\n\r":
            at += 1
        return None, at

    def _object(self, at: int, depth: int) -> tuple[dict[LocatedText, Any], int]:
        found: dict[LocatedText, Any] = {}
        while self._text[at := self._skip(at)] != "}":
            key, at = self._string(self._skip(at + (self._text[at] == ",")))
            found[key], at = self.value(self._skip(at) + 1, depth + 1)
        return found, at + 1

    def _array(self, at: int, depth: int) -> tuple[list[Any], int]:
        found = []
        while self._text[at := self._skip(at)] != "]":
            value, at = self.value(at + (self._text[at] == ","), depth + 1)
            found.append(value)
        return found, at + 1

    def _string(self, at: int) -> tuple[LocatedText, int]:
        start = at + 1
        line = self._text.count("\n", 0, start) + 1
        offset = self._text.rfind("\n", 0, start)
        at, signs, columns = start, [], []
        while self._text[at] != '"':
            escape = _ESCAPE.match(self._text, at)
            raw = escape.group() if escape else self._text[at]
            signs.append(json.loads(f'"{raw}"') if escape else raw)
            columns.append(at - offset)
            at += len(raw)
        return LocatedText("".join(signs), line, tuple(columns)), at + 1

    def _skip(self, at: int) -> int:
        found = _BLANK.match(self._text, at)
        return found.end() if found else at
