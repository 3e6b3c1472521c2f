"""Ask many questions at once, each only if its answer is not known already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from medclip.core.errors import PromptError
from medclip.prompts.llm.cache import ReplyCache
from medclip.prompts.llm.request import LanguageModel, Question, Request

__all__ = ["Answer", "Asking", "Usage"]


@dataclass(frozen=True)
class Answer:
    """An answer and where it comes from.

    Args:
        text: As the model gave it.
        model: Name of the model.
        request_sha256: Digest of the request.
    """

    text: str
    model: str
    request_sha256: str


@dataclass
class Usage:
    """What the answers took.

    Args:
        n_asked: Requests that the model answered.
        n_cached: Answers that were known already.
        n_prompt_tokens: Tokens sent.
        n_answer_tokens: Tokens received.
    """

    n_asked: int = 0
    n_cached: int = 0
    n_prompt_tokens: int = 0
    n_answer_tokens: int = 0

    def cost(self, *, per_million_sent: float, per_million_received: float) -> float:
        """Return what the tokens cost, in the currency of the two prices."""
        return (self.n_prompt_tokens * per_million_sent + self.n_answer_tokens * per_million_received) / 1e6


class Asking:
    """A language model with its settings, a cache in front of it and a count of what it took.

    Args:
        model: The model, or None to use only what the cache holds.
        model_name: Name of the model; that of ``model`` if None.
        cache: Known answers.
        temperature: 0 for the likeliest answer.
        seed: Of the sampling.
        max_tokens: An answer is cut here.
        n_concurrent: Requests at a time.
        progress: Called after each answer with the number of new answers.

    Raises:
        PromptError: There is neither a model nor a name.
    """

    def __init__(
        self,
        model: LanguageModel | None,
        cache: ReplyCache,
        *,
        model_name: str | None = None,
        temperature: float = 0.0,
        seed: int = 0,
        max_tokens: int = 1024,
        n_concurrent: int = 4,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        name = model_name or (model.name if model else None)
        if name is None:
            raise PromptError("whose answers are wanted from the cache?", action="name the language model")
        self._name = name
        self._model = model
        self._cache = cache
        self._temperature, self._seed, self._max_tokens = temperature, seed, max_tokens
        self._n_concurrent = n_concurrent
        self._progress = progress
        self._lock = threading.Lock()
        self.usage = Usage()

    @property
    def settings(self) -> Mapping[str, str | int | float]:
        """What the answers depend on beside the questions."""
        return {
            "llm": self._name,
            "temperature": self._temperature,
            "seed": self._seed,
            "max_tokens": self._max_tokens,
        }

    def ask(self, questions: Mapping[str, Question]) -> dict[str, Answer]:
        """Answer every question, by its key.

        What was answered before a failure stays in the cache.

        Raises:
            PromptError: An answer is not in the cache and there is no model, or the model refuses the request.
            DownloadError: The model cannot be reached.
            OutputError: The cache cannot be written.
        """
        if self._model is not None:
            self._cache.check_writable()
        with ThreadPoolExecutor(self._n_concurrent) as pool:
            waiting = {pool.submit(self._answer, asked): key for key, asked in questions.items()}
            try:
                answers = {waiting[done]: done.result() for done in as_completed(waiting)}
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return {key: answers[key] for key in questions}

    def _answer(self, asked: Question) -> Answer:
        request = Request(self._name, asked, self._temperature, self._seed, self._max_tokens)
        reply = self._cache.get(request)
        is_new = reply is None
        if reply is None:
            if self._model is None:
                raise PromptError(
                    f"the cache has no answer of {self._name} to one of the questions",
                    received=request.sha256(),
                    action="build once without --offline, with the same settings",
                )
            reply = self._model.answer(request)
            self._cache.put(request, reply)
        with self._lock:
            self.usage.n_asked += is_new
            self.usage.n_cached += not is_new
            if is_new:
                self.usage.n_prompt_tokens += reply.n_prompt_tokens
                self.usage.n_answer_tokens += reply.n_answer_tokens
        if self._progress is not None:
            self._progress(1)
        return Answer(reply.text, self._name, request.sha256())
