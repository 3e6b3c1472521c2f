"""The trained thing: one tower per modality and one for text, meeting in a shared space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.lora import LoRA, apply_lora
from medclip.encoders.output import EncoderOutput
from medclip.encoders.projection import Projection
from medclip.encoders.text import TextEncoder, Tokens

__all__ = ["ContrastiveModel", "TextTower", "Tower", "TowerRecipe"]


class Tower(nn.Module):
    """An encoder with its head.

    Args:
        encoder: Module with ``embedding_dim`` whose forward takes ``(x, mask)`` and returns an ``EncoderOutput``.
        projection: Head into the shared space.
        frozen: Leave the encoder as it is, in evaluation mode, so that batch statistics do not move either (LiT,
            arXiv 2111.07991).
        lora: Train low-rank adapters instead of the encoder; batch statistics then stay as well.
    """

    def __init__(
        self, encoder: nn.Module, projection: nn.Module, *, frozen: bool = False, lora: LoRA | None = None
    ) -> None:
        super().__init__()
        if frozen and lora is not None:
            raise ConfigError("a tower is frozen or has LoRA, not both")
        self.frozen = frozen
        self.lora = lora
        if frozen:
            encoder.requires_grad_(False)
        self.encoder = encoder if lora is None else apply_lora(encoder, lora)
        self.projection = projection
        self.train(self.training)

    def train(self, mode: bool = True) -> Tower:
        """Switch to training mode, except what is frozen."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        elif self.lora is not None:
            for module in self.encoder.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, EncoderOutput]:
        """Return the embedding ``(B, D)`` and what the encoder gave."""
        output = self.encoder(x, mask)
        return self.projection(output.pooled), output

    def project_tokens(self, output: EncoderOutput) -> Tensor:
        """Bring an encoder's tokens into the shared space, ``(B, T, D)``, not normalised.

        They go where the pooled vector goes: through what the encoder's pooling does to each (its ``local_tokens``, if
        it has any) and through the same head: what the embedding would be if that place were all there is.

        Raises:
            ConfigError: The encoder has no tokens, or the head cannot project them.
        """
        if output.tokens is None:
            raise ConfigError("the encoder gives no tokens", received=type(self.encoder).__name__)
        local = getattr(self.encoder, "local_tokens", None)
        return self._projected(output.tokens if local is None else local(output))

    def project_shares(self, output: EncoderOutput) -> Tensor:
        """Bring what each token gave to the pooled vector into the shared space, ``(B, T, D)``, not normalised.

        With a linear head, the average over the real tokens is exactly the embedding. An encoder that does not say what
        its tokens gave (no ``shares``) has them treated as ``project_tokens`` does.

        Raises:
            ConfigError: The encoder has no tokens, or the head cannot project them.
        """
        shares = getattr(self.encoder, "shares", None)
        if shares is None or output.tokens is None:
            return self.project_tokens(output)
        return self._projected(shares(output))

    @property
    def is_traced(self) -> bool:
        """Whether maps are traced back to early features of the encoder rather than made of its tokens."""
        return bool(getattr(self.encoder, "is_traced", False))

    def trace(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the embedding ``(B, D)`` and the early features ``(B, C, *grid)`` it can be differentiated by.

        Raises:
            ConfigError: Maps of this encoder are made of its tokens.
        """
        if not self.is_traced:
            raise ConfigError("the encoder keeps no early features", received=type(self.encoder).__name__)
        output, early = self.encoder.trace(x, mask)  # type: ignore[operator]
        with torch.enable_grad():
            return self.projection(output.pooled), early

    def _projected(self, tokens: Tensor) -> Tensor:
        projected: Tensor = self.projection.tokens(tokens)  # type: ignore[operator]
        return projected


class TextTower(nn.Module):
    """A text encoder with its head."""

    def __init__(self, encoder: TextEncoder, projection: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = projection

    def forward(self, tokens: Tokens) -> Tensor:
        """Return the embedding ``(B, D)`` of padded tokens."""
        embedding: Tensor = self.projection(self.encoder(tokens).pooled)
        return embedding


@dataclass(frozen=True)
class TowerRecipe:
    """What a recipe says about one modality.

    Args:
        encoder: The encoder.
        projection: Kind of head; see ``Projection``.
        frozen: Leave the encoder as it is.
        lora: Train low-rank adapters instead of the encoder.
    """

    encoder: nn.Module
    projection: str = "linear"
    frozen: bool = False
    lora: LoRA | None = None

    def build(self, embedding_dim: int) -> Tower:
        """Make the tower."""
        head = Projection(_width(self.encoder), embedding_dim, self.projection)  # type: ignore[arg-type]
        return Tower(self.encoder, head, frozen=self.frozen, lora=self.lora)


class ContrastiveModel(nn.Module):
    """Towers that meet in one space.

    Args:
        towers: One per modality.
        text: The text side; None in a model loaded for answering with stored prompt embeddings only.
    """

    def __init__(self, towers: Mapping[str, Tower], text: TextTower | None = None) -> None:
        super().__init__()
        self.towers = nn.ModuleDict(dict(towers))
        self.text = text

    def encode(self, modality: str, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, EncoderOutput]:
        """Encode prepared inputs of one modality; returns embedding ``(B, D)``, not normalised, and tokens.

        Raises:
            ConfigError: The model has no tower for that modality.
        """
        result: tuple[Tensor, EncoderOutput] = self.tower(modality)(x, mask)
        return result

    def encode_places(self, modality: str, x: Tensor, mask: Tensor | None = None) -> EncoderOutput:
        """Encode prepared inputs, with what each place gave to the embedding, in the shared space and not normalised.

        The product of these vectors with a text, arranged in ``grid``, is the map of where the similarity comes from.

        Raises:
            ConfigError: The model has no tower for that modality, or its encoder gives no tokens.
        """
        tower = self.tower(modality)
        embedding, output = tower(x, mask)
        return EncoderOutput(embedding, tower.project_shares(output), output.mask, output.grid)

    def tower(self, modality: str) -> Tower:
        """Return the tower of one modality.

        Raises:
            ConfigError: The model has none.
        """
        if modality not in self.towers:
            raise ConfigError("the model does not know this modality", received=modality, allowed=list(self.towers))
        return self.towers[modality]  # type: ignore[return-value]


def _width(encoder: nn.Module) -> int:
    width: Any = getattr(encoder, "embedding_dim", None)
    if not isinstance(width, int):
        raise ConfigError(
            "an encoder must state its embedding_dim", received=type(encoder).__name__, action="see docs/extending.md"
        )
    return width
