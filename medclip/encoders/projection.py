"""Heads that bring every encoder to the shared width."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.configurable import Configurable

__all__ = ["Projection"]

Kind = Literal["none", "linear", "gelu", "batch_norm"]


class Projection(Configurable, nn.Module):
    """From an encoder's width to the width of the shared space.

    Args:
        n_in: Width of the encoder.
        n_out: Width of the shared space. MERL: 256.
        kind: ``none`` (widths must agree; MERL's residual network), ``linear``, ``gelu`` (linear, GELU, linear; MERL's
            text side) or ``batch_norm`` (linear, batch norm, ReLU, linear, batch norm; MERL's transformer).

    Raises:
        ConfigError: ``kind`` is unknown, or ``none`` is asked to change the width.
    """

    def __init__(self, n_in: int, n_out: int, kind: Kind = "linear") -> None:
        super().__init__()
        self.layers = nn.Sequential(*_layers(n_in, n_out, kind))

    def forward(self, pooled: Tensor) -> Tensor:
        """Map ``(B, n_in)`` to ``(B, n_out)``."""
        projected: Tensor = self.layers(pooled)
        return projected

    def tokens(self, tokens: Tensor) -> Tensor:
        """Map ``(B, T, n_in)`` to ``(B, T, n_out)``, each token as if it were a pooled vector.

        ``none``, ``linear`` and ``gelu`` treat every vector by itself. ``batch_norm`` does so once it is trained; in
        training its statistics would mix tokens with pooled vectors.

        Raises:
            ConfigError: The head has a batch norm and is in training mode.
        """
        if self.training and any(isinstance(layer, nn.BatchNorm1d) for layer in self.layers):
            raise ConfigError(
                "a head with batch norm cannot project tokens in training",
                received="batch_norm",
                allowed="none, linear, gelu",
            )
        return self.forward(tokens.flatten(0, 1)).reshape(*tokens.shape[:2], -1)


def _layers(n_in: int, n_out: int, kind: Kind) -> list[nn.Module]:
    if kind == "none" and n_in == n_out:
        return []
    if kind == "linear":
        return [nn.Linear(n_in, n_out)]
    if kind == "gelu":
        return [nn.Linear(n_in, n_out), nn.GELU(), nn.Linear(n_out, n_out)]
    if kind == "batch_norm":
        first = [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.ReLU()]
        return [*first, nn.Linear(n_out, n_out), nn.BatchNorm1d(n_out)]
    raise ConfigError(
        "unusable projection",
        received=f"{kind} from {n_in} to {n_out}",
        allowed="linear, gelu, batch_norm, or none between equal widths",
    )
