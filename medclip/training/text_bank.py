"""The texts of a training run, tokenised or embedded once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from medclip.encoders.model import TextTower
from medclip.encoders.text import Tokens
from medclip.encoders.text_cache import embed_texts

__all__ = ["TextBank"]


class TextBank:
    """Gives the embedding of any text of the data by its row.

    A frozen encoder has embedded every distinct text once, before the first step; what is left of a step is the head.
    An encoder that is trained gets every distinct text of the batch once, padded to the longest of them.

    Args:
        tower: The text side; its encoder is used here, its head on every call.
        texts: Distinct texts.
        cache: Folder for the embeddings of a frozen encoder; None keeps none.
    """

    def __init__(self, tower: TextTower, texts: Sequence[str], *, cache: Path | None = None) -> None:
        self._features: Tensor | None = None
        self._token_ids: list[list[int]] = []
        if tower.encoder.frozen:
            with tqdm(total=len(texts), desc="embedding texts", unit=" texts", leave=False, disable=None) as bar:
                self._features = embed_texts(
                    tower.encoder, texts, folder=cache, progress=lambda done, _: bar.update(done - bar.n)
                )
        else:
            self._token_ids = tower.encoder.token_ids(texts)

    def __deepcopy__(self, memo: dict[int, Any]) -> TextBank:
        # Averaged copies of a module share the texts, which never change.
        return self

    def encode(self, tower: TextTower, rows: Tensor) -> Tensor:
        """Return ``(len(rows), D)`` embeddings, not normalised, with gradient; a row below 0 counts as row 0."""
        distinct, position = torch.unique(rows.clamp(min=0), return_inverse=True)
        if self._features is not None:
            features = self._features[distinct.cpu()].to(rows.device)
            embedded = tower.projection(features)
        elif len(distinct) == 0:
            # Transformers cannot take an empty batch.
            embedded = tower.projection(torch.zeros(0, tower.encoder.embedding_dim, device=rows.device))
        else:
            tokens = tower.encoder.pad([self._token_ids[row] for row in distinct.tolist()])
            embedded = tower(Tokens(tokens.ids.to(rows.device), tokens.mask.to(rows.device)))
        result: Tensor = embedded[position]
        return result
