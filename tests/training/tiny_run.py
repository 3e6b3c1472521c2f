"""A tiny training through Lightning on simulated recordings, with settings to choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import torch

from medclip.data.datamodule import PairDataModule
from medclip.encoders.model import TowerRecipe
from medclip.encoders.resnet1d import ResNet1d
from medclip.encoders.text import SmallBert, TextRecipe
from medclip.modalities.report.pipeline import ReportPipeline
from medclip.objectives.clip import InfoNCE
from medclip.training.augment import WaveformAugmentation
from medclip.training.module import ContrastiveModule


def encoder() -> ResNet1d:
    return ResNet1d(12, depth=10, width=4, embedding_dim=16, n_positions=19)


def data(store: Path, **changes: Any) -> PairDataModule:
    """Twenty simulated patients at 50 Hz; the store is made on first use."""
    settings = {
        "dataset_options": {"n_patients": 20, "sampling_rate_hz": 50.0, "duration_s": 6.0},
        "spec": {"sampling_rate_hz": 50.0, "duration_s": 6.0},
        "store": str(store),
        "reports": ReportPipeline(translate_to=None, normalise=False),
        "val_folds": [9, 10],
        "batch_size": 5,
    }
    return PairDataModule("simulated", **(settings | changes))


def module(tower: dict[str, Any] | None = None, text: TextRecipe | None = None, **changes: Any) -> ContrastiveModule:
    torch.manual_seed(5)
    settings = {
        "towers": {"ecg": TowerRecipe(encoder(), **(tower or {}))},
        "text": text or SmallBert(16, 1, 2, 300, 32),
        "objectives": {"clip": InfoNCE()},
        "embedding_dim": 16,
        "augmentation": {"ecg": WaveformAugmentation(sampling_rate_hz=50.0)},
        "cache_text": False,
    }
    return ContrastiveModule(**(settings | changes))


def trainer(folder: Path, **changes: Any) -> L.Trainer:
    settings = {
        "default_root_dir": folder,
        "max_epochs": 2,
        "accelerator": "cpu",
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
    }
    return L.Trainer(**(settings | changes))
