"""One request to a language model, and what comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

__all__ = ["LanguageModel", "Question", "Reply", "Request"]


@dataclass(frozen=True)
class Question:
    """What is asked about one finding.

    Args:
        system: What the model is for.
        user: The question.
        schema: JSON schema of the answer.
    """

    system: str
    user: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """A question with everything that the answer depends on.

    Args:
        model: Name of the language model.
        question: What is asked.
        temperature: 0 for the likeliest answer.
        seed: Of the sampling, for models that can repeat themselves.
        max_tokens: The answer is cut here.
    """

    model: str
    question: Question
    temperature: float = 0.0
    seed: int = 0
    max_tokens: int = 1024

    def messages(self) -> list[dict[str, str]]:
        """The chat as OpenAI's protocol has it."""
        return [
            {"role": "system", "content": self.question.system},
            {"role": "user", "content": self.question.user},
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self)

    def sha256(self) -> str:
        """Digest by which the cache knows the answer."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What a language model answered.

    Args:
        text: The answer as it came.
        n_prompt_tokens: Tokens of the request.
        n_answer_tokens: Tokens of the answer.
    """

    text: str
    n_prompt_tokens: int = 0
    n_answer_tokens: int = 0


class LanguageModel(Protocol):
    """Something that answers requests; called from several threads at once."""

    @property
    def name(self) -> str:
        """What the model is called in requests, in the cache and in prompt sets."""
        ...

    def answer(self, request: Request) -> Reply:
        """Answer one request, or raise a ``MedclipError``."""
        ...
