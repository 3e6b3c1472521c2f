"""Name, version and licence of a file that does not state all three."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from medclip.core.errors import KnowledgeError
from medclip.core.files import sha256_of_file
from medclip.knowledge.concept import Origin

__all__ = ["digest_of", "origin_of"]

# As the publishers state them; what a user's own licence is needed for says so.
_LICENCES = {
    "cdisc": "CC-BY-4.0 (NCI Thesaurus)",
    "doid": "CC0-1.0",
    "hpo": "HPO licence (cite, show the version, do not alter)",
    "icd10cm": "public domain (US government work; WHO holds ICD-10)",
    "mondo": "CC-BY-4.0",
    "ncit": "CC-BY-4.0",
    "omop": "terms of each OMOP vocabulary; not to be passed on",
    "snomedct": "SNOMED International Affiliate Licence; not to be passed on",
    "umls": "UMLS Metathesaurus Licence; not to be passed on",
}
_DATE = re.compile(r"(?<!\d)(?:(?:19|20)\d{2}[-_]?\d{2}[-_]?\d{2}|20\d{2}A[A-C]|20\d{2}-\d{2}|20\d{2})(?!\d)")


def origin_of(name: str, *, version: str, digest: str, paths: Sequence[Path], licence: str = "") -> Origin:
    """Complete an origin: the version from the file's name, else from its content.

    >>> origin_of("mondo", version="", digest="", paths=[Path("MONDO-ontology-v2026-05-05.json.zst")]).version
    '2026-05-05'
    """
    dated = [found.group() for path in paths for found in [_DATE.search(path.name)] if found]
    return Origin(
        source=name,
        version=version or (dated[0] if dated else f"sha256:{digest[:12]}"),
        licence=licence or _LICENCES.get(name.split("-")[0], "unknown: ask its publisher"),
    )


def digest_of(paths: Sequence[Path]) -> str:
    """Sha256 over the content of files.

    Raises:
        KnowledgeError: One cannot be read.
    """
    try:
        if len(paths) == 1:
            return sha256_of_file(paths[0])
        return hashlib.sha256("".join(map(sha256_of_file, paths)).encode()).hexdigest()
    except OSError as error:
        raise KnowledgeError(
            f"{error.filename} cannot be read ({error.strerror})", action="check its rights"
        ) from error
