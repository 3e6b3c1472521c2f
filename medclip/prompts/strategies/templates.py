"""The name in a handful of sentence frames (Radford et al., arXiv 2103.00020; the first pair is that of 2403.17834)."""

from __future__ import annotations

from medclip.prompts.provenance import KnowledgeOrigin
from medclip.prompts.strategies._sentences import as_sentence
from medclip.prompts.strategy import Draft, Sentence, Strategy, Tools
from medclip.prompts.subject import Subject

__all__ = ["STRATEGY"]

_FRAMES = (
    ("{name} is present.", "{name} is not present."),
    ("There is {name}.", "There is no {name}."),
    ("Findings consistent with {name}.", "No findings consistent with {name}."),
    ("The {title} shows {name}.", "The {title} does not show {name}."),
    ("Evidence of {name}.", "No evidence of {name}."),
)


def _write(subject: Subject, tools: Tools) -> Draft:
    origin = KnowledgeOrigin("", "name", "labels", "", "")
    words = {"name": subject.finding.name, "title": tools.modality_title}
    positive, negative = (
        [Sentence(as_sentence(frame[side].format(**words)), origin) for frame in _FRAMES] for side in (0, 1)
    )
    return Draft(positive, negative)


STRATEGY = Strategy("templates", "the name in five sentence frames, each with its denial", _write)
