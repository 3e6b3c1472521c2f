"""Put reports into short clinical English with glossaries, and say how much of each was understood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medclip.core.errors import InputError
from medclip.modalities.report.glossary import Glossary
from medclip.modalities.report.matching import Matcher, Unit
from medclip.modalities.report.prose import compose_sentence, split_sentences
from medclip.modalities.report.telegram import compose_telegram

__all__ = ["GlossaryTranslator", "Translation", "as_text", "load_translator"]

_MOST_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Translation:
    """A report in English, and how much of it the glossary knew.

    Words are counted in the source, between blanks; punctuation alone is no word.
    """

    text: str
    statements: tuple[str, ...]
    n_words: int
    n_words_covered: int
    unknown_words: tuple[str, ...]


class GlossaryTranslator:
    """Translates reports phrase by phrase, the longest known phrase first; unknown words pass unchanged.

    A glossary of style "telegram" takes texts apart into statements; one of style "prose" keeps sentences as
    they are and replaces phrases inside them, which is how English reports are normalised: give an English
    glossary for "en".

    Args:
        glossaries: One glossary for each language.

    >>> lines = ["sinusrhythmus\\tsinus rhythm\\tstatement", "infarkt\\tinfarction\\tfinding"]
    >>> lines += ["frischer\\trecent\\tadjective", "möglich\\tpossible {}\\tmodifier"]
    >>> translator = GlossaryTranslator({"de": Glossary.parse(lines, name="example")})
    >>> translation = translator.translate("sinusrhythmus frischer infarkt möglich", "de")
    >>> translation.text, translation.n_words, translation.n_words_covered
    ('sinus rhythm. possible recent infarction.', 4, 4)
    """

    def __init__(self, glossaries: Mapping[str, Glossary]) -> None:
        self._matchers = {language: Matcher(glossary) for language, glossary in glossaries.items()}
        self._remembered: dict[tuple[str, str], Translation] = {}
        self._normal: dict[str, tuple[str, ...]] = {}
        self._abbreviations = {name: _abbreviations(glossary) for name, glossary in glossaries.items()}

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have a glossary."""
        return tuple(self._matchers)

    def translate(self, text: str, language: str) -> Translation:
        """Translate one cleaned report (see `cleaning`) from `language`.

        Raises:
            InputError: There is no glossary for `language`.
        """
        if language not in self._matchers:
            raise InputError(
                "no glossary for this language",
                received=language,
                allowed=", ".join(self._matchers) or "none",
                action=f"add a file {language}.tsv to the glossary folder",
            )
        if self._matchers[language].glossary.style == "telegram":
            return self._translate_part(text, language)
        sentences = split_sentences(text, abbreviations=self._abbreviations[language])
        if len(sentences) == 1:
            return self._translate_part(sentences[0], language)
        return _join([self._translate_part(sentence, language) for sentence in sentences])

    def normalise(self, statement: str) -> tuple[str, ...]:
        """Return one English statement as the glossary for "en" writes it, which may be as several."""
        known = self._normal.get(statement)
        if known is None:
            if len(self._normal) > _MOST_REMEMBERED:
                self._normal.clear()
            known = self._normal[statement] = self.translate(statement, "en").statements
        return known

    def _translate_part(self, text: str, language: str) -> Translation:
        known = self._remembered.get((language, text))
        if known is None:
            if len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[language, text] = self._translate_anew(text, language)
        return known

    def _translate_anew(self, text: str, language: str) -> Translation:
        matcher = self._matchers[language]
        units, rest = matcher.cut(text)
        is_telegram = matcher.glossary.style == "telegram"
        statements = compose_telegram(units, rest) if is_telegram else compose_sentence(units, rest)
        return _count(statements, units)


@cache
def load_translator(folder: str) -> GlossaryTranslator:
    """Return the translator with every `<language>.tsv` of `folder`; read once for each process.

    Raises:
        InputError: The folder does not exist, holds no glossary, or one is malformed.
    """
    paths = sorted(Path(folder).glob("*.tsv"))
    if not paths:
        raise InputError("no glossary in this folder", received=folder, allowed="files such as de.tsv, en.tsv")
    return GlossaryTranslator({path.stem: Glossary.load(path) for path in paths})


def _count(statements: tuple[str, ...], units: Iterable[Unit]) -> Translation:
    groups: dict[int, list[str]] = {}
    for unit in units:
        for word in unit.words:
            unknown = groups.setdefault(word.group, []) if word.text != "&" else []
            if unit.kind == "unknown":
                unknown.append(word.text)
    unknown_words = tuple(word for words in groups.values() for word in words)
    n_unknown = sum(bool(words) for words in groups.values())
    return Translation(as_text(statements), statements, len(groups), len(groups) - n_unknown, unknown_words)


def _join(parts: list[Translation]) -> Translation:
    statements = tuple(statement for part in parts for statement in part.statements)
    return Translation(
        as_text(statements),
        statements,
        sum(part.n_words for part in parts),
        sum(part.n_words_covered for part in parts),
        tuple(word for part in parts for word in part.unknown_words),
    )


def as_text(statements: Iterable[str]) -> str:
    """Return `statements` as one text.

    >>> as_text(["sinus rhythm", "old infarction?"]), as_text([])
    ('sinus rhythm. old infarction?', '')
    """
    return " ".join(statement if statement.endswith("?") else f"{statement}." for statement in statements)


def _abbreviations(glossary: Glossary) -> frozenset[str]:
    phrases = (phrase for entry in glossary.entries for phrase in glossary.phrases(entry))
    return frozenset(phrase.removesuffix(".") for phrase in phrases if phrase.endswith(".") and " " not in phrase)
