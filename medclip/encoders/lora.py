"""Low-rank adapters through PEFT, for any encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from medclip.core.errors import ConfigError

if TYPE_CHECKING:
    from peft import PeftModel

__all__ = ["LoRA", "apply_lora"]


@dataclass(frozen=True)
class LoRA:
    """Settings of low-rank adaptation (arXiv 2106.09685), one per tower.

    Args:
        r: Rank, at least 1.
        alpha: Numerator of the scale ``alpha / r`` (``alpha / sqrt(r)`` with ``use_rslora``).
        dropout: Dropout before the adapter, in [0, 1).
        use_rslora: Scale by the root of the rank (arXiv 2312.03732).
        target_modules: Names (or endings of names) of the layers to adapt, or ``all-linear``.
        rank_pattern: ``{name or regular expression: rank}`` where a layer shall differ from ``r``.
        modules_to_save: Layers that are trained whole and stored with the adapter.

    Raises:
        ConfigError: A value is out of range.
    """

    r: int = 16
    alpha: float = 32.0
    dropout: float = 0.05
    use_rslora: bool = False
    target_modules: str | list[str] = "all-linear"
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    modules_to_save: list[str] | None = None

    def __post_init__(self) -> None:
        if self.r < 1 or not 0.0 <= self.dropout < 1.0 or self.alpha <= 0:
            raise ConfigError(
                "LoRA settings out of range",
                received=f"r {self.r}, alpha {self.alpha}, dropout {self.dropout}",
                allowed="r >= 1, alpha > 0, dropout in [0, 1)",
            )


def apply_lora(module: nn.Module, settings: LoRA) -> PeftModel:
    """Freeze a module and add trainable low-rank adapters to the layers that the settings name.

    Raises:
        ConfigError: No layer has such a name, or the layers cannot be adapted.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]
        lora_dropout=settings.dropout,
        use_rslora=settings.use_rslora,
        target_modules=settings.target_modules,
        rank_pattern=dict(settings.rank_pattern),
        modules_to_save=settings.modules_to_save,
        exclude_modules=_never_called(module) or None,
        bias="none",
    )
    try:
        return get_peft_model(module, config)
    except ValueError as error:
        raise ConfigError(
            "LoRA found nothing to adapt",
            received=settings.target_modules,
            allowed=_linear_names(module),
            action="name endings of these layers, or all-linear",
        ) from error


def _never_called(module: nn.Module) -> list[str]:
    """Layers whose weight torch's own attention reads without calling them: an adapter there would have no effect."""
    return [
        f"{name}.out_proj".removeprefix(".")
        for name, part in module.named_modules()
        if isinstance(part, nn.MultiheadAttention)
    ]


def _linear_names(module: nn.Module) -> list[str]:
    """Last parts of the names of layers that LoRA can adapt."""
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Embedding)
    names: dict[str, Any] = {
        name.rpartition(".")[2]: None for name, part in module.named_modules() if isinstance(part, kinds)
    }
    return list(names)
