"""A language model behind an OpenAI-compatible endpoint: hosted, vLLM, Ollama, llama.cpp, ``transformers serve``."""

from __future__ import annotations

import ipaddress
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from medclip.core.errors import ConfigError, DownloadError, MissingDependencyError, PromptError
from medclip.prompts.llm.request import Reply, Request

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

__all__ = ["Endpoint", "is_local"]

_MAXIMUM_BYTES = 4 << 20
_LONGEST_WAIT_S = 60.0
_TRY_AGAIN = (408, 409, 425, 429)
# Not every server takes all of these; what the first is for is said in the text of the request as well.
_OPTIONAL = ("response_format", "seed", "max_tokens", "temperature")
_DROPPED_UNASKED = ("response_format", "seed")


class Endpoint:
    """Asks a model by URL and name.

    The key is read from the environment when the endpoint is made; it is in no message, file or representation.

    Args:
        url: Base of the protocol, such as ``http://127.0.0.1:8000/v1``.
        model: Name of the model at the endpoint.
        key_variable: Environment variable that holds the key; servers that want none get a placeholder.
        timeout_s: Seconds for one try, from the request to the last byte of the answer.
        n_tries: How often a busy, failing or silent server is asked.
        backoff_s: Seconds before the second try; doubled before each further one.

    Raises:
        ConfigError: The URL is malformed or holds a password.
        MissingDependencyError: The package openai is not installed.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str = "OPENAI_API_KEY",
        timeout_s: float = 120.0,
        n_tries: int = 5,
        backoff_s: float = 1.0,
    ) -> None:
        _check_url(url)
        self.url = url
        self._model = model
        self._key_variable = key_variable
        self._timeout_s, self._n_tries, self._backoff_s = timeout_s, n_tries, backoff_s
        self._key = os.environ.get(key_variable, "")
        self._client = _client(url, self._key, timeout_s)
        self._dropped: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the model at the endpoint."""
        return self._model

    def answer(self, request: Request) -> Reply:
        """Answer one request; a server that is busy, fails, is silent or breaks off is asked again.

        Raises:
            DownloadError: The server cannot be reached or gives no whole answer.
            PromptError: The server refuses the key, the model or the request.
        """
        fault = ""
        for n_failed in range(self._n_tries):
            try:
                return self._try(request)
            except _TryAgainError as error:
                fault = str(error)
                if n_failed + 1 < self._n_tries:
                    time.sleep(min(_LONGEST_WAIT_S, max(error.wait_s, self._backoff_s * 2**n_failed)))
        raise DownloadError(
            f"no answer from {self.url} after {self._n_tries} tries ({fault})",
            action="check that the server runs, or try later; what was answered is in the cache",
        )

    def _try(self, request: Request) -> Reply:
        import openai

        # httpx is imported by openai under one of these names; errors while an answer is read are not wrapped.
        broken = tuple(sys.modules[name].HTTPError for name in ("httpx", "httpx2") if name in sys.modules)
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._client.chat.completions.with_streaming_response.create(**self._arguments(request)) as response:
                return _read(response.iter_bytes(), deadline)
        except openai.APIStatusError as error:
            raise self._refusal(error) from None
        except openai.APITimeoutError:
            raise _TryAgainError(f"silent for {self._timeout_s:g} s") from None
        except openai.APIConnectionError as error:
            raise _TryAgainError(self._without_key(str(error.__cause__ or error))) from None
        except broken as error:
            raise _TryAgainError(f"broke off: {self._without_key(str(error))}") from None

    def _arguments(self, request: Request) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": request.model,
            "messages": request.messages(),
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "phrases", "strict": True, "schema": request.question.schema},
            },
        }
        if "max_tokens" in self._dropped:
            arguments["max_completion_tokens"] = request.max_tokens
        return {name: value for name, value in arguments.items() if name not in self._dropped}

    def _refusal(self, error: APIStatusError) -> Exception:
        status = error.status_code
        said = self._without_key(error.message)[:200]
        if status in _TRY_AGAIN or status >= 500:
            return _TryAgainError(f"status {status}", _retry_after(error.response.headers))
        if status in (401, 403):
            action = f"set the environment variable {self._key_variable}"
            return PromptError(f"{self.url} refuses the key (status {status})", action=action)
        disliked = self._disliked(error.message) if status in (400, 422) else None
        if disliked:
            self._dropped = (*self._dropped, disliked)
            return _TryAgainError(f"status {status}: {said}")
        return PromptError(
            f"{self.url} refuses the request (status {status}: {said})",
            received=f"model {self._model}",
            action="check the URL, which usually ends in /v1, and the name of the model",
        )

    def _disliked(self, said: str) -> str | None:
        """Return the setting that the server will not have, by its message or by guess."""
        left = [name for name in _OPTIONAL if name not in self._dropped]
        named = [name for name in left if name in said]
        return next(iter(named or [name for name in left if name in _DROPPED_UNASKED]), None)

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


class _TryAgainError(Exception):
    """Worth another try, after some seconds if the server said so."""

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine.

    >>> is_local("http://localhost:8000/v1"), is_local("https://api.example.org/v1")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigError("the URL of the language model is malformed", allowed="such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query:
        raise ConfigError(
            "the URL of the language model holds a password or a query", action="put the key into the environment"
        )


def _client(url: str, key: str, timeout_s: float) -> OpenAI:
    try:
        from openai import OpenAI
    except ImportError as error:
        action = "run pip install 'medclip-toolkit[llm]'"
        raise MissingDependencyError(
            "asking a language model by URL needs the package openai", action=action
        ) from error
    return OpenAI(base_url=url, api_key=key or "none", timeout=timeout_s, max_retries=0)


def _read(chunks: Any, deadline: float) -> Reply:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if time.monotonic() > deadline:
            raise _TryAgainError("the answer came too slowly")
        if len(body) > _MAXIMUM_BYTES:
            raise PromptError(f"the language model answered more than {_MAXIMUM_BYTES} bytes", action="use another one")
    try:
        content = json.loads(body)
        message = content["choices"][0]["message"]
        usage = content.get("usage") or {}
        # A refusal has no content; its words are kept, so that the rejected phrases show them.
        text = message.get("content") or message.get("refusal") or ""
        return Reply(str(text), int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise _TryAgainError("the answer is not of OpenAI's protocol") from None


def _retry_after(headers: Mapping[str, str]) -> float:
    try:
        return max(0.0, float(headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
