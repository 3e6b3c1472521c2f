"""A language model in this process, from a folder."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

from medclip.core.errors import PromptError
from medclip.prompts.llm.request import Reply, Request

__all__ = ["LocalModel"]

_HEAD_BYTES = 1 << 20


class LocalModel:
    """A ``transformers`` model from a folder; nothing leaves the machine.

    Args:
        folder: With configuration, weights as safetensors, and tokenizer.
        device: Where to compute.

    Raises:
        PromptError: The folder holds no language model.
    """

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        if not (folder / "config.json").is_file():
            raise PromptError(f"{folder} holds no language model", action="name a folder with config.json and weights")
        self._folder = folder
        self._device = device
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._name = f"{folder.resolve().name}@{_fingerprint(folder)[:12]}"

    @property
    def name(self) -> str:
        """Folder name and the beginning of a digest of its files."""
        return self._name

    def answer(self, request: Request) -> Reply:
        """Answer one request; one at a time, because the model uses all of the machine.

        Raises:
            PromptError: The folder's files do not make a model.
        """
        import torch

        with self._lock:
            model, tokenizer = self._loaded or self._load()
            ids = _prompt_ids(tokenizer, request).to(self._device)
            sampling: dict[str, Any] = {"do_sample": request.temperature > 0}
            if request.temperature > 0:
                sampling["temperature"] = request.temperature
            with torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(request.seed)
                generated = model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=request.max_tokens,
                    pad_token_id=tokenizer.eos_token_id or 0,
                    **sampling,
                )
        new = generated[0, ids.shape[1] :]
        return Reply(tokenizer.decode(new, skip_special_tokens=True), int(ids.shape[1]), len(new))

    def _load(self) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
            model: Any = AutoModelForCausalLM.from_pretrained(self._folder, local_files_only=True, use_safetensors=True)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise PromptError(f"{self._folder} holds no usable language model ({error})") from error
        self._loaded = (model.to(self._device).eval(), tokenizer)
        return self._loaded


def _prompt_ids(tokenizer: Any, request: Request) -> Any:
    if tokenizer.chat_template:
        return tokenizer.apply_chat_template(
            request.messages(), add_generation_prompt=True, return_tensors="pt", return_dict=True
        )["input_ids"]
    text = "\n\n".join(message["content"] for message in request.messages())
    return tokenizer(f"{text}\n\n", return_tensors="pt")["input_ids"]


def _fingerprint(folder: Path) -> str:
    """Digest of names, sizes and first MiB of all files, because weights may have many GB."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        digest.update(f"{path.name} {path.stat().st_size}\n".encode() + head)
    return digest.hexdigest()
