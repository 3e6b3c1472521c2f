"""Pretrained networks of images, from a folder, the local cache or the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.configurable import Configurable
from medclip.encoders.huggingface import find_file, load_image_network, read_config
from medclip.encoders.image_families import family_of, plain_config
from medclip.encoders.open_clip import OPEN_CLIP_FILE, load_open_clip_image
from medclip.encoders.output import EncoderOutput, fill_up, masked_mean, token_grid, token_mask, without_padding

__all__ = ["PretrainedImage"]


class PretrainedImage(Configurable, nn.Module):
    """A pretrained network of images: ViT, DINOv2 (RAD-DINO), SigLIP (MedSigLIP), CLIP, BiomedCLIP or ResNet.

    Photographs taught it edges, texture and shape; RAD-DINO, MedSigLIP and BiomedCLIP have also seen what radiographs
    look like. Images of any size are taken: positions are interpolated, and what fills no whole patch is filled up
    with black. Weights are read from safetensors only. A bundle holds the configuration and the weights, so that it
    loads without the folder that they came from.

    Args:
        name_or_path: Local folder in Hugging Face's or open_clip's format, or name on the hub.
        pooling: ``own`` (the network's: SigLIP's attention head, the average for ResNet, else the class token),
            ``cls`` or ``mean`` over the patches. With ``mean``, similarities of tokens are parts of the image's.
        one_channel: A network of three channels sees a grey image ``repeat``-ed, or with its first convolution
            ``fold``-ed into one of one channel, which gives the same numbers.
        image_mean: Mean of each channel that it was trained with, for input in [0, 1]; None takes it from its
            ``preprocessor_config.json``.
        image_std: Standard deviation, the same way.
        gradient_checkpointing: Compute activations of a layer twice instead of keeping them.
        revision: Commit or tag on the hub; name one to be able to repeat a run.
        config: Configuration of the network; a bundle states it in place of ``name_or_path``, the weights follow.

    Raises:
        ConfigError: It cannot be found, is no known network of images, or does not say how its input is scaled.
    """

    image_mean: Tensor
    image_std: Tensor

    def __init__(
        self,
        name_or_path: str | None = None,
        *,
        pooling: Literal["own", "cls", "mean"] = "own",
        one_channel: Literal["repeat", "fold"] = "repeat",
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        gradient_checkpointing: bool = False,
        revision: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if (name_or_path is None) == (config is None):
            raise ConfigError("a pretrained encoder needs a name or a configuration", action="state name_or_path")
        if pooling not in ("own", "cls", "mean") or one_channel not in ("repeat", "fold"):
            raise ConfigError(
                "unknown setting of a pretrained encoder",
                received=f"pooling {pooling}, one_channel {one_channel}",
                allowed="own, cls or mean; repeat or fold",
            )
        self.pooling = pooling
        if config is not None:
            family, network = family_of(config), _empty(config, pooling)
            mean, std = list(image_mean or []), list(image_std or [])
        else:
            network, mean, std = _load(str(name_or_path), revision, pooling, image_mean, image_std)
            family = family_of(plain_config(network.config))
            if one_channel == "fold":
                mean, std = _fold(network, mean, std)
        if pooling == "cls" and not family.has_class_token:
            raise ConfigError("this network has no class token", received=family.network, action="pooling: own or mean")
        self.family = family
        self.network = network
        self.embedding_dim = family.width(network.config)
        self.per_token = family.per_token(network.config)
        self.register_buffer("image_mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        for name, weight in network.named_parameters():
            # Used in its own pretraining only.
            weight.requires_grad_(not name.endswith("mask_token"))
        if gradient_checkpointing:
            network.gradient_checkpointing_enable({"use_reentrant": False})
        self.remember(
            name_or_path=None, revision=None, config=plain_config(network.config), image_mean=mean, image_std=std
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> EncoderOutput:
        """Encode ``(B, 1, height, width)`` in [0, 1], or as many channels as the network has.

        ``mask`` is ``(B, height, width)``, False where padded: there it sees black, and ``mean`` leaves it out.
        """
        if x.shape[1] not in (1, self.image_mean.shape[1]):
            raise ConfigError(
                "the image has another number of channels than the network",
                received=x.shape[1],
                allowed=f"1 or {self.image_mean.shape[1]}",
            )
        x, mask = without_padding(x, mask)
        grid = token_grid(x.shape[2:], self.per_token)
        filled = fill_up(x, self.per_token if self.family.has_patches else 1)
        pixels = (filled - self.image_mean) / self.image_std
        output = self.network(pixel_values=pixels, **self.family.options)
        tokens = self.family.finish(self.network, output.last_hidden_state)
        patches = tokens[:, self.family.n_prefix(self.network.config) :]
        real = token_mask(mask, self.per_token)
        if self.pooling == "own" and self.family.has_head:
            pooled = output.pooler_output
        elif self.pooling == "mean" or not self.family.has_class_token:
            pooled = masked_mean(patches, real)
        else:
            pooled = tokens[:, 0]
        return EncoderOutput(pooled, patches, real, grid)


def _load(
    name: str, revision: str | None, pooling: str, mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[Any, list[float], list[float]]:
    """Return the network with mean and standard deviation of its channels."""
    described = find_file(name, OPEN_CLIP_FILE, revision)
    if described is not None:
        network, own_mean, own_std = load_open_clip_image(described, name, revision)
        return network, list(mean or own_mean), list(std or own_std)
    family = family_of(read_config(name, revision))
    changes = dict(family.changes) | (dict(family.without_head) if pooling != "own" else {})
    network = load_image_network(family.network, name, revision, changes=changes, arguments=family.arguments)
    if mean is None or std is None:
        own_mean, own_std = _scaling(name, revision)
        mean, std = mean or own_mean, std or own_std
    return network, list(mean), list(std)


def _empty(config: Mapping[str, Any], pooling: str) -> Any:
    """Build a network from its configuration; its weights come later."""
    import transformers

    family = family_of(config)
    cls = getattr(transformers, family.network)
    return cls(cls.config_class.from_dict(dict(config)), **family.arguments)


def _scaling(name: str, revision: str | None) -> tuple[list[float], list[float]]:
    """Mean and standard deviation for input in [0, 1], from the model's own description of its input."""
    path = find_file(name, "preprocessor_config.json", revision)
    if path is None:
        raise ConfigError(
            "the image encoder does not say how its input is scaled",
            received=f"{name} without preprocessor_config.json",
            action="state image_mean and image_std",
        )
    described = json.loads(path.read_text(encoding="utf-8"))
    factor = 255.0 * described.get("rescale_factor", 1 / 255) if described.get("do_rescale", True) else 255.0
    if not described.get("do_normalize", True):
        return [0.0] * 3, [1.0 / factor] * 3
    mean, std = described.get("image_mean"), described.get("image_std")
    if mean is None or std is None:
        raise ConfigError("preprocessor_config.json states no mean and std", received=name, action="state both")
    # The processor's (255 x factor - mean) / std, written for x in [0, 1].
    return [value / factor for value in mean], [value / factor for value in std]


