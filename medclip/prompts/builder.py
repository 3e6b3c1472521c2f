"""Build a prompt set from a label set, clinical knowledge and a strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medclip.core.errors import PromptError
from medclip.core.label_set import LabelSet
from medclip.core.modality import discover
from medclip.knowledge.lookup import CatalogueKnowledge, Knowledge
from medclip.prompts.checks.form import Length
from medclip.prompts.llm.asking import Asking
from medclip.prompts.prompt_set import Prompts, PromptSet
from medclip.prompts.provenance import Provenance, Rejected
from medclip.prompts.strategy import Draft, Sentence, Tools, find_strategy
from medclip.prompts.subject import find_subjects
from medclip.prompts.words import to_words

__all__ = ["build_prompts"]


def build_prompts(
    labels: LabelSet,
    strategy: str,
    *,
    knowledge: Knowledge | None = None,
    asking: Asking | None = None,
    length: Length | None = None,
    name: str | None = None,
) -> PromptSet:
    """Write positive and negative sentences for every finding of a label set.

    The same label set, knowledge and answers of the language model give the same set, byte for byte.

    Args:
        labels: What to describe; its column ``concept`` leads to the knowledge.
        strategy: Name of a file in ``strategies/``.
        knowledge: Where the concepts are; the shipped catalogue if None.
        asking: How to ask a language model; needed by a strategy that asks one.
        length: How much the text encoder reads; 256 tokens if None.
        name: What the set is called; label set and strategy if None.

    Raises:
        PromptError: The strategy is unknown or lacks a language model, a finding has no concept or no definition, or
            no sentence of a finding is usable.
        DownloadError: The language model cannot be reached.
    """
    chosen = find_strategy(strategy)
    subjects = find_subjects(labels, CatalogueKnowledge() if knowledge is None else knowledge)
    tools = Tools(length or Length(), _title(labels.modality))
    settings: Mapping[str, str | int | float] = {}
    if chosen.ask is not None:
        if asking is None:
            raise PromptError(
                f"strategy {strategy} asks a language model", action="name one, or choose another strategy"
            )
        tools.answers.update(chosen.ask(subjects, tools, asking))
        settings = asking.settings
    prompts = {
        subject.finding.code: _checked(chosen.write(subject, tools), subject.finding.code, tools.length)
        for subject in subjects
    }
    return PromptSet(name or f"{labels.name}-{strategy}", labels.name, prompts, strategy, settings)


def _title(modality: str) -> str:
    known = discover()
    return known[modality].title if modality in known else "recording"


def _checked(draft: Draft, code: str, length: Length) -> Prompts:
    """Leave out doubled sentences and those that the text encoder would cut."""
    rejected = list(draft.rejected)
    positive = _fitting(draft.positive, length, rejected)
    negative = _fitting(draft.negative, length, rejected)
    if not positive or not negative:
        raise PromptError(
            f"no {'negative' if positive else 'positive'} sentence of {code} fits the text encoder",
            received=[phrase.reason for phrase in rejected],
            action="allow longer texts, or choose another strategy",
        )
    known = {
        sentence.text: Provenance(sentence.origin, tuple(dict.fromkeys((*sentence.checks, "length"))))
        for sentence in (*positive, *negative)
    }
    texts = [tuple(sentence.text for sentence in side) for side in (positive, negative)]
    return Prompts(texts[0], texts[1], known, tuple(rejected), draft.fallback)


def _fitting(sentences: Sequence[Sentence], length: Length, rejected: list[Rejected]) -> list[Sentence]:
    """Keep what fits, once: another spelling or number of the same words says nothing new to the text encoder."""
    kept: dict[tuple[str, ...], Sentence] = {}
    for sentence in sentences:
        excess = length.excess(sentence.text)
        if excess:
            rejected.append(Rejected(sentence.text, f"{excess} tokens longer than the text encoder reads"))
        else:
            kept.setdefault(to_words(sentence.text, keep_parentheses=False), sentence)
    return list(kept.values())
