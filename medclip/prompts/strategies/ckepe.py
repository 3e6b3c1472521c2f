"""A language model proposes subtypes, attributes and appearance; knowledge decides (after MERL, arXiv 2403.06659).

Unlike in MERL's published prompts, a phrase has to be confirmed for this very finding, and a phrase that names another
class is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from medclip.prompts.llm.asking import Answer, Asking
from medclip.prompts.llm.question import question, read_phrases
from medclip.prompts.provenance import LanguageModelOrigin, Rejected
from medclip.prompts.strategies import definition
from medclip.prompts.strategies._sentences import absences, as_sentence
from medclip.prompts.strategy import Draft, Sentence, Strategy, Tools
from medclip.prompts.subject import Subject
from medclip.prompts.verify import CHECKS, verify
from medclip.prompts.words import to_words

__all__ = ["STRATEGY"]


def _ask(subjects: Sequence[Subject], tools: Tools, asking: Asking) -> dict[str, Answer]:
    questions = {
        subject.finding.code: question(subject.required_concept("ckepe"), tools.modality_title) for subject in subjects
    }
    return asking.ask(questions)


def _write(subject: Subject, tools: Tools) -> Draft:
    concept = subject.required_concept("ckepe")
    answer = tools.answers[subject.finding.code]
    phrases, fault = read_phrases(answer.text)
    accepted: dict[tuple[str, ...], Sentence] = {}
    rejected = []
    for phrase in phrases:
        verdict = verify(phrase, subject, tools.length)
        if verdict.is_accepted:
            origin = LanguageModelOrigin(answer.model, answer.request_sha256, verdict.concept, verdict.field)
            accepted.setdefault(to_words(phrase), Sentence(as_sentence(phrase), origin, CHECKS))
        else:
            rejected.append(Rejected(phrase, verdict.reason))
    if fault:
        rejected.append(Rejected(answer.text[:_SHOWN], fault))
    if not accepted:
        return _fallback(subject, tools, rejected)
    own = [Sentence(as_sentence(concept.term), subject.origin("term"))]
    positive = [*own, *(sentence for words, sentence in accepted.items() if words != to_words(concept.term))]
    return Draft(positive, absences(subject), rejected)


def _fallback(subject: Subject, tools: Tools, rejected: Sequence[Rejected]) -> Draft:
    draft = definition.STRATEGY.write(subject, tools)
    said = f"definition: none of {len(rejected)} phrases of the language model survived verification"
    return Draft(draft.positive, draft.negative, rejected, said)


_SHOWN = 300

STRATEGY = Strategy(
    "ckepe", "a language model's subtypes, attributes and appearance, each confirmed by knowledge", _write, _ask
)
