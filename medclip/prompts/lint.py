"""Find what is wrong in a prompt file, whoever wrote it.

>>> import json, pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp(), "prompts.json")
>>> _ = path.write_text(json.dumps({"STDD": "ST segment depression, ST segment elevation"}))
>>> [problem.check for problem in lint(path)]
['form of file', 'opposites']
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medclip.core.label_set import LabelSet
from medclip.knowledge.lookup import Knowledge
from medclip.prompts.checks.form import Length
from medclip.prompts.lint_file import LintedClass, LintedFile, Phrase, read_lint_file
from medclip.prompts.subject import Subject, find_subjects

__all__ = ["LabelledSubjects", "LintCheck", "LintInput", "Problem", "at_class", "at_phrase", "lint"]

_PACKAGE = "medclip.prompts.lint_checks"


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in a prompt file.

    Args:
        line: From 1.
        column: From 1.
        code: Class, as the file spells it; empty if the whole file is concerned.
        phrase: The phrase concerned, or empty.
        check: Name of the check that found it.
        reason: What is wrong.
        suggestion: What to do.
    """

    line: int
    column: int
    code: str
    phrase: str
    check: str
    reason: str
    suggestion: str

    def __str__(self) -> str:
        about = f'{self.code}: "{self.phrase}" ' if self.phrase else f"{self.code}: " if self.code else ""
        return f"{self.line}:{self.column}: {about}{self.reason} [{self.check}] -> {self.suggestion}"


@dataclass(frozen=True, eq=False)
class LabelledSubjects:
    """The findings of one label set that the file describes.

    Args:
        label_set: Its name.
        by_code: Findings, by the code as the file spells it.
        missing: Codes of which the file says nothing.
    """

    label_set: str
    by_code: Mapping[str, Subject]
    missing: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LintInput:
    """What a check looks at.

    Args:
        file: The prompt file.
        label_sets: The label sets it is checked against; there may be none.
        length: How much the text encoder reads.
    """

    file: LintedFile
    label_sets: Sequence[LabelledSubjects]
    length: Length


@dataclass(frozen=True)
class LintCheck:
    """One check; its module in ``lint_checks/`` holds it as ``CHECK`` and is found by scanning.

    Args:
        name: What is shown with each problem.
        find: Finds the problems.
    """

    name: str
    find: Callable[[LintInput], Iterable[Problem]]


def lint(
    path: Path,
    labels: Sequence[tuple[LabelSet, Knowledge]] = (),
    *,
    length: Length | None = None,
) -> list[Problem]:
    """Return the problems of a prompt file in the order of the file.

    Args:
        path: medclip's own form, or ``{"CODE": "comma, list"}``.
        labels: Label sets that the file describes, each with the knowledge that holds its concepts; without them, only
            what needs none is checked.
        length: How much the text encoder reads; 256 tokens if None.

    Raises:
        PromptError: The file cannot be read or is of no known form, or a label set names an unknown concept.
    """
    file = read_lint_file(path)
    label_sets = [_match(file, find_subjects(given, knowledge), given) for given, knowledge in labels]
    content = LintInput(file, label_sets, length or Length())
    return sorted({problem for check in _checks() for problem in check.find(content)})


def at_phrase(entry: LintedClass, phrase: Phrase, check: str, reason: str, suggestion: str) -> Problem:
    """Return a problem at the place of a phrase."""
    return Problem(phrase.line, phrase.column, entry.code, phrase.text, check, reason, suggestion)


def at_class(entry: LintedClass, check: str, reason: str, suggestion: str) -> Problem:
    """Return a problem at the place of a class."""
    return Problem(entry.line, entry.column, entry.code, "", check, reason, suggestion)


def _checks() -> Iterator[LintCheck]:
    path = importlib.import_module(_PACKAGE).__path__
    for found in sorted(pkgutil.iter_modules(path), key=lambda found: found.name):
        yield importlib.import_module(f"{_PACKAGE}.{found.name}").CHECK


def _match(file: LintedFile, subjects: Iterable[Subject], labels: LabelSet) -> LabelledSubjects:
    """Find the findings by code; some files leave out a final underscore, which some data sets have."""
    spelled = {entry.code.rstrip("_"): entry.code for entry in file.classes} | {
        entry.code: entry.code for entry in file.classes
    }
    known = {subject.finding.code: subject for subject in subjects}
    found = {code: spelled.get(code, spelled.get(code.rstrip("_"))) for code in known}
    return LabelledSubjects(
        labels.name,
        {spelling: known[code] for code, spelling in found.items() if spelling is not None},
        tuple(code for code, spelling in found.items() if spelling is None),
    )
