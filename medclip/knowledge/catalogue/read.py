"""Read the catalogue.

A file holds ``[[concept]]`` tables with the keys

- ``id``: modality, colon, words joined by hyphens, all in lower case;
- ``term``, ``definition`` and, where wording differs, ``synonyms`` (exact ones; no abbreviation of up to 4 letters);
- ``parents``, ``excludes``, ``opposite``: ids; of two concepts that exclude each other one needs to say so;
- ``region``, ``attributes``, ``guideline``;
- ``appearance`` and ``absence``: sentences;
- ``ids``: a table of ids elsewhere, by vocabulary (``hpo``, ``doid``, ``mondo``, ``ncit``, ``cdisc``, ``snomed``,
  ``umls``), each a text or a list.

A ``[[composed]]`` table has the same keys and ``territories``; it stands for one concept per territory, whose words are
put in place of ``{key}``, ``{name}``, ``{wall}``, ``{leads}`` and whatever else the territory has; ``{Name}`` is the
word with a capital letter. ``[composed.only.KEY]`` replaces keys for one territory. The ``[[territory]]`` tables with
the words may stand in any file.

A ``[[wording]]`` table may stand in any file too. It gives a concept, whole or composed, the phrases of reports:
``id``, ``present`` (what reports write when it is there) and ``instead`` (what they write when it is not; no denials,
since reports name what is seen).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medclip.core.errors import KnowledgeError
from medclip.knowledge.catalogue.check import check_concepts, with_mutual_exclusion
from medclip.knowledge.catalogue.compose import composed, territory_words
from medclip.knowledge.catalogue.wording import with_wording
from medclip.knowledge.concept import Concept, Description, Origin, Synonym

__all__ = ["CATALOGUE_FOLDER", "CATALOGUE_ORIGIN", "read_catalogue"]

CATALOGUE_FOLDER = Path(__file__).parent
CATALOGUE_ORIGIN = Origin("medclip", "1", "Apache-2.0")

_ID = re.compile(r"[a-z]+:[a-z0-9]+(-[a-z0-9]+)*")
# By vocabulary: prefix, and what may follow it.
_VOCABULARIES = {
    "hpo": ("HP", r"\d{7}"),
    "doid": ("DOID", r"\d{1,7}"),
    "mondo": ("MONDO", r"\d{7}"),
    "ncit": ("NCIT", r"C\d+"),
    "cdisc": ("CDISC", r"C\d+"),
    "snomed": ("SNOMEDCT", r"\d{6,18}"),
    "umls": ("UMLS", r"C\d{7}"),
}
_TABLES = ("concept", "composed", "territory", "wording")
_TEXTS = ("id", "term", "definition", "region", "guideline", "opposite")
_LISTS = ("synonyms", "parents", "excludes", "attributes", "appearance", "absence")
_REQUIRED = ("id", "term", "definition", "appearance", "absence")


def read_catalogue(folder: Path = CATALOGUE_FOLDER) -> tuple[Concept, ...]:
    """Read and check all TOML files of a folder.

    Raises:
        KnowledgeError: There is no file, a file is malformed, an id or a name is doubled, parents form a circle, or a
            concept or a wording names one that is not there.
    """
    files = {path.name: _parse(path) for path in sorted(folder.glob("*.toml"))}
    if not files:
        raise KnowledgeError(f"{folder} holds no catalogue", allowed="files that end with .toml")
    words = territory_words((file, table) for file, tables in files.items() for table in tables["territory"])
    concepts = [_concept(table, file) for file, tables in files.items() for table in _tables(tables, words, file)]
    check_concepts(concepts)
    wording = ((file, table) for file, tables in files.items() for table in tables["wording"])
    return with_wording(with_mutual_exclusion(concepts), wording)


def _parse(path: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise KnowledgeError(f"catalogue file {path} cannot be read ({error})", action="mend the file") from error
    unknown = sorted(set(content) - set(_TABLES))
    if unknown:
        raise KnowledgeError(f"catalogue file {path} has unknown tables", received=unknown, allowed=_TABLES)
    for name, tables in content.items():
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise KnowledgeError(f"catalogue file {path} needs {name} as [[{name}]]", received=tables)
    return {name: content.get(name, []) for name in _TABLES}


def _tables(
    tables: Mapping[str, list[dict[str, Any]]], words: Mapping[str, Mapping[str, str]], file: str
) -> Iterator[dict[str, Any]]:
    yield from tables["concept"]
    for family in tables["composed"]:
        yield from composed(family, words, file)


def _concept(entry: Mapping[str, Any], file: str) -> Concept:
    where = f"{file}, {entry.get('id', 'a concept without id')}"
    _check_keys(entry, where)
    texts = {key: entry.get(key, "") for key in _TEXTS}
    lists = {key: tuple(entry.get(key, ())) for key in _LISTS}
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


def _check_keys(entry: Mapping[str, Any], where: str) -> None:
    unknown = sorted(set(entry) - {*_TEXTS, *_LISTS, "ids"})
    lacking = [key for key in _REQUIRED if not entry.get(key)]
    if unknown or lacking:
        raise KnowledgeError(
            f"{where} has other keys than it should",
            received=unknown or f"no {', '.join(lacking)}",
            allowed=[*_TEXTS, *_LISTS, "ids"],
        )
    for key, value in entry.items():
        if key in _LISTS and not isinstance(value, list):
            raise KnowledgeError(f"{where} needs {key} as a list", received=value)
        texts = value if key in _LISTS else [value] if key in _TEXTS else []
        if not all(isinstance(text, str) and text == text.strip() for text in texts):
            raise KnowledgeError(f"{where} has a value in {key} that is no text without outer blanks", received=value)
    if not _ID.fullmatch(entry["id"]):
        raise KnowledgeError(f"{where} has a malformed id", allowed="a modality, a colon and words joined by hyphens")


def _ids_elsewhere(ids: Any, where: str) -> Iterator[str]:
    if not isinstance(ids, dict) or set(ids) - set(_VOCABULARIES):
        raise KnowledgeError(f"{where} names an unknown vocabulary", received=ids, allowed=list(_VOCABULARIES))
    for vocabulary, found in ids.items():
        prefix, pattern = _VOCABULARIES[vocabulary]
        for local in found if isinstance(found, list) else [found]:
            if not isinstance(local, str) or not re.fullmatch(f"({prefix}:)?{pattern}", local):
                raise KnowledgeError(f"{where} has a malformed id of {vocabulary}", received=local)
            yield f"{prefix}:{local.rpartition(':')[2]}"
