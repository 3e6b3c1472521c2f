"""What training recordings give on average, so that scores and maps can tell what is more than usual."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from medclip.core.batch import Batch
from medclip.encoders.model import ContrastiveModel

__all__ = ["Usual", "usual_recording"]

_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class Usual:
    """Averages over training recordings, as they are, without augmentation.

    Args:
        embedding: ``(D,)`` mean normalised embedding.
        places: ``(*grid, D)`` mean of what each place gave to its recording's embedding, divided by the length of that;
            None where maps are not drawn of places. Where nothing was ever seen but padding, 0.
    """

    embedding: Tensor
    places: Tensor | None = None


@torch.inference_mode()
def usual_recording(model: ContrastiveModel, modality: str, batches: Iterable[Batch], *, has_places: bool) -> Usual:
    """Average recordings.

    Args:
        model: In evaluation mode.
        modality: Which tower.
        batches: Recordings that it was trained on.
        has_places: Whether inputs are all of one shape and are laid on their images again. Places are then averaged
            too, unless the encoder gives no tokens, or maps are traced back to earlier features.
    """
    has_places = has_places and not model.tower(modality).is_traced
    n_recordings = 0
    embedding, places, n_seen = torch.zeros(()), torch.zeros(()), torch.zeros(())
    grid: tuple[int, ...] | None = None
    for values, mask in _few(batches, modality):
        whole, output = model.encode(modality, values, mask)
        whole = whole.float()
        has_places = has_places and output.tokens is not None and output.grid is not None
        length = whole.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        embedding = embedding + (whole / length).sum(dim=0)
        n_recordings += len(whole)
        if has_places:
            shares = model.tower(modality).project_shares(output).float() / length[:, None]
            real = torch.ones(shares.shape[:2]) if output.mask is None else output.mask.to(shares.dtype)
            places = places + (shares * real[..., None]).sum(dim=0)
            n_seen = n_seen + real.sum(dim=0)
            grid = output.grid
    if not has_places or grid is None:
        return Usual(embedding / n_recordings)
    return Usual(embedding / n_recordings, (places / n_seen[:, None].clamp_min(1.0)).reshape(*grid, -1))


def _few(batches: Iterable[Batch], modality: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Part batches: their places in the shared space take many times the memory that a step of training does."""
    for batch in batches:
        values, mask = batch.inputs[modality], batch.masks[modality]
        for start in range(0, len(values), _AT_ONCE):
            yield values[start : start + _AT_ONCE], mask[start : start + _AT_ONCE]
