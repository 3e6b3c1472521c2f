"""Make one concept per territory from a common definition and the words of each territory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from medclip.core.errors import KnowledgeError

__all__ = ["composed", "territory_words"]

_PLACE = re.compile(r"\{(\w*)\}")
_OWN_KEYS = ("territories", "only")


def territory_words(territories: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, dict[str, str]]:
    """Return the words of every territory by its key; each word also capitalised, as ``Name`` beside ``name``.

    Args:
        territories: Pairs of the file's name and a ``[[territory]]`` table.

    Raises:
        KnowledgeError: A territory has no key, a key is doubled, or a value is neither text nor a list of texts.

    >>> words = territory_words([("t.toml", {"key": "inferior", "leads": ["II", "III", "aVF"]})])
    >>> words["inferior"]["leads"], words["inferior"]["Key"]
    ('II, III and aVF', 'Inferior')
    """
    found: dict[str, dict[str, str]] = {}
    for file, table in territories:
        key = table.get("key")
        if not isinstance(key, str) or not key or key in found:
            raise KnowledgeError(f"{file}: every territory needs a key of its own", received=key)
        words = {name: _joined(value, f"{file}, territory {key}, {name}") for name, value in table.items()}
        found[key] = {f"{name[:1].upper()}{name[1:]}": f"{text[:1].upper()}{text[1:]}" for name, text in words.items()}
        found[key] |= words
    return found


def composed(family: Mapping[str, Any], words: Mapping[str, Mapping[str, str]], file: str) -> Iterator[dict[str, Any]]:
    """Yield a ``[[concept]]`` table for each territory of a ``[[composed]]`` table.

    Args:
        family: The table; what ``only`` says of one territory replaces what the table says of all.
        words: Words of the territories by key.
        file: Name of the file, for errors.

    Raises:
        KnowledgeError: A territory or a word in braces is unknown, or ``territories`` is no list.
    """
    where = f"{file}, {family.get('id', 'a family without id')}"
    keys, only = family.get("territories"), family.get("only", {})
    if not isinstance(keys, list) or not keys or not isinstance(only, dict):
        raise KnowledgeError(f"{where} needs a list of territories, and only as a table", received=keys)
    unknown = [key for key in (*keys, *only) if key not in words] or [key for key in only if key not in keys]
    if unknown:
        raise KnowledgeError(f"{where} names an unknown territory", received=unknown, allowed=sorted(words))
    for key in keys:
        table = {name: value for name, value in family.items() if name not in _OWN_KEYS} | only.get(key, {})
        yield {name: _filled(value, words[key], where) for name, value in table.items()}


def _joined(value: Any, where: str) -> str:
    """``["II", "III", "aVF"]`` reads "II, III and aVF"."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Sequence) or not value or not all(isinstance(item, str) for item in value):
        raise KnowledgeError(f"{where} is neither a text nor a list of texts", received=value)
    return value[0] if len(value) == 1 else f"{', '.join(value[:-1])} and {value[-1]}"


def _filled(value: Any, words: Mapping[str, str], where: str) -> Any:
    if isinstance(value, list):
        return [_filled(item, words, where) for item in value]
    if not isinstance(value, str):
        return value
    unknown = [place for place in _PLACE.findall(value) if place not in words]
    if unknown:
        raise KnowledgeError(f"{where} has unknown words in braces", received=unknown, allowed=sorted(words))
    return _PLACE.sub(lambda place: words[place[1]], value)
