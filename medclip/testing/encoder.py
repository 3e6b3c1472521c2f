"""What every encoder promises."""

from __future__ import annotations

import copy
import json
import math

import torch
from torch import Tensor, nn

from medclip.encoders.configurable import Configurable, build, describe
from medclip.encoders.output import EncoderOutput
from medclip.testing.contract import ContractError, require

__all__ = ["check_encoder"]

_TOLERANCE = 1e-4


def check_encoder(
    encoder: nn.Module,
    shape: tuple[int, ...],
    *,
    other_shape: tuple[int, ...] | None = None,
    n_records: int = 4,
    seed: int = 0,
) -> None:
    """Check that an encoder can be trained, saved and trusted to look at each record alone.

    Args:
        encoder: The encoder; it is copied, not changed.
        shape: Shape of one input, channels first, such as ``(12, 500)``, ``(1, 224, 224)`` or ``(1, 32, 64, 64)``; the
            mask runs over all axes but the first.
        other_shape: Another shape that it promises to take as well, if it does.
        n_records: Records in the batch it is tried on, at least 2.
        seed: Of the records.

    Raises:
        ContractError: It breaks a promise.
    """
    width = getattr(encoder, "embedding_dim", None)
    require(isinstance(width, int) and width > 0, "an encoder states its embedding_dim")
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(n_records, *shape, generator=generator)
    mask = torch.ones(n_records, *shape[1:], dtype=torch.bool)
    encoder = copy.deepcopy(encoder).eval()
    output = _encode(encoder, values, mask)
    _check_output(output, n_records, int(width or 0), len(shape) - 1)
    if other_shape is not None:
        others = torch.randn(2, *other_shape, generator=generator)
        found = _encode(encoder, others, torch.ones(2, *other_shape[1:], dtype=torch.bool))
        _check_output(found, 2, int(width or 0), len(shape) - 1)
    _check_independence(encoder, values, mask, output.pooled)
    _check_mask(encoder, values, mask)
    _check_description(encoder, values, mask, output.pooled)
    _check_gradients(encoder, values, mask)


@torch.no_grad()
def _encode(encoder: nn.Module, values: Tensor, mask: Tensor) -> EncoderOutput:
    output = encoder(values.clone(), mask.clone())
    require(isinstance(output, EncoderOutput), f"an encoder returns {type(output).__name__}, not an EncoderOutput")
    checked: EncoderOutput = output
    return checked


def _check_output(output: EncoderOutput, n_records: int, width: int, n_axes: int) -> None:
    shape = tuple(output.pooled.shape)
    require(shape == (n_records, width), f"pooled has shape {shape}, not {(n_records, width)}")
    require(bool(torch.isfinite(output.pooled).all()), "pooled is not finite")
    if output.tokens is not None:
        require(output.tokens.ndim == 3 and len(output.tokens) == n_records, "tokens are not (B, T, D)")
        if output.mask is not None:
            require(output.mask.shape == output.tokens.shape[:2], "the mask of tokens is not (B, T)")
        if output.grid is not None:
            n_tokens = output.tokens.shape[1]
            require(len(output.grid) == n_axes, f"the grid {output.grid} has not one number for each of {n_axes} axes")
            require(math.prod(output.grid) == n_tokens, f"the grid {output.grid} does not hold {n_tokens} tokens")


def _check_independence(encoder: nn.Module, values: Tensor, mask: Tensor, pooled: Tensor) -> None:
    alone = torch.cat(
        [_encode(encoder, values[row : row + 1], mask[row : row + 1]).pooled for row in range(len(values))]
    )
    require(_close(alone, pooled), "in evaluation mode a record's embedding depends on its neighbours in the batch")
    require(not _close(pooled[:1], pooled[1:2]), "two different records have one embedding")


def _check_mask(encoder: nn.Module, values: Tensor, mask: Tensor) -> None:
    """Padding is 0 by contract; how long a record was must come from the mask, and no mask means no padding."""
    shorter = mask.clone()
    shorter[..., -(mask.shape[-1] // 4) :] = False
    padded = values * shorter[:, None]
    clean = _encode(encoder, padded, shorter).pooled
    require(bool(torch.isfinite(clean).all()), "a record that is padded has no finite embedding")
    require(_close(_encode(encoder, values, shorter).pooled, clean), "an embedding depends on what lies in the padding")
    with torch.no_grad():
        unmasked = encoder(values.clone(), None).pooled
    require(_close(unmasked, _encode(encoder, values, mask).pooled), "no mask is not the same as nothing masked")


def _check_description(encoder: nn.Module, values: Tensor, mask: Tensor, pooled: Tensor) -> None:
    require(isinstance(encoder, Configurable), "an encoder derives from Configurable, so that a bundle can build it")
    if not isinstance(encoder, Configurable):
        return
    described = describe(encoder)
    try:
        plain = json.loads(json.dumps(described))
    except TypeError as error:
        raise ContractError(f"the arguments of the encoder are no plain types ({error})") from error
    rebuilt = build(plain)
    rebuilt.load_state_dict(encoder.state_dict(), strict=True)
    require(_close(_encode(rebuilt.eval(), values, mask).pooled, pooled), "an encoder loaded again answers otherwise")


def _check_gradients(encoder: nn.Module, values: Tensor, mask: Tensor) -> None:
    encoder.train()
    output = encoder(values.clone(), mask.clone())
    # Random weights, because the sum of a normalised vector does not depend on anything.
    weights = torch.randn(output.pooled.shape, generator=torch.Generator().manual_seed(1))
    (output.pooled * weights).sum().backward()
    idle = [name for name, value in encoder.named_parameters() if value.requires_grad and value.grad is None]
    require(not idle, f"training does not reach {', '.join(idle[:5])}")
    broken = [
        name
        for name, value in encoder.named_parameters()
        if value.grad is not None and not bool(torch.isfinite(value.grad).all())
    ]
    require(not broken, f"the gradient of {', '.join(broken[:5])} is not finite")


def _close(first: Tensor, second: Tensor) -> bool:
    scale = second.abs().max().clamp_min(1e-6)
    return bool(((first - second).abs().max() / scale) < _TOLERANCE)
