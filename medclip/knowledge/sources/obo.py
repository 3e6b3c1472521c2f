"""OBO text, version 1.2 and 1.4 (Disease Ontology, HPO, MONDO and others)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Scope, Synonym
from medclip.knowledge.source import Reader, Source
from medclip.knowledge.sources._human import non_human
from medclip.knowledge.sources._ids import as_ids
from medclip.knowledge.sources._origin import digest_of, origin_of
from medclip.knowledge.sources._packed import read_lines

__all__ = ["READER"]

_Stanza = dict[str, list[str]]

_NAMES = {"hp": "hpo"}
_QUOTED = re.compile(r'^"((?:[^"\\]|\\.)*)"\s*(\w*)')
_COMMENT = re.compile(r"\s*(?:!.*|\{[^}]*\}\s*(?:!.*)?)$")
_ESCAPE = re.compile(r"\\(.)")
_SCOPES: dict[str, Scope] = {"EXACT": "exact", "NARROW": "narrow", "BROAD": "broad", "RELATED": "related"}


def _sniff(path: Path, head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"format-version:")


def _read(path: Path) -> Source:
    stanzas = _stanzas(path)
    header = next(stanzas)[1]
    name = _first(header, "ontology").removesuffix(".obo") or path.name.split(".")[0].lower()
    version = re.sub(r"^.*?(\d{4}-\d{2}-\d{2}).*$", r"\1", _first(header, "data-version"))
    digest = digest_of([path])
    origin = origin_of(_NAMES.get(name, name), version=version, digest=digest, paths=[path], licence=_licence(header))
    return Source(origin, _concepts(stanzas, path), digest=digest)


def _concepts(stanzas: Iterator[tuple[str, _Stanza]], path: Path) -> Iterator[Concept]:
    concepts = [_concept(stanza, path) for kind, stanza in stanzas if kind == "Term"]
    if not concepts:
        raise KnowledgeError(f"{path} holds no term")
    animal = non_human({concept.id: concept.parents for concept in concepts})
    for concept in concepts:
        yield concept if concept.id not in animal else _of_animals(concept)


def _of_animals(concept: Concept) -> Concept:
    from dataclasses import replace

    return replace(concept, is_human=False)


def _concept(stanza: _Stanza, path: Path) -> Concept:
    id_ = _COMMENT.sub("", _first(stanza, "id"))
    if not id_:
        raise KnowledgeError(f"{path} holds a term without id")
    return Concept(
        id=id_,
        term=_unescaped(_COMMENT.sub("", _first(stanza, "name"))) or id_,
        definition=_quoted(_first(stanza, "def"), path)[0] if "def" in stanza else "",
        synonyms=tuple(
            Synonym(text, _SCOPES.get(scope, "related"))
            for text, scope in (_quoted(value, path) for value in stanza.get("synonym", ()))
        ),
        parents=tuple(dict.fromkeys(_COMMENT.sub("", value).split(" ")[0] for value in stanza.get("is_a", ()))),
        same_as=tuple(dict.fromkeys(as_ids(value.split(" ")[0] for value in stanza.get("xref", ())))),
        is_obsolete=_first(stanza, "is_obsolete").startswith("true"),
    )


def _stanzas(path: Path) -> Iterator[tuple[str, _Stanza]]:
    """Yield the header, whose kind is empty, and then each stanza with its kind."""
    kind, stanza = "", _Stanza()
    for number, line in read_lines(path):
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            yield kind, stanza
            kind, stanza = text[1:-1], _Stanza()
        elif text and not text.startswith("!"):
            tag, colon, value = text.partition(":")
            if not colon:
                raise KnowledgeError(f"line {number} of {path} is no OBO", received=text[:80], allowed="tag: value")
            stanza.setdefault(tag, []).append(value.strip())
    yield kind, stanza


def _quoted(value: str, path: Path) -> tuple[str, str]:
    found = _QUOTED.match(value)
    if not found:
        raise KnowledgeError(f"{path} holds a text without its quotation marks", received=value[:80])
    return _unescaped(found.group(1)), found.group(2)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: {"n": "\n", "W": " ", "t": "\t"}.get(found.group(1), found.group(1)), text)


def _first(stanza: _Stanza, tag: str) -> str:
    return stanza.get(tag, [""])[0]


def _licence(header: _Stanza) -> str:
    stated = [value.split(" ")[1] for value in header.get("property_value", ()) if "/license " in value]
    return {"https://creativecommons.org/publicdomain/zero/1.0/": "CC0-1.0"}.get(stated[0], stated[0]) if stated else ""


READER = Reader("obo", "OBO text (Disease Ontology, HPO, MONDO)", _sniff, _read)
