"""What the OMOP vocabulary calls things."""

from __future__ import annotations

__all__ = ["DOMAINS", "ENGLISH", "IS_A", "MAPS_TO", "reference"]

# Findings are conditions, observations and measurements; drugs, procedures and visits are none.
DOMAINS = ("Condition", "Observation", "Measurement")
ENGLISH = "4180186"
IS_A = "Is a"
MAPS_TO = "Maps to"

_PREFIXES = {"SNOMED": "SNOMEDCT", "ICD10CM": "ICD10CM", "MeSH": "MESH", "NCIt": "NCIT"}


def reference(vocabulary: str, code: str) -> str | None:
    """Id of a concept in the vocabulary that it is taken from, or None if no other source holds that."""
    return f"{_PREFIXES[vocabulary]}:{code}" if vocabulary in _PREFIXES else None
