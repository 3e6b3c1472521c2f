"""Checkpoints that survive a kill, logs, and embeddings on disk."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import BasePredictionWriter, Callback, Checkpoint, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from medclip.core.errors import ConfigError
from medclip.core.files import write_whole
from medclip.training.progress import progress_callback

_log = logging.getLogger(__name__)

__all__ = [
    "AtomicCheckpointIO",
    "BestCheckpoint",
    "EmbeddingWriter",
    "LastCheckpoint",
    "default_callbacks",
    "default_loggers",
]


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its name and moves it there when it is whole; reads plain tensors only.

    Lightning writes in place: a ``kill -9`` in the middle would leave a ``last.ckpt`` that cannot be read.
    """

    def load_checkpoint(self, path: Any, *args: Any, **options: Any) -> dict[str, Any]:
        """Load a checkpoint without running any code that it may hold.

        Raises:
            ConfigError: There is no such file, or it is no checkpoint.
        """
        try:
            return torch.load(path, map_location="cpu", weights_only=True)  # type: ignore[no-any-return]
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, UnpicklingError) as error:
            raise ConfigError(
                f"cannot read the checkpoint ({type(error).__name__})",
                received=path,
                allowed="a file that medclip fit wrote",
            ) from error

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Save a checkpoint; the old file stays until the new one is on the disk."""
        with write_whole(Path(path)) as temporary:
            torch.save(checkpoint, temporary)


class LastCheckpoint(Checkpoint):
    """Keeps ``last.ckpt`` up to date, to continue from after an interruption.

    Args:
        folder: Where it goes; fixed, so that ``--ckpt_path last`` finds it.
        every_n_steps: Steps between two savings within an epoch; the end of an epoch is saved in any case.
    """

    def __init__(self, folder: Path, *, every_n_steps: int) -> None:
        super().__init__()
        if every_n_steps < 1:
            raise ConfigError("checkpoint_every_n_steps is out of range", received=every_n_steps, allowed="at least 1")
        self.path = folder / "last.ckpt"
        self.every_n_steps = every_n_steps
        self._n_saved_steps = 0

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Save every so many steps."""
        if trainer.global_step % self.every_n_steps == 0 and trainer.global_step != self._n_saved_steps:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save when the epoch and its validation are over."""
        self._save(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self._n_saved_steps = trainer.global_step
            trainer.save_checkpoint(self.path)


class BestCheckpoint(ModelCheckpoint):
    """Keeps the checkpoint with the lowest validation loss as ``best.ckpt``.

    The loss is the contrastive one of validation recordings and their reports: no label takes part in the choice.
    Without validation nothing is kept.

    Args:
        folder: Where it goes.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(
            dirpath=folder,
            filename="best",
            monitor="val/loss",
            mode="min",
            save_top_k=1,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save if there was a validation and its loss is the lowest."""
        if "val/loss" in trainer.callback_metrics:
            super().on_validation_end(trainer, pl_module)


class EmbeddingWriter(BasePredictionWriter):
    """Writes what ``medclip predict`` computes: record ids and one array per modality.

    Args:
        folder: Where ``embeddings.npz`` goes; the run folder if None.
    """

    def __init__(self, folder: str | None = None) -> None:
        super().__init__("epoch")
        self.folder = folder

    def write_on_epoch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        predictions: Sequence[Any],
        batch_indices: Sequence[Any],
    ) -> None:
        """Write all batches into one file."""
        import numpy as np

        if trainer.world_size > 1:
            raise ConfigError("embeddings are written by one process", action="say --trainer.devices 1")
        arrays = {
            modality: torch.cat([part["embeddings"][modality] for part in predictions]).numpy()
            for modality in predictions[0]["embeddings"]
        }
        record_ids = np.array([record for part in predictions for record in part["record_ids"]])
        target = Path(self.folder or trainer.default_root_dir) / "embeddings.npz"
        with write_whole(target) as temporary, temporary.open("wb") as file:
            np.savez(file, record_ids=record_ids, **arrays)  # type: ignore[arg-type]
        _log.info("wrote %s", target)


def default_callbacks(run: Path, *, every_n_steps: int, has_progress: bool = True) -> list[Callback]:
    """Progress, checkpoints, learning rate in the log, and embeddings for ``predict``."""
    folder = run / "checkpoints"
    return [
        *([progress_callback()] if has_progress else []),
        LastCheckpoint(folder, every_n_steps=every_n_steps),
        BestCheckpoint(folder),
        LearningRateMonitor("step"),
        EmbeddingWriter(),
    ]


def default_loggers(run: Path) -> list[Logger]:
    """TensorBoard and CSV, a new version in ``logs`` for every start, so that a continued run keeps its past."""
    return [TensorBoardLogger(run / "logs", name="tensorboard"), CSVLogger(run / "logs", name="csv")]
