"""Where a sentence of a prompt set comes from, and what became of the phrases that are not in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medclip.core.errors import PromptError

__all__ = ["KnowledgeOrigin", "LanguageModelOrigin", "Provenance", "Rejected"]


@dataclass(frozen=True)
class KnowledgeOrigin:
    """A sentence made from a concept, or from the label set's own name of a finding.

    Args:
        concept: Id of the concept; empty if the words are the label set's own.
        field: Which words: ``term``, ``synonym``, ``definition``, ``appearance``, ``attribute``, ``absence``,
            ``wording``, ``name``.
        source: Short name of the vocabulary, or ``labels``.
        version: As the source writes it.
        licence: SPDX identifier, or the name of the terms.
    """

    concept: str
    field: str
    source: str
    version: str
    licence: str

    def to_dict(self) -> dict[str, str]:
        """Plain types; an empty concept is left out."""
        given = {"concept": self.concept} if self.concept else {}
        return given | {"field": self.field, "source": self.source, "version": self.version, "licence": self.licence}


@dataclass(frozen=True)
class LanguageModelOrigin:
    """A phrase that a language model proposed and that knowledge confirms.

    Args:
        model: Name of the language model.
        request_sha256: Digest of the request, by which the cache holds the answer.
        verified_against: Id of the concept that confirms the phrase.
        field: Which of the concept's words confirm it.
    """

    model: str
    request_sha256: str
    verified_against: str
    field: str

    def to_dict(self) -> dict[str, str]:
        """Plain types."""
        return {
            "llm": self.model,
            "request_sha256": self.request_sha256,
            "verified_against": self.verified_against,
            "field": self.field,
        }


@dataclass(frozen=True)
class Provenance:
    """What is known of one sentence.

    Args:
        origin: Where its words come from.
        checks: Names of the checks that it passed.
    """

    origin: KnowledgeOrigin | LanguageModelOrigin
    checks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain types, without the sentence."""
        return {"origin": self.origin.to_dict()} | ({"checks": list(self.checks)} if self.checks else {})

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], *, where: str) -> Provenance:
        """Read what ``to_dict`` gives.

        Raises:
            PromptError: A key is missing or unknown, or a value is no text.
        """
        origin, checks = content.get("origin"), content.get("checks", [])
        if not isinstance(origin, dict) or not all(isinstance(value, str) for value in origin.values()):
            raise PromptError(f"{where} has a sentence without an origin", received=origin, allowed="texts by name")
        if not isinstance(checks, list) or not all(isinstance(check, str) for check in checks):
            raise PromptError(f"{where} has checks that are no list of names", received=checks)
        kind: type[KnowledgeOrigin | LanguageModelOrigin] = KnowledgeOrigin
        if "llm" in origin:
            kind, origin = LanguageModelOrigin, {("model" if key == "llm" else key): origin[key] for key in origin}
        elif "concept" not in origin:
            origin = {"concept": ""} | origin
        if set(origin) != set(kind.__annotations__):
            allowed = sorted(kind.__annotations__)
            raise PromptError(f"{where} has an odd origin", received=sorted(origin), allowed=allowed)
        return cls(kind(**origin), tuple(checks))


@dataclass(frozen=True)
class Rejected:
    """A phrase that was considered and left out.

    Args:
        text: The phrase.
        reason: Why, for a reader.
    """

    text: str
    reason: str
