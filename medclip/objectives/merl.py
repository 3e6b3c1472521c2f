"""The two objectives of MERL (arXiv 2403.06659, ICML 2024)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.objectives.batch import EncodedBatch, Needs
from medclip.objectives.clip import info_nce
from medclip.objectives.temperature import inverse_temperature

__all__ = ["CrossModalAlignment", "UnimodalAlignment"]


class CrossModalAlignment(nn.Module):
    """MERL's CMA: cross-entropy from recording to report plus from report to recording.

    The two directions are summed, not averaged, and equal reports are negatives, as in the released code; see
    ``InfoNCE`` for the objective that treats them better.

    Args:
        temperature: Fixed. MERL: 0.07.

    Raises:
        ConfigError: The temperature is out of range.
    """

    needs: ClassVar[frozenset[Needs]] = frozenset({"reports"})

    def __init__(self, *, temperature: float = 0.07) -> None:
        super().__init__()
        self.scale = inverse_temperature(temperature)

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
        dropout: Of each view, in [0, 1). MERL: 0.1.

    Raises:
        ConfigError: A value is out of range, or an encoder's tokens have another width.
    """

    needs: ClassVar[frozenset[Needs]] = frozenset()

    def __init__(self, *, latent_dim: int = 256, temperature: float = 0.07, dropout: float = 0.1) -> None:
        super().__init__()
        if latent_dim < 1 or not 0.0 <= dropout < 1.0:
            raise ConfigError(
                "settings of the unimodal alignment out of range",
                received=f"latent_dim {latent_dim}, dropout {dropout}",
                allowed="latent_dim >= 1, dropout in [0, 1)",
            )
        self.latent_dim = latent_dim
        self.scale = inverse_temperature(temperature)
        self.first_view = nn.Sequential(nn.Linear(latent_dim, latent_dim, bias=False), nn.Dropout(dropout))
        self.second_view = nn.Sequential(nn.Linear(latent_dim, latent_dim, bias=False), nn.Dropout(dropout))

    def forward(self, batch: EncodedBatch) -> dict[str, Tensor]:
        """Return one term per modality."""
        terms = {}
        for modality, latent in batch.latents.items():
            if latent.shape[-1] != self.latent_dim:
                raise ConfigError(
                    f"latent_dim of the unimodal alignment is not the width of the {modality} encoder",
                    received=self.latent_dim,
                    allowed=latent.shape[-1],
                )
            forth, back = info_nce(
                self.first_view(latent),
                self.second_view(latent),
                scale=self.scale,
                duplicates="negative",
                present=batch.present.get(modality),
            )
            terms[modality] = forth + back
        return terms