def _fold(network: Any, mean: list[float], std: list[float]) -> tuple[list[float], list[float]]:
    """Make the first convolution one of a single channel that gives the same numbers as the image repeated."""
    name, old = next((name, part) for name, part in network.named_modules() if isinstance(part, nn.Conv2d))
    new = nn.Conv2d(1, old.out_channels, old.kernel_size, old.stride, old.padding, bias=old.bias is not None)  # type: ignore[arg-type]
    is_even = len(set(mean)) == 1 and len(set(std)) == 1
    is_padded = old.padding not in ("valid", (0, 0))
    if not is_even and (old.bias is None or is_padded):
        raise ConfigError(
            "channels of unlike scaling cannot be folded in this network",
            received=f"mean {mean}, std {std}",
            action="one_channel: repeat",
        )
    with torch.no_grad():
        scale = torch.ones(len(std)) if is_even else 1.0 / torch.tensor(std)
        new.weight.copy_((old.weight * scale.view(1, -1, 1, 1)).sum(dim=1, keepdim=True))
        if new.bias is not None and old.bias is not None:
            shift = torch.zeros(len(mean)) if is_even else torch.tensor(mean) * scale
            new.bias.copy_(old.bias - (old.weight * shift.view(1, -1, 1, 1)).sum(dim=(1, 2, 3)))
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, new)
    network.config.num_channels = 1
    for part in network.modules():
        if hasattr(part, "num_channels"):
            part.num_channels = 1
    return (mean[:1], std[:1]) if is_even else ([0.0], [1.0])
