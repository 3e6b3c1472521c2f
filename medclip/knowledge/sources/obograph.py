"""OBO-graph JSON (``hp.json``, NCIt's branches and others)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Scope, Synonym
from medclip.knowledge.source import Reader, Source
from medclip.knowledge.sources._human import non_human
from medclip.knowledge.sources._ids import as_ids, curie_of_iri
from medclip.knowledge.sources._origin import digest_of, origin_of
from medclip.knowledge.sources._packed import read_json

__all__ = ["READER"]

_NAMES = {"hp": "hpo"}
_SCOPES: dict[str, Scope] = {
    "hasExactSynonym": "exact",
    "hasNarrowSynonym": "narrow",
    "hasBroadSynonym": "broad",
    "hasRelatedSynonym": "related",
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _sniff(path: Path, head: bytes) -> bool:
    return re.match(rb'\s*\{\s*"(@context|graphs|meta)"', head) is not None and b'"graphs"' in head


def _read(path: Path) -> Source:
    content = read_json(path)
    try:
        graph = content["graphs"][0]
        name = graph["id"].rpartition("/")[2].split(".")[0]
        dated = _DATE.search(graph.get("meta", {}).get("version") or "")
        concepts = _concepts(graph, _NAMES.get(name, name))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise KnowledgeError(f"{path} is no OBO graph ({type(error).__name__}: {error})") from error
    digest = digest_of([path])
    origin = origin_of(
        _NAMES.get(name, name), version=dated.group() if dated else "", digest=digest, paths=[path]
    )  # fmt: skip
    if not concepts:
        raise KnowledgeError(f"{path} holds no concept of {name}")
    return Source(origin, concepts, digest=digest)


def _concepts(graph: Mapping[str, Any], name: str) -> list[Concept]:
    """Only the ontology's own classes; imported ones have another prefix."""
    prefix = {"hpo": "HP"}.get(name, name.upper())
    parents: dict[str, list[str]] = {}
    for edge in graph["edges"]:
        if edge["pred"] in ("is_a", "subClassOf"):
            parents.setdefault(curie_of_iri(edge["sub"]), []).append(curie_of_iri(edge["obj"]))
    animal = non_human(parents)
    return [
        _concept(node, curie_of_iri(node["id"]), parents, animal)
        for node in graph["nodes"]
        if node.get("type") == "CLASS" and curie_of_iri(node["id"]).startswith(f"{prefix}:")
    ]


def _concept(node: Mapping[str, Any], id_: str, parents: Mapping[str, list[str]], animal: set[str]) -> Concept:
    meta = node.get("meta", {})
    term = node.get("lbl") or id_
    return Concept(
        id=id_,
        term=term,
        definition=meta.get("definition", {}).get("val", ""),
        synonyms=tuple(dict.fromkeys(_synonyms(meta, term))),
        parents=tuple(dict.fromkeys(parents.get(id_, ()))),
        same_as=tuple(dict.fromkeys(as_ids(reference["val"] for reference in meta.get("xrefs", ())))),
        is_human=id_ not in animal,
        is_obsolete=bool(meta.get("deprecated")) or term.startswith("obsolete "),
    )


def _synonyms(meta: Mapping[str, Any], term: str) -> Iterator[Synonym]:
    for synonym in meta.get("synonyms", ()):
        if synonym["val"] != term:
            yield Synonym(synonym["val"], _SCOPES.get(synonym["pred"], "related"))


READER = Reader("obograph", "OBO-graph JSON (hp.json, NCIt)", _sniff, _read)
