"""Ids of other vocabularies, spelled one way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

__all__ = ["as_ids", "curie_of_iri"]

_PREFIXES = {
    "UMLS_CUI": "UMLS",
    "NCI": "NCIT",
    "NCIt": "NCIT",
    "SCTID": "SNOMEDCT",
    "SNOMED": "SNOMEDCT",
    "SNOMEDCT_US": "SNOMEDCT",
    "MSH": "MESH",
    "HPO": "HP",
}
# Vocabularies of meanings; other references are to articles and web pages.
_VOCABULARIES = {
    "CDISC", "DOID", "EFO", "GARD", "HP", "ICD10CM", "ICD10", "ICD9CM", "ICDO", "MEDDRA", "MESH", "MONDO", "NCIT",
    "OMIM", "OMIMPS", "OMOP", "ORDO", "Orphanet", "RADLEX", "SNOMEDCT", "UMLS",
}  # fmt: skip
_RELEASE = re.compile(r"^(SNOMEDCT_US)_\d{4}_\d{2}_\d{2}$")
_IRI = re.compile(r".*[/#]([A-Za-z]+)_([A-Za-z0-9]+)$")


def as_ids(references: Iterable[str]) -> Iterator[str]:
    """Keep the references to vocabularies, in one spelling.

    >>> list(as_ids(["UMLS_CUI:C0004238", "SNOMEDCT_US_2023_03_01:266306001", "NCI:C50466", "url:http://x.org"]))
    ['UMLS:C0004238', 'SNOMEDCT:266306001', 'NCIT:C50466']
    """
    for reference in references:
        prefix, _, local = reference.partition(":")
        release = _RELEASE.match(prefix)
        prefix = release.group(1) if release else prefix
        prefix = _PREFIXES.get(prefix, prefix)
        if local and prefix in _VOCABULARIES:
            yield f"{prefix}:{local}"


def curie_of_iri(iri: str) -> str:
    """Write an ontology's web address as prefix and local part; other texts stay.

    >>> curie_of_iri("http://purl.obolibrary.org/obo/HP_0001640")
    'HP:0001640'
    """
    found = _IRI.match(iri)
    return f"{found.group(1)}:{found.group(2)}" if found else iri
