"""SSSOM: which id of one vocabulary means the same as which of another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from medclip.knowledge.source import Link, Reader, Source
from medclip.knowledge.sources._ids import as_ids
from medclip.knowledge.sources._origin import digest_of, origin_of
from medclip.knowledge.sources._packed import read_lines
from medclip.knowledge.sources._rows import read_named_rows

__all__ = ["READER"]

_COLUMNS = ("subject_id", "predicate_id", "object_id")
# Closer or wider meanings are not the same one.
_SAME = ("skos:exactMatch", "owl:equivalentClass", "owl:sameAs", "oboInOwl:hasDbXref")


def _sniff(path: Path, head: bytes) -> bool:
    lines = [line for line in head.splitlines() if not line.startswith(b"#")]
    text = lines[0] if lines else head
    return (b"subject_id" in text and b"predicate_id" in text) or b"# mapping_set_id:" in head


def _read(path: Path) -> Source:
    header = dict(
        line.removeprefix("#").strip().partition(": ")[::2]
        for _, line in takewhile(lambda numbered: numbered[1].startswith("#"), read_lines(path))
    )
    digest = digest_of([path])
    name = header.get("mapping_set_id", path.name).rpartition("/")[2].split(".")[0].replace("_", "-").lower()
    dated = re.search(r"\d{4}-\d{2}-\d{2}", header.get("mapping_set_version", ""))
    version = dated.group() if dated else header.get("mapping_set_version", "")
    licence = header.get("license", "").replace("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0")
    origin = origin_of(f"sssom-{name}", version=version, digest=digest, paths=[path], licence=licence)
    return Source(origin, links=_links(path), digest=digest)


def _links(path: Path) -> Iterator[Link]:
    for row in read_named_rows(path, _COLUMNS):
        ids = tuple(as_ids((row["subject_id"], row["object_id"])))
        if row["predicate_id"] in _SAME and len(ids) == 2:
            yield Link(*ids)


READER = Reader("sssom", "SSSOM map (.sssom.tsv)", _sniff, _read)
