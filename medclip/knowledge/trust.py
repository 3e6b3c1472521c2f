"""Which of the concepts that share a name really mean it.

A vocabulary's preferred term is what its concept means. Its synonyms are less reliable: some name a neighbour, or the
concept together with another one. A synonym counts for nothing when

- two concepts with a parent in common have it, as term or as synonym: it names two siblings;
- another vocabulary has it as a preferred term, and the two concepts stand for different ids of a third one;
- it is the concept's own term with a companion ("X with Y");
- it ends in the preferred term of a concept that is no kind of this one's kind ("apical pleural thickening" of an
  opacity);
- it is listed in ``wrong_synonyms.tsv``, which holds what none of these finds.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from medclip.knowledge.folding import fold
from medclip.knowledge.vocabulary import Entry, Vocabulary

__all__ = ["trusted"]

_KNOWN_WRONG = Path(__file__).parent / "wrong_synonyms.tsv"
_COMPANIONS = ("with", "and", "without", "due to", "associated with")
# One word alone, such as "block", ends the names of too many things.
_FEWEST_WORDS_OF_A_TAIL = 2


def trusted(phrase: str, entries: Sequence[Entry], vocabulary: Vocabulary) -> tuple[Entry, ...]:
    """Keep those of the entries with a name that mean it.

    Args:
        phrase: The name.
        entries: What ``vocabulary.by_name`` gave for it.
        vocabulary: Asked for what else the name may mean.
    """
    folded = fold(phrase)
    terms = [entry for entry in entries if fold(entry.concept.term) == folded]
    return tuple(
        entry
        for entry in entries
        if entry in terms
        or not (
            _is_listed(folded, entry)
            or _has_companion(folded, entry)
            or any(_are_siblings(entry, other) for other in entries)
            or any(_differ(entry, other) for other in terms)
            or _ends_elsewhere(folded, entry, vocabulary)
        )
    )


def _is_listed(folded: str, entry: Entry) -> bool:
    return folded in _wrong_synonyms().get(entry.concept.id, ())


def _has_companion(folded: str, entry: Entry) -> bool:
    term = fold(entry.concept.term)
    return any(folded.startswith(f"{term} {companion} ") for companion in _COMPANIONS)


def _are_siblings(entry: Entry, other: Entry) -> bool:
    return entry.concept.id != other.concept.id and bool(set(entry.concept.parents) & set(other.concept.parents))


def _differ(entry: Entry, other: Entry) -> bool:
    """Whether two vocabularies state ids of a third that have nothing in common."""
    ours, theirs = _by_vocabulary(entry), _by_vocabulary(other)
    shared = ours.keys() & theirs.keys()
    return entry.family != other.family and bool(shared) and not any(ours[name] & theirs[name] for name in shared)


def _by_vocabulary(entry: Entry) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for id_ in entry.concept.same_as:
        prefix, _, local = id_.partition(":")
        groups.setdefault(prefix, set()).add(local)
    return groups


def _ends_elsewhere(folded: str, entry: Entry, vocabulary: Vocabulary) -> bool:
    words = folded.split()
    for start in range(1, len(words) - _FEWEST_WORDS_OF_A_TAIL + 1):
        tail = " ".join(words[start:])
        heads = [
            found.concept.id
            for found in vocabulary.by_name(tail)
            if found.family == entry.family and fold(found.concept.term) == tail
        ]
        if heads:
            above = vocabulary.ancestors(entry.concept.id)
            # A mere list, whose terms have nothing but the list above them, does not say what is a kind of what.
            return len(above) > 1 and not {entry.concept.id, *above} & set(heads)
    return False


@functools.cache
def _wrong_synonyms() -> Mapping[str, frozenset[str]]:
    with _KNOWN_WRONG.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    ids = {row["id"] for row in rows}
    return {id_: frozenset(fold(row["synonym"]) for row in rows if row["id"] == id_) for id_ in ids}
