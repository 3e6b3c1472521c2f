"""Bring raw reports into one plain form, and take out what is not the report.

Removed: notes that annotators appended with codes of the labels (training on them would leak the labels),
stamps of the recording device, and texts that are no report at all.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["clean_report"]

# "Edit: CODE 100, ..." and "consensus label derived from: {'CODE': 100.0, ...}", up to the end of the text.
_LABEL_NOTE = re.compile(
    r"\bedit\s*:.*|consensus label derived from.*|\{\s*'\w+'\s*:\s*\d.*", re.DOTALL | re.IGNORECASE
)
_MARKERS_OF_LABEL_NOTES = ("edit", "consensus", "{")
# "1.23", the version of a device, with or without the stamp "unconfirmed report" behind it, cut off anywhere.
_UNCONFIRMED = "unbestätigter bericht"
_SHORTEST_STAMP = 4
_CUT_OFF = "|".join(_UNCONFIRMED[:length] for length in range(len(_UNCONFIRMED), _SHORTEST_STAMP - 1, -1))
_DEVICE_STAMP = re.compile(rf"\s+\d\.\d\d(?:\s{{4,}}$|\s+(?:{_CUT_OFF})\s*$)|\s+(?:{_UNCONFIRMED})\s*$", re.IGNORECASE)
_CUT_OFF_VERSION = re.compile(r"\s+\d\.(?:\d\d?)?\s*$")
_WHERE_DEVICES_CUT = 250
_STAMP = re.compile(
    r"(?:\*+\s*)?\b(?:"
    r"unconfirmed (?:report|diagnosis|interpretation)"
    r"|confirmed by:.*|electronically signed by.*|reviewed by:.*"
    r"|unbest(?:ä|ae)tigter? (?:bericht|befund)|nicht best(?:ä|ae)tigter? (?:bericht|befund)"
    r"|obekräftad (?:rapport|tolkning)|ej bekräftad (?:rapport|tolkning)"
    r")(?:\s*\*+)?",
    re.IGNORECASE,
)
_MARKERS_OF_STAMPS = ("confirmed", "signed by", "reviewed by", "bestätigt", "bestaetigt", "bekräftad")
_NO_REPORT = re.compile(
    r"(?:trac(?:e|ing) only(?: requested)?|no report(?: available| requested)?|report not available"
    r"|no interpretation(?: available)?|unconfirmed|nur registrierung|kein bericht"
    r"|endast registrering)[\s.!*]*",
    re.IGNORECASE,
)
# Control, format and line separator characters, but for the line feed and the tab.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_LOST_CHARACTERS = re.compile(r"ó[¬½¿©]|�")
_GAPS = re.compile(r" *\n[ \n]*| {2,}")
_BLANKS = re.compile(r"[^\S \n]")


def clean_report(text: str, *, lower_case: bool = True) -> str:
    """Return `text` as plain lower-case text of one form; "" if it is no report.

    A gap of two or more blanks or a line break, which in telegrams parts statements, becomes two blanks;
    every other blank is one blank. Cleaning a cleaned report changes nothing.

    Args:
        text: A report as it was delivered.
        lower_case: Write in lower case; umlauts included, which some exports leave as capitals in lower-case
            words.

    >>> clean_report("Sinusrhythmus  mÖglicher   Infarkt 1.23          unbestÄtigter Bericht")
    'sinusrhythmus  möglicher  infarkt'
    >>> clean_report("normal study. Edit: ABC 100, (DEF 50)")
    'normal study.'
    >>> clean_report("trace only requested.")
    ''
    """
    is_cut_off = len(text) >= _WHERE_DEVICES_CUT
    while (cleaned := _clean_once(text, lower_case=lower_case, is_cut_off=is_cut_off)) != text:
        text, is_cut_off = cleaned, False
    return text


def _clean_once(text: str, *, lower_case: bool, is_cut_off: bool) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if lower_case:
        text = unicodedata.normalize("NFC", text.lower())
    text = _CONTROL.sub(" ", text)
    lowered = text.lower()
    if any(marker in lowered for marker in _MARKERS_OF_LABEL_NOTES):
        text = _LABEL_NOTE.sub("", text)
    if text[-1:].isspace() or _UNCONFIRMED[:_SHORTEST_STAMP] in lowered:
        text = _DEVICE_STAMP.sub("", text)
    if is_cut_off:
        text = _CUT_OFF_VERSION.sub("", text)
    if any(marker in lowered for marker in _MARKERS_OF_STAMPS):
        text = _STAMP.sub("", text)
    text = _LOST_CHARACTERS.sub("", text)
    text = _GAPS.sub("  ", _BLANKS.sub(" ", text)).strip()
    return "" if _NO_REPORT.fullmatch(text) else text
