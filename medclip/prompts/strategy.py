"""What a strategy is, and how all of them are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medclip.core.errors import PromptError
from medclip.prompts.checks.form import Length
from medclip.prompts.provenance import KnowledgeOrigin, LanguageModelOrigin, Rejected
from medclip.prompts.subject import Subject

if TYPE_CHECKING:
    from medclip.prompts.llm.asking import Answer, Asking

__all__ = ["Draft", "Sentence", "Strategy", "Tools", "find_strategy", "strategy_names"]

_PACKAGE = "medclip.prompts.strategies"


@dataclass(frozen=True)
class Sentence:
    """A sentence with the origin of its words, and the checks it has passed already."""

    text: str
    origin: KnowledgeOrigin | LanguageModelOrigin
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """What a strategy writes for one finding.

    Args:
        positive: Best first.
        negative: Best first.
        rejected: Phrases left out so far.
        fallback: Why the finding is described otherwise than asked for; empty if it is not.
    """

    positive: Sequence[Sentence]
    negative: Sequence[Sentence]
    rejected: Sequence[Rejected] = ()
    fallback: str = ""


@dataclass(frozen=True, eq=False)
class Tools:
    """What a strategy may use beside the finding itself.

    Args:
        length: How much the text encoder reads.
        modality_title: What a clinician calls the kind of recording, such as "electrocardiogram".
        answers: Of the language model, by code; only for a strategy that asks.
    """

    length: Length
    modality_title: str
    answers: dict[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True)
class Strategy:
    """One way to describe findings.

    Args:
        name: The same as its module.
        description: One line.
        write: Writes the sentences for one finding.
        ask: Asks a language model about all findings first; None if the strategy needs none.
    """

    name: str
    description: str
    write: Callable[[Subject, Tools], Draft]
    ask: Callable[[Sequence[Subject], Tools, Asking], dict[str, Answer]] | None = None


def strategy_names() -> tuple[str, ...]:
    """Names of all strategies, found by scanning ``strategies/``."""
    path = importlib.import_module(_PACKAGE).__path__
    return tuple(sorted(found.name for found in pkgutil.iter_modules(path) if not found.name.startswith("_")))


def find_strategy(name: str) -> Strategy:
    """Return one strategy by name, or raise ``PromptError`` with the names there are."""
    if name not in strategy_names():
        raise PromptError("unknown strategy", received=name, allowed=strategy_names())
    found: Strategy = importlib.import_module(f"{_PACKAGE}.{name}").STRATEGY
    return found
