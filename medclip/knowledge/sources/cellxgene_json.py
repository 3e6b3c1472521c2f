"""The compact JSON in which CELLxGENE's ontology guide packs MONDO: ids with label, description and ancestors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Synonym
from medclip.knowledge.source import Reader, Source
from medclip.knowledge.sources._human import NON_HUMAN
from medclip.knowledge.sources._origin import digest_of, origin_of
from medclip.knowledge.sources._packed import read_json

__all__ = ["READER"]

_START = re.compile(rb'\s*\{\s*"[A-Za-z]+:\w+"\s*:\s*\{')


def _sniff(path: Path, head: bytes) -> bool:
    return _START.match(head) is not None and b'"ancestors"' in head and b'"label"' in head


def _read(path: Path) -> Source:
    content = read_json(path)
    try:
        concepts = [_concept(id_, entry) for id_, entry in content.items()]
    except (KeyError, TypeError, AttributeError) as error:
        raise KnowledgeError(f"{path} is not packed as expected ({type(error).__name__}: {error})") from error
    digest = digest_of([path])
    name = concepts[0].id.partition(":")[0].lower()
    return Source(origin_of(name, version="", digest=digest, paths=[path]), concepts, digest=digest)


def _concept(id_: str, entry: Mapping[str, Any]) -> Concept:
    """The scope of synonyms is lost in this packing: they count as exact, as most of them are."""
    ancestors: Mapping[str, int] = entry.get("ancestors", {})
    return Concept(
        id=id_,
        # A withdrawn id may have lost its label.
        term=entry["label"] or id_,
        definition=entry.get("description") or "",
        synonyms=tuple(Synonym(text) for text in entry.get("synonyms", ()) if text != entry["label"]),
        parents=tuple(ancestor for ancestor, distance in ancestors.items() if distance == 1),
        is_human=id_ != NON_HUMAN and NON_HUMAN not in ancestors,
        is_obsolete=bool(entry["deprecated"]),
    )


READER = Reader("cellxgene_json", "MONDO in CELLxGENE's JSON (.json.zst)", _sniff, _read)
