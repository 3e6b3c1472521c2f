"""How much of a collection of reports the glossaries know."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

__all__ = ["CoverageReport", "CoverageTally", "LanguageCoverage"]

_N_UNKNOWN_WORDS = 20
_N_UNKNOWN_WORDS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class LanguageCoverage:
    """How many words of one language were translated or are international; each is counted every time."""

    language: str
    n_reports: int
    n_words: int
    n_words_covered: int
    unknown_words: tuple[tuple[str, int], ...]
    """The most common unknown words and how often each occurs."""

    @property
    def share(self) -> float:
        """Covered words as a share of all, 0 to 1; 1 if there are none."""
        return self.n_words_covered / self.n_words if self.n_words else 1.0


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """Coverage for each language, the most frequent first, and how many texts were no report at all."""

    languages: tuple[LanguageCoverage, ...]
    n_empty: int

    def to_text(self) -> str:
        """Return a table in plain text.

        >>> print(CoverageReport((LanguageCoverage("de", 2, 40, 39, (("xyz", 1),)),), n_empty=1).to_text())
        language  reports   words  covered   share  most common unknown words
        de              2      40       39   97.5%  xyz (1)
        empty           1
        """
        lines = [f"{'language':<9}{'reports':>8}{'words':>8}{'covered':>9}{'share':>8}  most common unknown words"]
        for row in self.languages:
            unknown = ", ".join(f"{word} ({count})" for word, count in row.unknown_words[:_N_UNKNOWN_WORDS_SHOWN])
            numbers = f"{row.n_reports:>8}{row.n_words:>8}{row.n_words_covered:>9}{row.share:>8.1%}"
            lines.append(f"{row.language:<9}{numbers}  {unknown}".rstrip())
        return "\n".join([*lines, f"{'empty':<9}{self.n_empty:>8}"])


class CoverageTally:
    """Adds up the coverage of reports one by one."""

    def __init__(self) -> None:
        self._n_reports: Counter[str] = Counter()
        self._n_words: Counter[str] = Counter()
        self._n_words_covered: Counter[str] = Counter()
        self._unknown: dict[str, Counter[str]] = {}
        self._n_empty = 0

    def add(self, language: str, n_words: int, n_words_covered: int, unknown_words: tuple[str, ...]) -> None:
        """Add one report; one without words counts as empty."""
        if not n_words:
            self._n_empty += 1
            return
        self._n_reports[language] += 1
        self._n_words[language] += n_words
        self._n_words_covered[language] += n_words_covered
        self._unknown.setdefault(language, Counter()).update(unknown_words)

    def report(self) -> CoverageReport:
        """Return the sums."""
        rows = (
            LanguageCoverage(
                language,
                n_reports,
                self._n_words[language],
                self._n_words_covered[language],
                tuple(sorted(self._unknown[language].items(), key=lambda item: (-item[1], item[0]))[:_N_UNKNOWN_WORDS]),
            )
            for language, n_reports in sorted(self._n_reports.items(), key=lambda item: (-item[1], item[0]))
        )
        return CoverageReport(tuple(rows), self._n_empty)
