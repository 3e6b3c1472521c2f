"""The sections of a radiologist's report, whatever layout it comes in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from medclip.core.errors import FormatError, InputError
from medclip.core.xml import parse_xml

__all__ = ["SECTIONS", "ReportSections", "open_i_sections", "sections_of", "table_sections"]


@dataclass(frozen=True)
class ReportSections:
    """A report by section; what it does not have is empty, and text under no heading is ``findings``.

    >>> ReportSections(findings="Clear lungs.", impression="Normal.").to_text()
    'FINDINGS: Clear lungs.\\n\\nIMPRESSION: Normal.'
    """

    indication: str = ""
    technique: str = ""
    comparison: str = ""
    findings: str = ""
    impression: str = ""

    def to_text(self) -> str:
        """Return one text that ``sections_of`` takes apart again."""
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        return "\n\n".join(f"{name.upper()}: {text}" for name, text in named if text)

    def select(self, names: tuple[str, ...]) -> str:
        """Return the named sections as one text, a blank line between two."""
        return "\n\n".join(text for name in names if (text := getattr(self, name)))


SECTIONS = tuple(field.name for field in fields(ReportSections))

# What headings say; "" is a heading whose text belongs to no section.
_HEADINGS = {
    "indication": r"(?:clinical )?(?:indications?|history|information|statement|data|details?|symptoms?)"
    r"|reasons? for (?:the )?(?:exam(?:ination)?|study)|history of present illness|clinical"
    r"|(?:history|indication)(?: and|/)(?: ?)(?:indication|history)|clinical ?information(?: ?en)?",
    "technique": r"techniques?|procedures?(?: comments?)?|protocol|method|technique ?en"
    r"|(?:type of )?exam(?:ination)?s?|study|views?",
    "comparison": r"comparisons?|compared (?:to|with)|(?:prior|comparison) (?:study|studies|exams?)",
    "findings": r"findings?|observations?|report|body|findings ?en|description|chest|lungs",
    "impression": r"impressions?|conclusions?|summary|opinion|diagnosis|assessment|interpretation|impressions? ?en"
    r"|findings?(?: and|/)(?: ?)impressions?|result",
    "": r"final (?:report|addendum)|addendum|wet read|recommendations?|notifications?|attestation|signed(?: by)?"
    r"|dictated by|approved by|electronically signed by|critical results?|radiation dose|dlp",
}
_LONGEST_HEADING_WORDS = 5
# A heading in capitals, or one on its own at the beginning of a line; both with a colon. "FINAL REPORT" has none.
_CAPITALS = r"[A-Z][A-Z /&_-]{2,50}?[A-Z]"
_MIXED = r"[A-Za-z][A-Za-z /&_-]{2,50}?[A-Za-z]"
_MAIN = "Findings?|Impressions?|Indications?|Techniques?|Comparisons?|Conclusions?|(?:Clinical )?History"
_HEADING = re.compile(
    rf"(?:^|(?<=[\s.\"]))(?P<capitals>{_CAPITALS})[ \t]*(?::|(?=[ \t]*\r?\n[ \t]*\r?\n)|[ \t]+-[ \t])"
    rf"|(?<=[.;!?\s]\s)(?P<main>{_MAIN})[ \t]*:"
    rf"|^[ \t]*(?P<mixed>{_MIXED})[ \t]*:"
    rf"|^[ \t]*(?P<stamp>FINAL (?:REPORT|ADDENDUM)|WET READ[^\n]*)[ \t]*$",
    re.MULTILINE,
)
_BLANK_LINES = re.compile(r"\r?\n[ \t]*(?:\r?\n[ \t]*)+")
_RULES = re.compile(r"^[ \t]*[_=*-]{4,}[ \t]*$", re.MULTILINE)


def sections_of(text: str) -> ReportSections:
    """Take a report apart at its headings, such as "FINDINGS:" of MIMIC-CXR.

    A heading counts in capitals anywhere and otherwise at the beginning of a line (the usual ones behind a sentence
    too); it needs a colon or a line of its own. In a report without a section of findings, what follows a blank line in
    the last section before the impression is the findings. Headings that are not known stay part of the section they
    stand in. Text before the first heading is a title, and left out, in a report with findings or an impression.

    >>> sections_of("FINAL REPORT\\n INDICATION:  Cough. FINDINGS: Lungs are clear.\\n\\nImpression: Normal.")
    ReportSections(indication='Cough.', technique='', comparison='', findings='Lungs are clear.', impression='Normal.')
    >>> sections_of("Heart size is normal.").findings
    'Heart size is normal.'
    """
    text = _RULES.sub("", text)
    parts: dict[str, list[str]] = {name: [] for name in ("", *SECTIONS)}
    current, start, before_first, before_impression = "findings", 0, "", ""
    is_first = True
    for match in _HEADING.finditer(text):
        section = _section_of(next(filter(None, match.groups())))
        if section is None:
            continue
        body = text[start : match.start()].strip()
        if is_first:
            before_first, is_first = body, False
        else:
            parts[current].append(body)
            before_impression = current if section == "impression" else before_impression
        current, start = section, match.end()
    last = text[start:].strip()
    before_impression = before_impression or current
    if is_first:
        return ReportSections(findings=last)
    parts[current].append(last)
    if not any(parts["findings"]):
        _part_findings(parts, before_impression)
    joined = {name: "\n\n".join(filter(None, bodies)) for name, bodies in parts.items()}
    if not joined["findings"] and not joined["impression"]:
        joined["findings"] = "\n\n".join(filter(None, [before_first, joined[""]]))
    return ReportSections(**{name: joined[name] for name in SECTIONS})


def _part_findings(parts: dict[str, list[str]], section: str) -> None:
    """Move to the findings what stands in paragraphs of their own in a section that is one paragraph long."""
    if section not in ("indication", "technique", "comparison") or not parts[section]:
        return
    first, *further = _BLANK_LINES.split(parts[section][-1])
    parts[section][-1] = first
    parts["findings"].append("\n\n".join(further))


def table_sections(row: Mapping[str, str | None]) -> ReportSections:
    """Return the sections of a row of a table of reports with one column a section, such as CT-RATE's.

    Args:
        row: Cells by the name of their column; "Findings_EN", "findings" and "Impressions" are understood.

    Raises:
        InputError: No column holds findings or an impression.

    >>> table_sections({"Findings_EN": "Clear lungs.", "Impressions_EN": "Not given."}).impression
    ''
    """
    found: dict[str, str] = {}
    for column, cell in row.items():
        section = _section_of(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column))
        if section and section not in found:
            found[section] = _cell(cell)
    if not {"findings", "impression"} & set(found):
        raise InputError(
            "no column of the table holds reports",
            received=list(row),
            allowed="a column for findings or for the impression",
            action="name the column",
        )
    return ReportSections(**found)


def open_i_sections(path: str | Path) -> ReportSections:
    """Read the report of an XML file of the Indiana University collection (Open-i).

    Some files of the collection hold neither findings nor an impression; then both are empty.

    Raises:
        FormatError: The file cannot be read, or is no such XML.
    """
    tree = parse_xml(Path(path), root="eCitation")
    found: dict[str, str] = {}
    if tree.find(".//Abstract") is None:
        raise FormatError(f"{path} holds no report", allowed="an element Abstract with the sections of one")
    for element in tree.iter("AbstractText"):
        section = _section_of(element.get("Label", ""))
        if section:
            found[section] = " ".join(_LINE_BREAK.sub(" ", "".join(element.itertext())).split())
    return ReportSections(**found)


# Left in some texts of the collection.
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_NOTHING = frozenset(("not given", "none", "nan", "n/a", "no information"))


def _cell(cell: str | None) -> str:
    text = (cell or "").strip()
    return "" if text.lower().rstrip(".") in _NOTHING else text


@cache
def _known_headings() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((section, re.compile(pattern)) for section, pattern in _HEADINGS.items())


def _section_of(heading: str) -> str | None:
    """Return the section that a heading opens, "" for one of no interest, None for no known heading."""
    plain = " ".join(re.sub(r"[_&-]+", " ", heading.lower()).split())
    if len(plain.split()) > _LONGEST_HEADING_WORDS:
        return None
    for section, pattern in _known_headings():
        if pattern.fullmatch(plain):
            return section
    # "FINDNGS", "IMPRESION": one letter lost, doubled or wrong in a long heading.
    return next((name for name in SECTIONS if _differs_little(plain, name)), None)


def _differs_little(word: str, name: str) -> bool:
    if word in (name, f"{name}s") or name.startswith(word[:1]) is False:
        return word in (name, f"{name}s")
    shorter, longer = sorted((word, name if not word.endswith("s") or name.endswith("s") else f"{name}s"), key=len)
    if len(longer) - len(shorter) > 1:
        return False
    same = 0
    while same < len(shorter) and shorter[same] == longer[same]:
        same += 1
    skip = 1 if len(shorter) == len(longer) else 0
    swapped = sorted(shorter) == sorted(longer) and shorter[same + 2 :] == longer[same + 2 :]
    return shorter[same + skip :] == longer[same + 1 :] or swapped
