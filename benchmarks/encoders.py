"""Time encoders of images and volumes, forward and backward, at the sizes that suit a machine without a GPU.

    OMP_NUM_THREADS=2 python benchmarks/encoders.py [--n_steps 5] [--only NAME] [--cpu_time]

One line per setting: inputs per second of a training step without the optimiser (float32, or bfloat16 where the
processor has it), tokens, and parameters. With ``--cpu_time`` processor seconds are counted, divided by the number of
threads, for a busy machine.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import nn

from medclip.encoders.resnet2d import ResNet2d
from medclip.encoders.resnet3d import ResNet3d
from medclip.encoders.slicewise import SliceWise
from medclip.encoders.vit2d import ViT2d
from medclip.encoders.vit3d import ViT3d
from medclip.training.memory import keep_freed_memory
from medclip.training.module import _has_bfloat16

IMAGE, VOLUME = (1, 128, 128), (1, 32, 64, 64)


def resnet2d(n_channels: int = 1, width: int = 24, patch: int = 4) -> ResNet2d:
    """Return the small residual network of the settings below."""
    return ResNet2d(
        n_channels,
        depth=10,
        width=width,
        embedding_dim=256,
        stem="patch",
        stem_stride=patch,
        stage_strides=(1, 2, 2, 1),
    )


def resnet3d(width: int, stem_stride: tuple[int, int, int]) -> ResNet3d:
    """Return the small residual network over volumes of the settings below."""
    return ResNet3d(
        depth=10, width=width, embedding_dim=256, stem="patch", stem_stride=stem_stride, stage_strides=(1, 2, 2, 1)
    )


def vit3d() -> ViT3d:
    """Return a transformer over 8 x 8 x 8 blocks."""
    return ViT3d(width=128, spatial_depth=2, axial_depth=2, n_heads=4, patch_size=(4, 8, 8), n_positions=(8, 8, 8))


SETTINGS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "ResNet2d 10, width 16, patch 4": (lambda: resnet2d(width=16), IMAGE, 64),
    "ResNet2d 10, width 24, patch 4": (lambda: resnet2d(width=24), IMAGE, 64),
    "ResNet2d 10, width 32, patch 4": (lambda: resnet2d(width=32), IMAGE, 64),
    "ResNet2d 18, width 64, max-pool": (lambda: ResNet2d(depth=18, embedding_dim=256), IMAGE, 16),
    "ViT2d tiny, depth 4, patch 16": (lambda: ViT2d(size="tiny", depth=4, n_positions=(8, 8)), IMAGE, 64),
    "ResNet3d 10, width 16, patch 2 x 4 x 4": (lambda: resnet3d(16, (2, 4, 4)), VOLUME, 16),
    "ResNet3d 10, width 24, patch 2 x 4 x 4": (lambda: resnet3d(24, (2, 4, 4)), VOLUME, 16),
    "ResNet3d 10, width 24, patch 4 x 4 x 4": (lambda: resnet3d(24, (4, 4, 4)), VOLUME, 16),
    "ViT3d width 128, 2 + 2, patch 4 x 8 x 8": (vit3d, VOLUME, 16),
    "SliceWise by 2, ResNet2d 10, width 16, patch 4": (
        lambda: SliceWise(resnet2d(2, 16), slices_per_image=2, n_positions=16),
        VOLUME,
        16,
    ),
    "SliceWise by 4, ResNet2d 10, width 16, patch 4": (
        lambda: SliceWise(resnet2d(4, 16), slices_per_image=4, n_positions=8),
        VOLUME,
        16,
    ),
}


def main() -> None:
    """Print one line per setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n_steps", type=int, default=5)
    parser.add_argument("--only", default="", help="settings whose name contains this")
    parser.add_argument("--cpu_time", action="store_true")
    args = parser.parse_args()
    keep_freed_memory()
    is_half = _has_bfloat16(torch.device("cpu"))
    print(f"{torch.get_num_threads()} threads of {os.cpu_count()}, bfloat16 {'yes' if is_half else 'no'}")
    for name, (make, shape, batch_size) in SETTINGS.items():
        if args.only in name:
            print(line(name, make(), shape, batch_size, args.n_steps, is_half, args.cpu_time), flush=True)


def line(
    name: str, network: nn.Module, shape: tuple[int, ...], batch_size: int, n_steps: int, is_half: bool, cpu_time: bool
) -> str:
    """Run a few steps and describe the fastest; the first warms up."""
    x = torch.randn(batch_size, *shape)
    seconds, grid = [], None
    for _ in range(n_steps + 1):
        start, start_cpu = time.perf_counter(), time.process_time()
        with torch.autocast("cpu", torch.bfloat16) if is_half else nullcontext():
            output = network(x)
        output.pooled.float().square().mean().backward()
        network.zero_grad()
        used = (time.process_time() - start_cpu) / torch.get_num_threads()
        seconds.append(used if cpu_time else time.perf_counter() - start)
        grid = output.grid
    n_parameters = sum(weight.numel() for weight in network.parameters()) / 1e6
    size, tokens = (" x ".join(map(str, numbers)) for numbers in (shape[1:], grid or ()))
    rate = batch_size / min(seconds[1:])
    return f"{name}: {rate:.0f} a second of {size}, tokens {tokens}, {n_parameters:.2f} million parameters"


if __name__ == "__main__":
    main()
