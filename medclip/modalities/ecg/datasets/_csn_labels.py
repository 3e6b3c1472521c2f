"""Labels of Chapman-Shaoxing-Ningbo: acronyms such as ``AFIB``, as whole tokens or as MERL reads them.

The spreadsheets of the set use acronyms, its WFDB headers SNOMED CT codes. Several acronyms share one code; of these
the record tells only the broadest, and the others are not assessed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from medclip.core.errors import ConfigError
from medclip.core.label_set import LabelSet
from medclip.modalities.ecg.datasets._recordings import Entry, Reading, TokenReading
from medclip.modalities.ecg.datasets._snomed import ids_of_codes

__all__ = ["LABEL_READINGS", "LABEL_SETS", "MerlReading", "acronyms_of_snomed", "readings_of"]

LABEL_SETS = ("csn", "csn-merl38")
LABEL_READINGS = ("exact", "merl")

# Of several acronyms with one SNOMED CT code, the one that says no more than the code. WAVN and SAAWR have none.
_BROADEST = {"698252002": "IVB", "164909002": "LBBB", "164865005": "MI"}
# Of these MERL's table of codes keeps the one that the publishers list first.
_MERL_CHOICE = {"698252002": "IDC"}


@dataclass(frozen=True)
class MerlReading:
    """MERL's reading, to reproduce its published numbers: a class counts wherever the text contains its acronym.

    So atrial fibrillation (AFIB) counts as atrial flutter (AF) as well, sinus tachycardia (ST) is found in STE, STDD,
    STTC and STTU, ventricular bigeminy (VB) in 1AVB, sinus arrhythmia (SA) in LVQRSAL. Evaluate nothing else with it.

    Args:
        codes: Codes of the label set.
        acronyms: Acronym of each SNOMED CT code; a label that is no code stands for itself.
    """

    codes: Sequence[str]
    acronyms: Mapping[str, str]

    def __call__(self, entry: Entry) -> tuple[Collection[str], Collection[str]]:
        """Return the codes that MERL counts as present."""
        text = ",".join(self.acronyms.get(token, token) for token in entry.tokens or ())
        return [code for code in self.codes if code in text], ()


def acronyms_of_snomed(*, merl: bool = False) -> dict[str, str]:
    """Return the acronym that a SNOMED CT code certainly stands for; ``merl`` gives the one that MERL takes."""
    shared: dict[str, list[str]] = {}
    for code, ids in ids_of_codes("csn").items():
        for snomed in ids:
            shared.setdefault(snomed, []).append(code)
    certain = {snomed: codes[0] for snomed, codes in shared.items() if len(codes) == 1}
    return certain | _BROADEST | (_MERL_CHOICE if merl else {})


def readings_of(label_reading: str, *, has_snomed: bool) -> dict[str, Reading]:
    """Return how the labels are read in ``csn`` and ``csn-merl38``.

    Args:
        label_reading: ``exact`` or ``merl``.
        has_snomed: The labels are SNOMED CT codes and not acronyms.

    Raises:
        ConfigError: ``label_reading`` is neither.
    """
    if label_reading not in LABEL_READINGS:
        raise ConfigError("labels cannot be read in that way", received=label_reading, allowed=LABEL_READINGS)
    codes = {name: LabelSet.load(name).codes for name in LABEL_SETS}
    if label_reading == "merl":
        acronyms = acronyms_of_snomed(merl=True)
        return {name: MerlReading(codes[name], acronyms if has_snomed else {}) for name in LABEL_SETS}
    return {name: _exact(codes[name], has_snomed) for name in LABEL_SETS}


def _exact(codes: Sequence[str], has_snomed: bool) -> TokenReading:
    if not has_snomed:
        return TokenReading({code: (code,) for code in codes})
    present = {snomed: (code,) for snomed, code in acronyms_of_snomed().items() if code in codes}
    unsure: dict[str, list[str]] = {}
    for code, ids in ids_of_codes("csn").items():
        for snomed in ids:
            if code in codes and code not in present.get(snomed, ()):
                unsure.setdefault(snomed, []).append(code)
    return TokenReading(present, unsure=unsure)
