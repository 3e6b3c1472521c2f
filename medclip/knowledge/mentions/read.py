"""Phrases by which a report mentions a finding.

A file holds ``[[mention]]`` tables with the keys

- ``id``: a concept of the catalogue;
- ``present``: phrases that mention it; whether they assert or deny it is for the reader of the sentence to decide;
- ``absent`` (optional): phrases that by themselves say that it is not there ("lungs are clear");
- ``other`` (optional): phrases that mention something else; what of ``present`` lies inside one does not count
  ("subcutaneous emphysema");
- ``unless`` (optional): phrases that show, in the same sentence, that something else is meant ("thyroid" for a nodule
  of the lung).

A phrase is words in lower case: ``nodul*`` stands for any ending, ``lung|pulmonary`` for either word, ``..`` for up to
six words between two, and ``calcif* + coronary`` for two pieces in either order.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medclip.core.errors import KnowledgeError
from medclip.core.label_set import LabelSet
from medclip.knowledge.lookup import Knowledge, fold_name

__all__ = ["MENTIONS_FOLDER", "Mention", "label_mentions", "read_mentions"]

MENTIONS_FOLDER = Path(__file__).parent

_LISTS = ("present", "absent", "other", "unless")
_PHRASE = re.compile(r"[a-z0-9'|*]+(?: (?:\.\. |\+ )?[a-z0-9'|*]+)*")
_FEWEST_LETTERS_OF_A_NAME = 5


@dataclass(frozen=True)
class Mention:
    """Phrases about one finding; see the module for what they mean."""

    present: tuple[str, ...]
    absent: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


def read_mentions(folder: Path = MENTIONS_FOLDER) -> dict[str, Mention]:
    """Read all TOML files of a folder; the result is by the id of the concept.

    Raises:
        KnowledgeError: There is no file, or one is malformed.
    """
    found: dict[str, Mention] = {}
    for path in sorted(folder.glob("*.toml")):
        for table in _tables(path):
            id = table.get("id")
            if not isinstance(id, str) or not id or id in found:
                raise KnowledgeError(f"{path} needs every id once", received=id)
            found[id] = _mention(table, f"{path}, {id}")
    if not found:
        raise KnowledgeError(f"{folder} holds no phrases of findings", allowed="files that end with .toml")
    return found


def label_mentions(
    labels: LabelSet, knowledge: Knowledge, mentions: Mapping[str, Mention] | None = None
) -> dict[str, Mention]:
    """Return how reports mention each finding of a label set, by its code.

    The names of the finding's concept count beside the phrases of ``mentions``. A kind of the finding that has no label
    of its own speaks for it: a rib fracture is a fracture unless rib fractures are asked for as well.

    Args:
        labels: The findings; one without a concept is mentioned by its own name only.
        knowledge: Where the concepts are.
        mentions: Phrases by concept; the shipped ones if None.

    Raises:
        KnowledgeError: A concept is unknown, or the shipped phrases cannot be read.
    """
    known = read_mentions() if mentions is None else mentions
    labelled = {finding.concept for finding in labels.findings}
    return {
        finding.code: _joined(
            [_named(finding.name)]
            if not finding.concept
            else [
                # That one kind is absent says nothing of the others.
                mention if id == finding.concept else replace(mention, absent=())
                for id in _speaking(finding.concept, knowledge, labelled)
                for mention in [_of_concept(id, knowledge, known)]
            ]
        )
        for finding in labels.findings
    }


def _speaking(concept: str, knowledge: Knowledge, labelled: Collection[str]) -> list[str]:
    """Return the concept and those of its kinds that are not labelled themselves and have no label in between."""
    below = knowledge.descendants(concept)
    return [concept, *(id for id in sorted(below) if not (({id} | knowledge.ancestors(id)) & below & set(labelled)))]


def _of_concept(id: str, knowledge: Knowledge, known: Mapping[str, Mention]) -> Mention:
    names = [_named(name) for name in knowledge.get(id).names()]
    return _joined([*names, *([known[id]] if id in known else [])])


def _named(name: str) -> Mention:
    """Return a name as a phrase, in the singular and in the plural."""
    words = fold_name(name).split()
    if not words or len(name) < _FEWEST_LETTERS_OF_A_NAME:
        return Mention(())
    last = words[-1]
    plural = f"{last[:-1]}ies" if last.endswith("y") else f"{last}s"
    return Mention((" ".join([*words[:-1], f"{last}|{plural}"]),))


def _joined(parts: list[Mention]) -> Mention:
    return Mention(*(tuple(dict.fromkeys(p for part in parts for p in getattr(part, key))) for key in _LISTS))


def _tables(path: Path) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise KnowledgeError(f"file of phrases {path} cannot be read ({error})", action="mend the file") from error
    tables = content.get("mention")
    if set(content) != {"mention"} or not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise KnowledgeError(
            f"file of phrases {path} holds other tables", received=list(content), allowed="[[mention]]"
        )
    return tables


def _mention(table: Mapping[str, Any], where: str) -> Mention:
    if set(table) - {"id", *_LISTS} or not table.get("present"):
        raise KnowledgeError(f"{where} has other keys than it should", received=list(table), allowed=("id", *_LISTS))
    for key in _LISTS:
        phrases = table.get(key, [])
        if not isinstance(phrases, list) or not all(isinstance(p, str) and _PHRASE.fullmatch(p) for p in phrases):
            raise KnowledgeError(f"{where} has malformed phrases in {key}", received=phrases)
    return Mention(*(tuple(table.get(key, ())) for key in _LISTS))
