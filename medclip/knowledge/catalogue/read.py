"""Read the catalogue.

A file holds ``[[concept]]`` tables with the keys

- ``id``: modality, colon, words joined by hyphens, as in ``ecg:atrial-fibrillation``;
- ``term``, ``definition`` and, where wording differs, ``synonyms`` (exact ones; no abbreviation of up to 4 letters);
- ``parents``, ``excludes``, ``opposite``: ids;
- ``region``, ``attributes``, ``guideline``;
- ``appearance`` and ``absence``: sentences;
- ``ids``: a table of ids elsewhere, by vocabulary (``hpo``, ``doid``, ``mondo``, ``ncit``, ``cdisc``, ``snomed``,
  ``umls``), each a text or a list.

A ``[[composed]]`` table has the same keys and ``territories``; it stands for one concept per territory, whose words are
put in place of ``{key}``, ``{name}``, ``{wall}``, ``{leads}`` and ``{reciprocal}``. The ``[[territory]]`` tables with
these words stand in ``territories.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Description, Origin, Synonym

__all__ = ["CATALOGUE_FOLDER", "CATALOGUE_ORIGIN", "read_catalogue"]

CATALOGUE_FOLDER = Path(__file__).parent
CATALOGUE_ORIGIN = Origin("medclip", "1", "Apache-2.0")

_PREFIXES = {
    "hpo": "HP",
    "doid": "DOID",
    "mondo": "MONDO",
    "ncit": "NCIT",
    "cdisc": "CDISC",
    "snomed": "SNOMEDCT",
    "umls": "UMLS",
}
_TEXTS = ("id", "term", "definition", "region", "guideline", "opposite")
_LISTS = ("synonyms", "parents", "excludes", "attributes", "appearance", "absence")
_REQUIRED = ("id", "term", "definition", "appearance", "absence")


def read_catalogue(folder: Path = CATALOGUE_FOLDER) -> tuple[Concept, ...]:
    """Read and check all TOML files of a folder.

    Raises:
        KnowledgeError: A file is malformed, an id is doubled, or a concept names one that is not there.
    """
    tables = [(path.name, _parse(path)) for path in sorted(folder.glob("*.toml"))]
    territories = {entry["key"]: entry for _, content in tables for entry in content.get("territory", ())}
    concepts = [
        _concept(entry, file)
        for file, content in tables
        for entry in [*content.get("concept", ()), *_expanded(content.get("composed", ()), territories, file)]
    ]
    _check(concepts)
    return tuple(concepts)


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as error:
        raise KnowledgeError(f"catalogue file {path} cannot be read ({error})") from error


def _expanded(
    families: Iterable[Mapping[str, Any]], territories: Mapping[str, Mapping[str, Any]], file: str
) -> Iterator[dict[str, Any]]:
    for family in families:
        for key in family.get("territories", ()):
            if key not in territories:
                raise KnowledgeError(f"{file} names an unknown territory", received=key, allowed=sorted(territories))
            words = {name: _joined(value) for name, value in territories[key].items()}
            own = family.get("only", {}).get(key, {})
            filled = {name: _filled(value, words) for name, value in family.items() if name not in _COMPOSITION}
            yield filled | own


_COMPOSITION = ("territories", "only")


def _joined(value: Any) -> str:
    """``["II", "III", "aVF"]`` reads "II, III and aVF"."""
    if isinstance(value, str):
        return value
    return " and ".join(filter(None, (", ".join(value[:-1]), value[-1]))) if value else ""


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(words)
    if isinstance(value, list):
        return [_filled(item, words) for item in value]
    return value


def _concept(entry: Mapping[str, Any], file: str) -> Concept:
    where = f"{file}, {entry.get('id', 'a concept without id')}"
    unknown = set(entry) - {*_TEXTS, *_LISTS, "ids"}
    lacking = [key for key in _REQUIRED if not entry.get(key)]
    if unknown or lacking:
        raise KnowledgeError(
            f"{where} has other keys than it should",
            received=sorted(unknown) or f"no {', '.join(lacking)}",
            allowed=[*_TEXTS, *_LISTS, "ids"],
        )
    texts = {key: entry.get(key, "") for key in _TEXTS}
    lists = {key: tuple(entry.get(key, ())) for key in _LISTS}
    if not all(isinstance(text, str) for text in (*texts.values(), *sum(lists.values(), ()))):
        raise KnowledgeError(f"{where} has a value that is no text")
    return Concept(
        id=texts["id"],
        term=texts["term"],
        definition=texts["definition"],
        synonyms=tuple(Synonym(text) for text in lists["synonyms"]),
        parents=lists["parents"],
        same_as=tuple(_ids_elsewhere(entry.get("ids", {}), where)),
        description=Description(
            modality=texts["id"].partition(":")[0],
            appearance=lists["appearance"],
            absence=lists["absence"],
            region=texts["region"],
            attributes=lists["attributes"],
            excludes=lists["excludes"],
            opposite=texts["opposite"] or None,
            guideline=texts["guideline"],
        ),
    )


def _ids_elsewhere(ids: Mapping[str, str | Sequence[str]], where: str) -> Iterator[str]:
    for vocabulary, found in ids.items():
        if vocabulary not in _PREFIXES:
            raise KnowledgeError(f"{where} names an unknown vocabulary", received=vocabulary, allowed=list(_PREFIXES))
        for local in [found] if isinstance(found, str) else found:
            yield f"{_PREFIXES[vocabulary]}:{local.rpartition(':')[2]}"


def _check(concepts: Sequence[Concept]) -> None:
    known = {concept.id for concept in concepts}
    if len(known) < len(concepts):
        ids = [concept.id for concept in concepts]
        raise KnowledgeError("the catalogue has an id twice", received=sorted({id for id in ids if ids.count(id) > 1}))
    for concept in concepts:
        described = concept.description
        named = {*concept.parents, *(described.excludes if described else ())}
        if described and described.opposite:
            named.add(described.opposite)
        if named - known:
            raise KnowledgeError(f"{concept.id} names concepts that are not there", received=sorted(named - known))
