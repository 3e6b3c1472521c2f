"""A prompt file of any known form, with the place of every phrase."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medclip.core.errors import PromptError
from medclip.prompts.located_json import LocatedText, parse_located

__all__ = ["LintedClass", "LintedFile", "Phrase", "read_lint_file"]

_MAXIMUM_BYTES = 16 << 20
_COMMA = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True)
class Phrase:
    """A phrase or sentence of a prompt file.

    Args:
        text: As it stands there, without the full stop that ends a comma list.
        line: From 1.
        column: From 1.
    """

    text: str
    line: int
    column: int


@dataclass(frozen=True)
class LintedClass:
    """What a file says of one class.

    Args:
        code: As the file spells it.
        line: Of the code.
        column: Of the code.
        positive: Phrases that say that the finding is there.
        negative: Phrases that say that it is not.
    """

    code: str
    line: int
    column: int
    positive: tuple[Phrase, ...]
    negative: tuple[Phrase, ...]


@dataclass(frozen=True)
class LintedFile:
    """A prompt file.

    Args:
        form: ``sentences`` (medclip's own) or ``comma lists`` (``{"CODE": "phrase, phrase"}``, as MERL publishes).
        classes: In the order of the file; a code may stand there twice.
    """

    form: Literal["sentences", "comma lists"]
    classes: tuple[LintedClass, ...]


def read_lint_file(path: Path) -> LintedFile:
    """Read a prompt file.

    Raises:
        PromptError: It does not exist, is no JSON, or is of no known form.
    """
    try:
        if path.stat().st_size > _MAXIMUM_BYTES:
            raise PromptError(f"{path} is no prompt set", received=f"{path.stat().st_size} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise PromptError(f"{path} cannot be read ({what})", action="check the path") from error
    try:
        content = parse_located(text)
    except PromptError as error:
        raise PromptError(f"{path} is {error.what}") from error
    return _file(content, path)


def _file(content: Any, path: Path) -> LintedFile:
    classes = {key.text: value for key, value in content.items()} if isinstance(content, dict) else {}
    prompts = classes.get("prompts")
    if isinstance(prompts, dict) and prompts:
        return LintedFile("sentences", tuple(_class(key, entry, path) for key, entry in prompts.items()))
    if classes and all(isinstance(entry, LocatedText) for entry in classes.values()):
        return LintedFile("comma lists", tuple(_flat_class(key, entry) for key, entry in content.items()))
    raise PromptError(
        f"{path} is no prompt set",
        allowed='{"prompts": {code: {"positive": [...], "negative": [...]}}} or {code: "phrase, phrase"}',
        action="see docs/prompts.md",
    )


def _class(key: LocatedText, entry: Any, path: Path) -> LintedClass:
    sides = {side.text: value for side, value in entry.items()} if isinstance(entry, dict) else {}
    positive, negative = (tuple(_sentences(sides.get(side))) for side in ("positive", "negative"))
    if not sides:
        raise PromptError(f"{path}:{key.line}:{key.column}: class {key.text} is no object with lists of sentences")
    return LintedClass(key.text, key.line, key.column, positive, negative)


def _sentences(value: Any) -> Iterator[Phrase]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            item = next((content for key, content in item.items() if key.text == "text"), None)
        if isinstance(item, LocatedText):
            yield Phrase(item.text, item.line, item.column)


def _flat_class(key: LocatedText, entry: LocatedText) -> LintedClass:
    bounds = [0, *(found.end() for found in _COMMA.finditer(entry.text)), len(entry.text) + 1]
    parts = (entry.part(start, end - 1) for start, end in itertools.pairwise(bounds))
    phrases = tuple(_stripped(part) for part in parts if part.text.strip(" ."))
    return LintedClass(key.text, key.line, key.column, phrases, ())


def _stripped(part: LocatedText) -> Phrase:
    start = len(part.text) - len(part.text.lstrip())
    text = part.text.strip()
    # One full stop ends the list; two are a fault that the linter shall see.
    text = text.removesuffix(".") if not text.endswith("..") else text
    return Phrase(text, part.line, part.part(start, start + 1).column)
