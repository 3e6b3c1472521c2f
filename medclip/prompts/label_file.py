"""A label set from a CSV file of one's own: code and name, and what else there is."""

from __future__ import annotations

import csv
from pathlib import Path

from medclip.core.errors import KnowledgeError, LabelError
from medclip.core.label_set import Finding, LabelSet
from medclip.knowledge.concept import Concept, Origin, Synonym
from medclip.knowledge.lookup import CatalogueKnowledge, Knowledge

__all__ = ["LabelFileKnowledge", "read_label_file"]

_REQUIRED = ("code", "name")
_FURTHER = ("parent", "polarity", "text", "concept")
_POLARITIES = ("abnormal", "normal", "neutral")
_PREFIX = "label-file:"


class LabelFileKnowledge:
    """Names that a label file gives, in front of other knowledge."""

    def __init__(self, concepts: list[Concept], knowledge: Knowledge) -> None:
        self._own = CatalogueKnowledge(concepts, origin=Origin("labels", "", ""))
        self._knowledge = knowledge

    def get(self, id: str) -> Concept:
        """Return one concept, or raise ``KnowledgeError``."""
        return self._of(id).get(id)

    def by_name(self, text: str) -> tuple[Concept, ...]:
        """Return the concepts that have this name."""
        return self._own.by_name(text) + self._knowledge.by_name(text)

    def ancestors(self, id: str) -> frozenset[str]:
        """Return the ids of all that the concept is a kind of."""
        return self._of(id).ancestors(id)

    def descendants(self, id: str) -> frozenset[str]:
        """Return the ids of all kinds of the concept."""
        return self._of(id).descendants(id)

    def origin(self, id: str) -> Origin:
        """Return where the concept comes from."""
        return self._of(id).origin(id)

    def _of(self, id: str) -> Knowledge:
        return self._own if id.startswith(_PREFIX) else self._knowledge


def read_label_file(
    path: Path, *, modality: str = "", knowledge: Knowledge | None = None
) -> tuple[LabelSet, Knowledge]:
    """Read a CSV file with the columns code and name, and perhaps parent, polarity, text, concept and equivalents.

    ``equivalents`` holds other names of the same, parted by semicolons; they serve where no concept is named.

    Args:
        path: The file; its stem is the name of the label set.
        modality: Of the label set.
        knowledge: Where the concepts named are; the shipped catalogue if None.

    Returns:
        The label set, and the knowledge with the file's own names in front.

    Raises:
        LabelError: The file cannot be read, a column or a code is missing, a code is doubled, or a polarity unknown.
    """
    rows = _rows(path)
    codes = [row["code"] for row in rows]
    doubled = sorted({code for code in codes if codes.count(code) > 1 or not code})
    if doubled or not codes:
        raise LabelError(f"label file {path} needs every code once", received=doubled or "no code")
    concepts = [_concept(row) for row in rows if not row.get("concept")]
    findings = tuple(_finding(row) for row in rows)
    odd = {finding.polarity for finding in findings} - set(_POLARITIES)
    if odd:
        raise LabelError(f"label file {path} has unknown polarities", received=odd, allowed=_POLARITIES)
    try:
        known = LabelFileKnowledge(concepts, CatalogueKnowledge() if knowledge is None else knowledge)
    except KnowledgeError as error:
        raise LabelError(f"label file {path}: {error}") from error
    return LabelSet(path.stem, modality, findings), known


def _finding(row: dict[str, str]) -> Finding:
    given = {column: row[column] for column in _FURTHER if row.get(column)}
    return Finding(row["code"], row["name"], **({"concept": _PREFIX + row["code"]} | given))


def _concept(row: dict[str, str]) -> Concept:
    names = [name.strip() for name in (row.get("equivalents") or "").split(";")]
    return Concept(_PREFIX + row["code"], row["name"], synonyms=tuple(Synonym(name) for name in names if name))


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [{key: value or "" for key, value in row.items() if isinstance(key, str)} for row in reader]
            header = reader.fieldnames or ()
    except OSError as error:
        raise LabelError(f"label file {path} cannot be read ({error.strerror})", action="check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"label file {path} is no CSV file ({error})", action="save it as CSV in UTF-8") from error
    lacking = [column for column in _REQUIRED if column not in header]
    if lacking:
        raise LabelError(f"label file {path} lacks columns: {', '.join(lacking)}", received=header)
    return rows
