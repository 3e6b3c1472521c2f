"""How much of a label set the knowledge at hand explains."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medclip.core.errors import LabelError
from medclip.core.label_set import Finding
from medclip.knowledge.match import Match, Wordings, match_finding
from medclip.knowledge.vocabulary import Vocabulary

__all__ = ["Coverage", "coverage_of", "read_label_file"]

_COLUMNS = ("code", "name")
_ID_COLUMNS = ("same_as", "CDISC_ids")


@dataclass(frozen=True)
class Coverage:
    """The matches of one label set; something broader alone is no match.

    Args:
        name: Of the label set.
        matches: One a finding.
        codes_with_definition: Codes of the findings of which a matched concept has a definition.
        by_family: Codes with a match, and with a defined one, by vocabulary.
    """

    name: str
    matches: tuple[Match, ...]
    codes_with_definition: frozenset[str]
    by_family: Mapping[str, tuple[frozenset[str], frozenset[str]]]

    def count(self, *grades: str) -> int:
        """Findings with one of the grades."""
        return sum(match.grade in grades for match in self.matches)

    @property
    def n_matched(self) -> int:
        """Findings with a concept of their own."""
        return self.count("exact", "synonym")


def coverage_of(
    name: str,
    findings: Sequence[Finding],
    vocabulary: Vocabulary,
    wordings: Mapping[str, Wordings] | None = None,
    *,
    families: Collection[str] | None = None,
) -> Coverage:
    """Match every finding of a label set.

    Args:
        name: Of the label set.
        findings: Its findings.
        vocabulary: Where to look.
        wordings: Further phrases by code.
        families: Vocabularies that count; all if None.

    Raises:
        KnowledgeError: As ``match_finding``.
    """
    phrases = wordings or {}
    matches = tuple(
        match_finding(finding, vocabulary, phrases.get(finding.code, Wordings()), families=families)
        for finding in findings
    )
    found: dict[str, set[str]] = {}
    defined: dict[str, set[str]] = {}
    for match in matches:
        for entry in match.entries:
            found.setdefault(entry.family, set()).add(match.finding.code)
            if any(one.concept.definition for one in vocabulary.entries(entry.concept.id)):
                defined.setdefault(entry.family, set()).add(match.finding.code)
    by_family = {name: (frozenset(found[name]), frozenset(defined.get(name, ()))) for name in sorted(found)}
    return Coverage(name, matches, frozenset().union(*defined.values()), by_family)


def read_label_file(path: Path) -> tuple[tuple[Finding, ...], dict[str, Wordings]]:
    """Read a CSV file with the columns code and name.

    Further columns that are read: ``equivalents`` and ``broader``, phrases with ``;`` between them; ``same_as`` and
    ``CDISC_ids``, ids with ``|`` between them of concepts that are stated to mean the finding.

    Raises:
        LabelError: It cannot be read, or a column or a code is missing.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
            header = reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"label file {path} cannot be read ({error})", action="save it as CSV in UTF-8") from error
    lacking = [column for column in _COLUMNS if column not in header]
    if lacking:
        raise LabelError(f"label file {path} lacks columns: {', '.join(lacking)}", received=header)
    if not rows or any(not row["code"] or not row["name"] for row in rows):
        raise LabelError(f"label file {path} needs a code and a name in every row")
    findings = tuple(Finding(row["code"], row["name"]) for row in rows)
    return findings, {row["code"]: _wordings(row) for row in rows}


def _wordings(row: Mapping[str, str]) -> Wordings:
    ids = (id_ for column in _ID_COLUMNS for id_ in _split(row, column, "|"))
    return Wordings(_split(row, "equivalents", ";"), _split(row, "broader", ";"), tuple(ids))


def _split(row: Mapping[str, str], column: str, separator: str) -> tuple[str, ...]:
    return tuple(filter(None, (text.strip() for text in (row.get(column) or "").split(separator))))
