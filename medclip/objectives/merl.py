"""The two objectives of MERL (arXiv 2403.06659, ICML 2024)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from medclip.objectives.batch import EncodedBatch, Needs
from medclip.objectives.clip import info_nce

__all__ = ["CrossModalAlignment", "UnimodalAlignment"]


class CrossModalAlignment(nn.Module):
    """MERL's CMA: cross-entropy from recording to report plus from report to recording.

    The two directions are summed, not averaged, and equal reports are negatives, as in the released code; see
    ``InfoNCE`` for the objective that treats them better.

    Args:
        temperature: Fixed. MERL: 0.07.
    """

    needs: ClassVar[frozenset[Needs]] = frozenset({"reports"})

    def __init__(self, *, temperature: float = 0.07) -> None:
        super().__init__()
        self.scale = 1.0 / temperature

    def forward(self, batch: EncodedBatch) -> dict[str, Tensor]:
        """Return one term per modality."""
        terms = {}
        for modality, rows in batch.embeddings.items():
            forth, back = info_nce(
                rows, batch.reports(), scale=self.scale, duplicates="negative", present=batch.present.get(modality)
            )
            terms[modality] = forth + back
        return terms


class UnimodalAlignment(nn.Module):
    """MERL's UMA: two views of one recording, made by dropout in latent space, find each other.

    Args:
        latent_dim: Width of the encoder's tokens. MERL: 256.
        temperature: Fixed. MERL: 0.07.
        dropout: Of each view. MERL: 0.1.
    """

    needs: ClassVar[frozenset[Needs]] = frozenset()

    def __init__(self, *, latent_dim: int = 256, temperature: float = 0.07, dropout: float = 0.1) -> None:
        super().__init__()
        self.scale = 1.0 / temperature
        self.first_view = nn.Sequential(nn.Linear(latent_dim, latent_dim, bias=False), nn.Dropout(dropout))
        self.second_view = nn.Sequential(nn.Linear(latent_dim, latent_dim, bias=False), nn.Dropout(dropout))

    def forward(self, batch: EncodedBatch) -> dict[str, Tensor]:
        """Return one term per modality."""
        terms = {}
        for modality, latent in batch.latents.items():
            forth, back = info_nce(
                self.first_view(latent),
                self.second_view(latent),
                scale=self.scale,
                duplicates="negative",
                present=batch.present.get(modality),
            )
            terms[modality] = forth + back
        return terms
