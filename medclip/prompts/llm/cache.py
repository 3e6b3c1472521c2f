"""Answers of language models on disk, one file per request, named by the request's digest."""

from __future__ import annotations

import os
from pathlib import Path

from medclip.core.errors import OutputError, PromptError
from medclip.core.files import output_errors, read_json, write_json
from medclip.prompts.llm.request import Reply, Request

__all__ = ["ReplyCache"]

_MAXIMUM_BYTES = 4 << 20


class ReplyCache:
    """Keeps answers, so that a prompt set can be built again without the model, and to the same bytes.

    Args:
        folder: Where the answers are; made at the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, request: Request) -> Reply | None:
        """Return the answer to a request, or None.

        Raises:
            PromptError: There is a file, but it is damaged or answers another request.
        """
        path = self._path(request)
        try:
            content = read_json(path, maximum_bytes=_MAXIMUM_BYTES)
            # Through JSON, tuples become lists and the digest tells whether anything was changed.
            kept, reply = content["request"], Reply(**content["reply"])
            if kept != request.to_dict() or not isinstance(reply.text, str):
                raise ValueError("another request")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise PromptError(f"{path} is no answer to this request ({error})", action="remove the file") from error
        return reply

    def put(self, request: Request, reply: Reply) -> None:
        """Keep an answer.

        Raises:
            OutputError: The folder cannot be written.
        """
        kept = {"text": reply.text, "n_prompt_tokens": reply.n_prompt_tokens, "n_answer_tokens": reply.n_answer_tokens}
        write_json(self._path(request), {"request": request.to_dict(), "reply": kept})

    def check_writable(self) -> None:
        """Fail before a model is asked rather than after.

        Raises:
            OutputError: The folder cannot be made or written.
        """
        with output_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                action = "choose another folder with --cache, or use --offline"
                raise OutputError(f"the cache {self.folder} cannot be written", action=action)

    def _path(self, request: Request) -> Path:
        digest = request.sha256()
        return self.folder / digest[:2] / f"{digest}.json"
