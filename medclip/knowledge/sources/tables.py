"""Tables that add to HPO and DOID: newer labels and definitions, lay names, parents by label."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Synonym
from medclip.knowledge.source import Reader, Source
from medclip.knowledge.sources._ids import curie_of_iri
from medclip.knowledge.sources._origin import digest_of, origin_of
from medclip.knowledge.sources._rows import read_named_rows

__all__ = ["READER"]

_LABELS = ("id", "label", "definition")
_LAY = ("?term", "?term_label", "?layperson")
_PARENTS = ("id", "label", "subClassOf")
_LITERAL = re.compile(r'^"(.*)"(?:@[a-z]+)?$')
_KINDS: dict[tuple[str, ...], str] = {_LABELS: "labels", _LAY: "lay", _PARENTS: "parents"}


def _sniff(path: Path, head: bytes) -> bool:
    return _columns(head) is not None


def _columns(head: bytes) -> tuple[str, ...] | None:
    first = head.partition(b"\n")[0].decode("utf-8", "replace").strip("\ufeff\r").split("\t")
    return next((columns for columns in _KINDS if tuple(first[: len(columns)]) == columns), None)


def _read(path: Path) -> Source:
    from medclip.knowledge.sources._packed import read_head

    columns = _columns(read_head(path)) or _LABELS
    reads: dict[tuple[str, ...], Callable[[Path], Iterator[Concept]]]
    reads = {_LABELS: _labels, _LAY: _lay_names, _PARENTS: _parents}
    concepts = list(reads[columns](path))
    if not concepts:
        raise KnowledgeError(f"{path} holds no row")
    prefix = concepts[0].id.partition(":")[0]
    digest = digest_of([path])
    name = f"{ {'HP': 'hpo'}.get(prefix, prefix.lower()) }-{_KINDS[columns]}"
    origin = origin_of(name, version="", digest=digest, paths=[path])
    return Source(origin, concepts, digest=digest, is_supplement=True)


def _labels(path: Path) -> Iterator[Concept]:
    for row in read_named_rows(path, _LABELS, is_quoted=True):
        if row["label"]:
            definition = " ".join(row["definition"].split())
            yield Concept(row["id"], row["label"], definition, is_obsolete=row["label"].startswith("obsolete "))


def _lay_names(path: Path) -> Iterator[Concept]:
    """A lay name is often wider than the term, and the table does not say: it counts as related."""
    names: dict[str, dict[str, None]] = {}
    labels: dict[str, str] = {}
    for row in read_named_rows(path, _LAY):
        id_ = curie_of_iri(row["?term"].strip("<>"))
        labels[id_] = _literal(row["?term_label"])
        names.setdefault(id_, {})[_literal(row["?layperson"])] = None
    for id_, texts in names.items():
        yield Concept(id_, labels[id_], synonyms=tuple(Synonym(text, "related") for text in texts if text))


def _literal(text: str) -> str:
    """A text as a SPARQL answer spells it: ``"Open comedo"@en``."""
    found = _LITERAL.match(text)
    return found.group(1).replace('\\"', '"') if found else text


def _parents(path: Path) -> Iterator[Concept]:
    """The parent stands there by its label."""
    rows = list(read_named_rows(path, _PARENTS, is_quoted=True))
    ids = {row["label"]: row["id"] for row in rows}
    above: dict[str, list[str]] = {}
    for row in rows:
        above.setdefault(row["id"], []).extend(ids[label] for label in [row["subClassOf"]] if label in ids)
    labels = {row["id"]: row["label"] for row in rows}
    for id_, parents in above.items():
        yield Concept(id_, labels[id_], parents=tuple(dict.fromkeys(parents)))


READER = Reader("tables", "tables of HPO (labels and definitions, lay names) and DOID (parents)", _sniff, _read)
