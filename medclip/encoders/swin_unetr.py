"""MONAI's Swin transformer, the encoder of SwinUNETR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.configurable import Configurable
from medclip.encoders.output import EncoderOutput, fill_up, token_grid, token_mask, without_padding
from medclip.encoders.pooling import Pooling, PoolsTokens, build_pool

__all__ = ["SwinUnetr"]

# What the names of the same weights begin with in checkpoints of different origin.
_PREFIXES = ("module.", "swinViT.", "swin_vit.", "encoder.")


class SwinUnetr(Configurable, PoolsTokens, nn.Module):
    """Swin transformer over a volume as in SwinUNETR (arXiv 2201.01266), through MONAI.

    Attention within windows of 7 x 7 x 7 tokens, shifted every other layer, and four times a merging of 2 x 2 x 2
    tokens: the first levels see texture of a few voxels, the last ones organs. Self-supervised weights of thousands of
    volumes (arXiv 2111.14791) can be loaded.

    Args:
        n_channels: 1 for a volume, more for several windows of it.
        feature_size: Width of the first level; level n has 2 to the power of n times as much. SSL weights: 48.
        depths: Layers of each of the four stages.
        n_heads: Attention heads of each stage.
        window_size: Tokens along each side of a window.
        level: 1 to 4, the level whose features are the tokens: one stands for 4, 8, 16 or 32 voxels along each axis.
        embedding_dim: Width of tokens and pooled vector.
        pooling: ``mean``, ``mean_max``, ``log_sum_exp`` or ``attention``.
        n_positions: Tokens along each axis that positions of the attention pooling are learned at.
        drop_path: Probability of dropping a layer in the last one, rising linearly from 0.
        gradient_checkpointing: Compute activations of a layer twice instead of keeping them.
        weights: File of self-supervised weights: safetensors, or a state dict that torch reads with ``weights_only``.

    Raises:
        ConfigError: MONAI is missing, a setting is out of range, or the weights do not fit.
    """

    def __init__(
        self,
        n_channels: int = 1,
        *,
        feature_size: int = 48,
        depths: Sequence[int] = (2, 2, 2, 2),
        n_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 7,
        level: Literal[1, 2, 3, 4] = 4,
        embedding_dim: int = 512,
        pooling: Pooling = "mean",
        n_positions: Sequence[int] = (4, 4, 4),
        drop_path: float = 0.0,
        gradient_checkpointing: bool = False,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        if level not in (1, 2, 3, 4) or len(depths) != 4 or len(n_heads) != 4:
            raise ConfigError(
                "settings of SwinUnetr out of range",
                received=f"level {level}, {len(depths)} depths, {len(n_heads)} n_heads",
                allowed="level 1 to 4, four numbers each",
            )
        self.embedding_dim = embedding_dim
        self.level = level
        self.per_token = 2 ** (level + 1)
        self.swin = _swin(n_channels, feature_size, depths, n_heads, window_size, drop_path, gradient_checkpointing)
        if weights is not None:
            _load(self.swin, Path(weights))
            self.remember(weights=None)
        _drop_later_stages(self.swin, level)
        self.to_embedding = nn.Linear(feature_size * 2**level, embedding_dim)
        self.pool = build_pool(pooling, embedding_dim, n_heads=8, positions="interpolated", n_positions=n_positions)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> EncoderOutput:
        """Encode ``(B, n_channels, depth, height, width)``; ``mask`` lacks the channels and is False where padded.

        What lies in the padding has no influence; its extent has some, as windows that reach into it see zeros.
        """
        x, mask = without_padding(x, mask)
        grid = token_grid(x.shape[2:], self.per_token)
        features = self._features(fill_up(x, self.per_token))
        tokens = self.to_embedding(features.flatten(2).transpose(1, 2))
        real = token_mask(mask, self.per_token)
        return EncoderOutput(self.pool(tokens, real, grid), tokens, real, grid)

    def _features(self, x: Tensor) -> Tensor:
        features: Tensor = self.swin.pos_drop(self.swin.patch_embed(x))  # type: ignore[operator]
        for number in range(1, self.level + 1):
            features = getattr(self.swin, f"layers{number}")[0](features.contiguous())
        normalised: Tensor = self.swin.proj_out(features, True)  # type: ignore[operator]
        return normalised


def _swin(
    n_channels: int,
    feature_size: int,
    depths: Sequence[int],
    n_heads: Sequence[int],
    window_size: int,
    drop_path: float,
    gradient_checkpointing: bool,
) -> nn.Module:
    try:
        from monai.networks.nets.swin_unetr import SwinTransformer

        swin: nn.Module = SwinTransformer(
            in_chans=n_channels,
            embed_dim=feature_size,
            window_size=(window_size,) * 3,
            patch_size=(2, 2, 2),
            depths=tuple(depths),
            num_heads=tuple(n_heads),
            drop_path_rate=drop_path,
            use_checkpoint=gradient_checkpointing,
            spatial_dims=3,
        )
    except ImportError as error:
        raise ConfigError(
            "SwinUnetr needs MONAI and einops",
            received=str(error),
            action="install them: pip install 'medclip-toolkit[imaging]'",
        ) from error
    return swin


def _drop_later_stages(swin: nn.Module, level: int) -> None:
    for number in range(level + 1, 5):
        setattr(swin, f"layers{number}", nn.ModuleList())


def _load(swin: nn.Module, path: Path) -> None:
    """Fill in what a checkpoint holds, all of it."""
    found = {_own_name(name): value for name, value in _read(path).items()}
    expected = swin.state_dict()
    lacking = [name for name in expected if name not in found]
    unlike = [name for name in expected if name in found and found[name].shape != expected[name].shape]
    if lacking or unlike:
        raise ConfigError(
            "the weights do not fit SwinUnetr",
            received=f"{path}: {len(lacking)} missing, {len(unlike)} of another shape, such as {(lacking + unlike)[0]}",
            action="check feature_size, depths and n_channels",
        )
    swin.load_state_dict({name: found[name] for name in expected})


def _read(path: Path) -> dict[str, Tensor]:
    import pickle

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        raise ConfigError(
            "cannot read the weights of SwinUnetr",
            received=str(path),
            allowed="safetensors, or a state dict without other objects",
            action=str(error).strip().splitlines()[0][:120],
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise ConfigError("the file of weights holds no state dict", received=str(path))
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _own_name(name: str) -> str:
    """MONAI's name of a weight, whose feed-forward parts were once called fc1 and fc2."""
    changed = True
    while changed:
        changed = False
        for prefix in _PREFIXES:
            if name.startswith(prefix):
                name, changed = name.removeprefix(prefix), True
    return name.replace("mlp.fc1", "mlp.linear1").replace("mlp.fc2", "mlp.linear2")
