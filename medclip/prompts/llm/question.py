"""The question about one finding, and the phrases in the answer.

A question is made of the concept and the modality's title alone, so that no text of a patient can be in it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from medclip.knowledge.concept import Concept
from medclip.prompts.llm.request import Question

__all__ = ["question", "read_phrases"]

_KEYS = ("subtypes", "attributes", "appearance")
_MOST_PHRASES = 64
_MOST_CHARACTERS = 65536
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {key: {"type": "array", "items": {"type": "string"}} for key in _KEYS},
    "required": list(_KEYS),
    "additionalProperties": False,
}
_SYSTEM = (
    "You write search phrases for a clinical finding. Answer with one JSON object and nothing else: "
    '{"subtypes": [...], "attributes": [...], "appearance": [...]}. Every item is a short English noun phrase as it '
    "would stand in a report. subtypes: kinds of the finding. attributes: the finding's name with a degree, place or "
    "course. appearance: what is seen when it is present, in the words of the definition. Only what is always true of "
    "this very finding; no other finding, no negation, no explanation, no abbreviation. Leave a list empty rather than "
    "guess."
)


def question(concept: Concept, modality_title: str) -> Question:
    """Ask for subtypes, attributes and appearance of a concept, with its definition in the question."""
    described = concept.description
    lines = [
        f"Finding: {concept.term}",
        f"Looked for in: {modality_title}",
        f"Also called: {'; '.join(concept.names()[1:])}" if len(concept.names()) > 1 else "",
        f"Definition: {concept.definition}",
        f"Where: {described.region}" if described and described.region else "",
        f"May be qualified by: {'; '.join(described.attributes)}" if described and described.attributes else "",
        f"Seen when present: {' '.join(described.appearance)}" if described and described.appearance else "",
    ]
    return Question(_SYSTEM, "\n".join(filter(None, lines)), _SCHEMA)


def read_phrases(answer: str) -> tuple[list[str], str]:
    """Return the phrases in an answer, and what is wrong with the answer as a whole, or an empty text.

    A block of reasoning in front of the answer and a fence around it are left out.

    >>> read_phrases('{"subtypes": ["paroxysmal atrial fibrillation"], "attributes": [], "appearance": []}')
    (['paroxysmal atrial fibrillation'], '')
    """
    if len(answer) > _MOST_CHARACTERS:
        return [], f"the answer has {len(answer)} characters, at most {_MOST_CHARACTERS} are read"
    text = re.sub(r"\A\s*<think>.*?</think>", "", answer, flags=re.DOTALL).strip()
    text = re.sub(r"\A```(?:json)?\s*(.*?)\s*```\Z", r"\1", text, flags=re.DOTALL)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return [], "the answer is no JSON"
    if not isinstance(content, dict) or not all(isinstance(content.get(key, []), list) for key in _KEYS):
        return [], f"the answer is no object with the lists {', '.join(_KEYS)}"
    items = [item for key in _KEYS for item in content.get(key, [])]
    phrases = [" ".join(item.split()) for item in items if isinstance(item, str) and item.strip()]
    phrases = list(dict.fromkeys(phrases))
    return phrases[:_MOST_PHRASES], f"only {_MOST_PHRASES} phrases are read" if len(phrases) > _MOST_PHRASES else ""
