"""Cut a text into units that a glossary knows, whatever the inflection, spelling or punctuation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from medclip.modalities.report.glossary import Entry, Glossary
from medclip.modalities.report.places import PlaceList, Places
from medclip.modalities.report.spelling import SlipIndex
from medclip.modalities.report.trie import PLACE, Match, Node, crossing, longest_match, plant
from medclip.modalities.report.words import Word, cut_phrase, cut_words

__all__ = ["Matcher", "Unit"]

_NUMBER = re.compile(r"[\d.,:/x]+")
_COMPOUND_KINDS = frozenset(("statement", "finding", "adjective", "word"))
_MOST_REMEMBERED = 100_000
_LONGEST_COMPOUND = 60


class Unit(NamedTuple):
    """A stretch of text with one meaning: a phrase of the glossary, a list of places, or one unknown word."""

    kind: str
    """A kind of the glossary, or "places", or "unknown"."""
    text: str
    """Its English, or the word itself."""
    before: str
    """Blanks and punctuation before it."""
    words: tuple[Word, ...]
    is_inflected: bool = False
    modifier: str = ""
    """For an adjective or opener that can also follow its noun: the template for that case."""


class Matcher:
    """Cuts texts of one language into units.

    >>> lines = ["@ending\\te", "klein[e]\\tsmall\\tadjective", "welle\\twave\\tstatement"]
    >>> matcher = Matcher(Glossary.parse(lines, name="example"))
    >>> units, rest = matcher.cut("kleine welle xyz.")
    >>> [(unit.kind, unit.text) for unit in units], rest
    ([('adjective', 'small'), ('statement', 'wave'), ('unknown', 'xyz')], '.')
    """

    def __init__(self, glossary: Glossary) -> None:
        self.glossary = glossary
        self._is_telegram = glossary.style == "telegram"
        self._root = Node()
        self._vocabulary: set[str] = set()
        self._full_forms: set[str] = set()
        self._prefixes: list[tuple[str, str]] = []
        for entry in glossary.entries:
            self._add(entry)
        self._prefixes.sort(key=lambda prefix: (-len(prefix[0]), prefix))
        self._places = self._build_places()
        self._slips: SlipIndex | None = None
        self._keys: dict[str, str] = {}
        self._compounds: dict[str, Entry | None] = {}

    def cut(self, text: str) -> tuple[list[Unit], str]:
        """Return the units of `text` in order, and what follows the last word."""
        words, rest = cut_words(self._places.spell_out(text))
        keys = [self._keys.get(word.text) or self._key(word.text) for word in words]
        crossings = [crossing(word.before) for word in words]
        units: list[Unit] = []
        position, has_stop = 0, False
        while position < len(words):
            match = self._match(words, keys, crossings, position)
            before = words[position].before.removeprefix("." if has_stop else "")
            end = match.end if match else position + 1
            units.append(self._unit(match, tuple(words[position:end]), keys[end - 1], before))
            has_stop = isinstance(match, Match) and match.node.has_stop
            position = end
        return units, rest.removeprefix(".") if has_stop else rest

    def _match(
        self, words: Sequence[Word], keys: Sequence[str], crossings: Sequence[str], start: int
    ) -> Match | PlaceList | None:
        def find_places(position: int) -> PlaceList | None:
            return self._places.find(words, keys, position)

        match = longest_match(self._root, keys, crossings, start, find_places)
        places = find_places(start)
        is_name = match is not None and all(entry.kind == "name" for entry in match.node.entries)
        return places if places and (match is None or is_name or places.end > match.end) else match

    def _unit(self, match: Match | PlaceList | None, words: tuple[Word, ...], last_key: str, before: str) -> Unit:
        if isinstance(match, PlaceList):
            return Unit("places", match.text, before, words)
        if match is None or match.node.meanings is None:
            return self._unit_of_word(words[0], last_key, before)
        is_inflected = self.glossary.spell(words[-1].text) != last_key
        kind, text, modifier = match.node.meanings[is_inflected]
        if kind == "name":
            return Unit("unknown", words[0].text, before, words)
        for place in match.places:
            text = text.replace(PLACE, place, 1)
        return Unit(kind, text, before, words, is_inflected, modifier)

    def _unit_of_word(self, word: Word, key: str, before: str) -> Unit:
        entry = self._compound(key)
        if entry:
            return Unit(entry.kind, entry.english, before, (word,), self.glossary.spell(word.text) != key)
        kind = "word" if _NUMBER.fullmatch(word.text) or word.text == "&" else "unknown"
        return Unit(kind, word.text, before, (word,))

    def _add(self, entry: Entry) -> None:
        for phrase in self.glossary.phrases(entry):
            if entry.kind == "prefix":
                self._prefixes.append((self.glossary.spell(phrase), entry.english))
            else:
                plant(self._root, phrase, entry, self._known_key)

    def _known_key(self, word: str) -> str:
        key = self.glossary.stem(word)
        self._vocabulary.add(key)
        self._full_forms.add(self.glossary.spell(word))
        return key

    def _build_places(self) -> Places:
        names = [
            (tuple(self._known_key(word.text) for word in cut_phrase(phrase)[0]), entry.english)
            for entry in self.glossary.entries
            if entry.kind == "name"
            for phrase in self.glossary.phrases(entry)
        ]
        and_words, to_words = self._words_for("and") | {"&"}, self._words_for("to")
        return Places(names, and_words=and_words, to_words=to_words, may_omit_comma=self._is_telegram)

    def _words_for(self, english: str) -> set[str]:
        children = self._root.children.items()
        return {key for key, node in children if any(entry.english == english for entry in node.entries)}

    def _key(self, word: str) -> str:
        if len(self._keys) > _MOST_REMEMBERED:
            self._keys.clear()
            self._compounds.clear()
        key = self._keys[word] = self._find_key(word)
        return key

    def _find_key(self, word: str) -> str:
        stem = self.glossary.stem(word)
        if stem in self._vocabulary or not self._is_telegram or self._compound(stem):
            return stem
        if self._slips is None:
            self._slips = SlipIndex(sorted(self._vocabulary | self._full_forms))
        meant = self._slips.find(self.glossary.spell(word)) or self._slips.find(stem)
        return self.glossary.stem(meant) if meant else stem

    def _compound(self, stem: str) -> Entry | None:
        if stem not in self._compounds:
            self._compounds[stem] = self._find_compound(stem)
        return self._compounds[stem]

    def _find_compound(self, stem: str) -> Entry | None:
        for prefix, english in self._prefixes if len(stem) <= _LONGEST_COMPOUND else ():
            rest = stem.removeprefix(prefix)
            for noun in (rest, rest.removeprefix("s")) if rest != stem else ():
                entry = self._single(noun) or self._compound(noun)
                if entry:
                    return Entry(stem, f"{english} {entry.english}", entry.kind)
        return None

    def _single(self, stem: str) -> Entry | None:
        node = self._root.children.get(stem)
        entries = node.entries if node else []
        return next((entry for entry in entries if entry.kind in _COMPOUND_KINDS), None)
