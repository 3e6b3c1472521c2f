"""From a raw report to the text that a text encoder reads: clean, translate, normalise; or, for reports in prose, take
the sentences of some sections.

Every step can be switched off, and all fields are plain values, so that a recipe can write the pipeline down.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

from medclip.core.errors import InputError
from medclip.modalities.report.cleaning import clean_report
from medclip.modalities.report.coverage import CoverageReport, CoverageTally
from medclip.modalities.report.language import LANGUAGES, UNDETERMINED, detect_language
from medclip.modalities.report.narrative import statements_of
from medclip.modalities.report.prose import split_statements
from medclip.modalities.report.sections import SECTIONS
from medclip.modalities.report.translate import GlossaryTranslator, Translation, as_text, load_translator

__all__ = ["ProcessedReport", "ReportPipeline"]

_TARGET = "en"
_MOST_REMEMBERED = 200_000


@dataclass(frozen=True, slots=True)
class ProcessedReport:
    """What became of a report.

    `n_words` and `n_words_covered` count the words of the cleaned source; covered are those that the glossary
    of the language knows, and all words of English; none of a language without a glossary, which passes
    untranslated. A source that is no report, or too short, has the text "".
    """

    text: str
    statements: tuple[str, ...]
    language: str
    n_words: int
    n_words_covered: int
    unknown_words: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportPipeline:
    """Turns raw reports into short clinical English; deterministic, and cheap to send to other processes.

    Args:
        glossary_dir: Folder with one glossary for each language, `de.tsv` and so on, or the folder as a
            dotted name inside an installed package, such as "package.folder.glossary". Needed to translate
            and to normalise.
        clean: Remove label notes, device stamps and texts that are no report (see `cleaning`).
        translate_to: "en", or None to leave every report in its language.
        normalise: Replace different English words for one finding by one of them, with `en.tsv` if it is
            there.
        lower_case: Write everything in lower case. Translating and normalising always do.
        minimum_words: Reports whose final text has fewer words become "".
        sections: Sections to take from reports in prose, such as ("findings", "impression"); their sentences are
            the statements, each once. Empty for reports without sections. Marks of removed words ("XXXX", "___")
            go with it.
        remove_priors: Take out what a report says of earlier examinations (see `priors`); needs `sections`.

    Raises:
        InputError: Translating or normalising is asked for without a glossary folder, into another language, or of
            sections; or a section is unknown.

    >>> pipeline = ReportPipeline(translate_to=None, normalise=False)
    >>> pipeline("Sinus rhythm.  Normal axis. Edit: ABC 100")
    ... # doctest: +NORMALIZE_WHITESPACE
    ProcessedReport(text='sinus rhythm. normal axis.', statements=('sinus rhythm', 'normal axis'),
                    language='en', n_words=4, n_words_covered=4, unknown_words=())
    """

    glossary_dir: str | None = None
    clean: bool = True
    translate_to: str | None = _TARGET
    normalise: bool = True
    lower_case: bool = True
    minimum_words: int = 0
    sections: tuple[str, ...] = ()
    remove_priors: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", tuple(self.sections))
        self._check_sections()
        if self.translate_to not in (None, _TARGET):
            raise InputError("cannot translate into this language", received=self.translate_to, allowed="en, or None")
        if self.glossary_dir is None and (self.translate_to or self.normalise):
            raise InputError(
                "a report pipeline that translates or normalises needs a glossary folder",
                action="set glossary_dir, or set translate_to to None and normalise to False",
            )
        if self.minimum_words < 0:
            raise InputError("minimum_words is negative", received=self.minimum_words, allowed="0 or more")

    def for_sentences(self) -> ReportPipeline:
        """Return what writes single sentences as this pipeline writes those of reports, and drops none.

        A prompt has no sections and speaks of no earlier examination, though "PR interval" sounds like one.
        """
        return replace(self, sections=(), remove_priors=False, minimum_words=0)

    def _check_sections(self) -> None:
        unknown = sorted(set(self.sections) - set(SECTIONS))
        if unknown:
            raise InputError("unknown section of a report", received=unknown, allowed=SECTIONS)
        if self.sections and (self.translate_to or self.normalise):
            raise InputError(
                "sections of a report can be neither translated nor normalised",
                action="set translate_to to None and normalise to False, or leave sections out",
            )
        if self.remove_priors and not self.sections:
            raise InputError("remove_priors needs the sections to take", allowed=SECTIONS, action="name sections")

    def __call__(self, text: str) -> ProcessedReport:
        """Process one report.

        Raises:
            InputError: The glossary folder is missing, or a glossary is malformed.
        """
        return _process(self, text)

    def _process(self, text: str) -> ProcessedReport:
        if self.sections:
            return self._narrative(text)
        cleaned = clean_report(text, lower_case=self._is_lower) if self.clean else self._in_case(text)
        language = detect_language(cleaned)
        translation = self._translate(cleaned, language)
        if len(translation.text.split()) < self.minimum_words:
            return ProcessedReport("", (), language, translation.n_words, translation.n_words_covered)
        return ProcessedReport(
            translation.text,
            translation.statements,
            language,
            translation.n_words,
            translation.n_words_covered,
            translation.unknown_words,
        )

    def _narrative(self, text: str) -> ProcessedReport:
        """Take the sentences of the chosen sections; they are not translated, so all their words count as known."""
        found = statements_of(text, self.sections, remove_priors=self.remove_priors)
        statements = tuple(cleaned for statement in found if (cleaned := self._plain(statement)))
        language = detect_language(" ".join(statements))
        n_words = sum(len(statement.split()) for statement in statements)
        if n_words < self.minimum_words:
            return ProcessedReport("", (), language, n_words, n_words)
        return ProcessedReport(as_text(statements), statements, language, n_words, n_words)

    def _plain(self, statement: str) -> str:
        text = clean_report(statement, lower_case=self.lower_case) if self.clean else self._in_case(statement)
        return text.rstrip(".;! ")

    def coverage(self, texts: Iterable[str]) -> CoverageReport:
        """Return how much of `texts` the glossaries know, for each language."""
        tally = CoverageTally()
        for text in texts:
            report = self(text)
            tally.add(report.language, report.n_words, report.n_words_covered, report.unknown_words)
        return tally.report()

    @property
    def _is_lower(self) -> bool:
        return self.lower_case or self.translate_to is not None or self.normalise

    def _in_case(self, text: str) -> str:
        return text.lower() if self._is_lower else text

    def _translate(self, text: str, language: str) -> Translation:
        if self.glossary_dir is None or not (self.translate_to or self.normalise):
            return _as_it_is(text)
        translator = load_translator(glossary_folder(self.glossary_dir))
        if language == UNDETERMINED:
            language = self._language_that_knows(text, translator)
        if language == _TARGET:
            return self._normalise(text, translator) if self.normalise else _as_it_is(text)
        if not self.translate_to:
            return _as_it_is(text)
        if language not in translator.languages:
            return _as_it_is(text, is_known=False)
        translation = translator.translate(text, language)
        return _with_normal_statements(translation, translator) if self.normalise else translation

    def _language_that_knows(self, text: str, translator: GlossaryTranslator) -> str:
        """Return the first language whose glossary knows every word of `text`; English if there is none."""
        languages = [language for language in LANGUAGES if language in translator.languages]
        known = (language for language in languages if not translator.translate(text, language).unknown_words)
        return next(known, _TARGET) if self.translate_to else _TARGET

    def _normalise(self, text: str, translator: GlossaryTranslator) -> Translation:
        if _TARGET not in translator.languages:
            return _as_it_is(text)
        english = translator.translate(text, _TARGET)
        return Translation(english.text, english.statements, english.n_words, english.n_words, ())


@lru_cache(maxsize=_MOST_REMEMBERED)
def _process(pipeline: ReportPipeline, text: str) -> ProcessedReport:
    """Process each text once: in large collections most reports are repetitions."""
    return pipeline._process(text)


def _with_normal_statements(translation: Translation, translator: GlossaryTranslator) -> Translation:
    if _TARGET not in translator.languages:
        return translation
    normal = itertools.chain.from_iterable(map(translator.normalise, translation.statements))
    statements = tuple(normal)
    return replace(translation, text=as_text(statements), statements=statements)


def _as_it_is(text: str, *, is_known: bool = True) -> Translation:
    words = tuple(word for word in text.split() if any(character.isalnum() for character in word))
    n_covered, unknown = (len(words), ()) if is_known else (0, words)
    return Translation(" ".join(text.split()), tuple(split_statements(text)), len(words), n_covered, unknown)


@cache
def glossary_folder(name: str) -> str:
    """Return the glossary folder that `name` stands for: a path, or a dotted name in an installed package.

    Raises:
        InputError: There is no such folder.
    """
    if Path(name).is_dir():
        return name
    package, *folders = name.split(".")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    for root in (spec.submodule_search_locations or []) if spec else []:
        if Path(root, *folders).is_dir():
            return str(Path(root, *folders))
    raise InputError("no such glossary folder", received=name, action="give a folder that holds de.tsv and so on")
