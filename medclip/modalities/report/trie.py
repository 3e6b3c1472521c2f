"""The phrases of a glossary as a tree of words, for finding the longest one that starts at a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from medclip.modalities.report.glossary import Entry
from medclip.modalities.report.words import cut_phrase

__all__ = ["PLACE", "Match", "Meaning", "Node", "crossing", "longest_match", "plant"]

PLACE = "#"
_ALWAYS_CROSSED = ("", ",", ":")
_BLANKS_AND_HYPHENS = str.maketrans("", "", " -")
# A word with an ending ("normaler") stands before its noun, one without ("normal") judges, or follows its
# noun.
_KINDS_WITH_ENDING = ("adjective", "opener")
_KINDS_WITHOUT = ("verdict", "adjective", "opener", "link")


class Meaning(NamedTuple):
    """What a phrase means: kind, English, and the template of an attribute that may follow its noun."""

    kind: str
    english: str
    modifier: str


class Node:
    """A word of one or more phrases, reached from the word before it."""

    __slots__ = ("children", "crossed", "entries", "has_stop", "meanings")

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.entries: list[Entry] = []
        self.crossed: set[str] = set(_ALWAYS_CROSSED)
        """Punctuation that may stand before this word."""
        self.has_stop = False
        self.meanings: tuple[Meaning, Meaning] | None = None
        """What the phrase that ends here means: without and with an ending of its last word."""

    def add(self, entry: Entry, *, has_stop: bool) -> None:
        """Let the phrase of `entry` end at this node."""
        if entry not in self.entries:
            self.entries.append(entry)
        self.has_stop = self.has_stop or has_stop
        by_kind = {known.kind: known.english for known in self.entries}
        self.meanings = _choose(by_kind, _KINDS_WITHOUT), _choose(by_kind, _KINDS_WITH_ENDING)


class Match(NamedTuple):
    """A phrase found: where it ends, its node, and the lists of places in it."""

    end: int
    node: Node
    places: tuple[str, ...]


def plant(root: Node, phrase: str, entry: Entry, key: Callable[[str], str]) -> None:
    """Add `phrase`, one spelling of `entry`, to the tree; `key` turns a word into the key of its node."""
    words, rest = cut_phrase(phrase)
    node = root
    for word in words:
        node = node.children.setdefault(PLACE if word.text == PLACE else key(word.text), Node())
        node.crossed.add(crossing(word.before))
    node.add(entry, has_stop=rest.startswith("."))


def crossing(before: str) -> str:
    """Return the punctuation in `before` that a phrase has to cross; blanks and hyphens count for nothing."""
    return before if before == "" else before.translate(_BLANKS_AND_HYPHENS)


def longest_match(
    root: Node,
    keys: Sequence[str],
    crossings: Sequence[str],
    start: int,
    find_places: Callable[[int], tuple[int, str] | None],
) -> Match | None:
    """Return the longest phrase that starts at position `start`, or None; of two, the one with fewer lists of
    places.

    Args:
        root: The tree.
        keys: The key of each word of the text.
        crossings: The punctuation before each word.
        start: Position of the first word.
        find_places: Returns end and text of the list of places that starts at a position.
    """
    best: Match | None = None
    waiting: list[tuple[int, Node, tuple[str, ...]]] = [(start, root, ())]
    while waiting:
        end, node, places = waiting.pop()
        if node.meanings and (best is None or (end, -len(places)) > (best.end, -len(best.places))):
            best = Match(end, node, places)
        if end == len(keys):
            continue
        children = node.children
        child, list_child = children.get(keys[end]), children.get(PLACE)
        if child and (end == start or crossings[end] in child.crossed):
            waiting.append((end + 1, child, places))
        if list_child and (end == start or crossings[end] in list_child.crossed) and (found := find_places(end)):
            waiting.append((found[0], list_child, (*places, found[1])))
    return best


def _choose(by_kind: dict[str, str], order: tuple[str, ...]) -> Meaning:
    kind = next(kind for kind in (*order, *by_kind) if kind in by_kind)
    return Meaning(kind, by_kind[kind], by_kind.get("modifier", "") if kind != "modifier" else "")
