"""Embeddings of a frozen text encoder, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from medclip.core.files import write_whole
from medclip.encoders.text import TextEncoder

__all__ = ["embed_texts"]

_TEXTS_PER_FILE = 4096
_log = logging.getLogger(__name__)


def embed_texts(
    encoder: TextEncoder,
    texts: Sequence[str],
    *,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Embed texts with a frozen encoder, or read what an earlier run computed.

    The texts are sorted and cut into files of a few thousand; each file is named after the encoder's weights and the
    texts in it, so that nothing stale is ever read, and an interrupted run continues where it was.

    Args:
        encoder: Text encoder; its network is only read.
        texts: What to embed.
        folder: Where the files lie; None computes without keeping anything.
        progress: Called with the number of texts done and in all.

    Returns:
        float32 ``(n_texts, embedding_dim)`` on the CPU, in the order of ``texts``.
    """
    distinct = sorted(set(texts))
    position = {text: index for index, text in enumerate(distinct)}
    encoder_digest = encoder.digest() if folder is not None else ""
    parts = []
    for start in range(0, len(distinct), _TEXTS_PER_FILE):
        members = distinct[start : start + _TEXTS_PER_FILE]
        parts.append(_embed_part(encoder, members, folder, encoder_digest))
        if progress is not None:
            progress(start + len(members), len(distinct))
    if not parts:
        return torch.empty(0, encoder.embedding_dim)
    return torch.cat(parts)[[position[text] for text in texts]]


def _embed_part(encoder: TextEncoder, texts: Sequence[str], folder: Path | None, encoder_digest: str) -> Tensor:
    if folder is None:
        return encoder.embed(texts)
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file

    name = hashlib.sha256("\0".join([encoder_digest, *texts]).encode()).hexdigest()
    path = folder / f"{name}.safetensors"
    if path.is_file():
        try:
            return load_file(path)["embeddings"]
        except (SafetensorError, KeyError):
            _log.warning("%s is damaged; its texts are embedded again", path)
    embeddings = encoder.embed(texts)
    with write_whole(path) as temporary:
        save_file({"embeddings": embeddings}, temporary)
    return embeddings
