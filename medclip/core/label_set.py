"""The findings that a data set or a clinic asks about, by code."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from medclip.core._offers import meant, question
from medclip.core.errors import LabelError
from medclip.core.named_files import find_label_set_file

__all__ = ["Finding", "LabelSet"]

_COLUMNS = ("code", "name", "parent", "polarity")
_FURTHER_COLUMNS = ("text", "concept")
_POLARITIES = ("abnormal", "normal", "neutral")


@dataclass(frozen=True)
class Finding:
    """One thing that may be present in a recording.

    Args:
        code: As the data set spells it.
        name: Preferred term, lower case except for proper names.
        parent: Code of the broader finding in the same data set, or empty.
        polarity: ``abnormal`` (presence needs attention), ``normal`` (presence is good news) or ``neutral``.
        text: What the data set itself calls it, misspellings included; empty if that is ``name``.
        concept: Id of the finding in medclip's knowledge catalogue, or empty.
    """

    code: str
    name: str
    parent: str = ""
    polarity: str = "abnormal"
    text: str = ""
    concept: str = ""


@dataclass(frozen=True)
class LabelSet:
    """An ordered list of findings under one name.

    >>> labels = LabelSet("demo", "demo", (Finding("AFIB", "atrial fibrillation"), Finding("SR", "sinus rhythm")))
    >>> labels.codes
    ('AFIB', 'SR')
    """

    name: str
    modality: str
    findings: tuple[Finding, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes in order."""
        return tuple(finding.code for finding in self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def finding(self, code: str) -> Finding:
        """Return one finding by its code, or raise ``LabelError``."""
        for finding in self.findings:
            if finding.code == code:
                return finding
        raise LabelError(f"label set {self.name} has no such code", received=code, allowed=self.codes)

    def matching(self, codes: Iterable[str]) -> tuple[str, ...]:
        """Return codes as the label set spells them; capitals and small letters are alike where only one is meant.

        Raises:
            LabelError: There is no such code; those that may have been meant are named.

        >>> LabelSet("demo", "demo", (Finding("AFIB", "atrial fibrillation"),)).matching(["afib"])
        ('AFIB',)
        """
        found = {code: self._spelled(code) for code in codes}
        unknown = [code for code, spellings in found.items() if len(spellings) != 1]
        if unknown:
            close = dict.fromkeys(code for wanted in unknown for code in self._meant(wanted))
            raise LabelError(
                f"findings are not in label set {self.name}",
                received=unknown,
                allowed=self.codes,
                action=question(list(close)),
            )
        return tuple(dict.fromkeys(spellings[0] for spellings in found.values()))

    def _spelled(self, wanted: str) -> list[str]:
        if wanted in self.codes:
            return [wanted]
        return [code for code in self.codes if code.casefold() == wanted.casefold()]

    def _meant(self, wanted: str) -> list[str]:
        """Codes that a slip of the finger, or the name of a finding, may have meant."""
        known: dict[str, list[str]] = {}
        for finding in self.findings:
            for text in {finding.code.casefold(), finding.name.casefold()}:
                known.setdefault(text, []).append(finding.code)
        return [code for text in meant(wanted.casefold(), list(known)) for code in known[text]]

    @classmethod
    def load(cls, name: str) -> LabelSet:
        """Load a shipped label set by name.

        Raises:
            LabelError: There is no label set of that name, or its file is malformed.
        """
        modality, path = find_label_set_file(name)
        return cls.read(path, name=name, modality=modality)

    @classmethod
    def read(cls, path: Path, *, name: str, modality: str) -> LabelSet:
        """Read a CSV file with the columns code, name, parent and polarity, and if there are such, text and concept.

        Raises:
            LabelError: The file cannot be read, a column or a cell is missing, a code is doubled or a polarity is
                unknown.
        """
        findings = tuple(
            Finding(**{column: row[column] for column in (*_COLUMNS, *_FURTHER_COLUMNS) if column in row})
            for row in _read_rows(path)
        )
        codes = [finding.code for finding in findings]
        doubled = sorted({code for code in codes if codes.count(code) > 1 or not code})
        if doubled or not codes:
            raise LabelError(f"label set file {path} needs every code once", received=doubled or "no code")
        odd = {finding.polarity for finding in findings} - set(_POLARITIES)
        if odd:
            raise LabelError(f"label set file {path} has unknown polarities", received=odd, allowed=_POLARITIES)
        return cls(name, modality, findings)


def _read_rows(path: Path) -> list[dict[str, str]]:
    try:
        # Spreadsheets write a byte order mark in front of the first column's name.
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
            header = reader.fieldnames or ()
    except OSError as error:
        raise LabelError(f"label set file {path} cannot be read ({error.strerror})", action="check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"label set file {path} is no CSV file ({error})", action="save it as CSV in UTF-8") from error
    lacking = [column for column in _COLUMNS if column not in header]
    if lacking:
        raise LabelError(f"label set file {path} lacks columns: {', '.join(lacking)}", received=header)
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise LabelError(
                f"row {number} of label set file {path} has another number of cells than its header",
                action="put texts with commas into quotation marks",
            )
    return rows
