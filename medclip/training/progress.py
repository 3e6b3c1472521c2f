"""What a training shows while it runs."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, TQDMProgressBar

__all__ = ["EpochLines", "LossBar", "progress_callback"]

_log = logging.getLogger(__name__)


class LossBar(TQDMProgressBar):
    """A bar per epoch that stays, with the losses and nothing else."""

    def __init__(self) -> None:
        super().__init__(leave=True)

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        """Return what stands behind the bar."""
        metrics: dict[str, Any] = super().get_metrics(trainer, pl_module)
        return {name: value for name, value in metrics.items() if name != "v_num"}


class EpochLines(Callback):
    """One line an epoch, for output that goes into a file."""

    def __init__(self) -> None:
        self._started_s = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the time."""
        self._started_s = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the losses."""
        if not trainer.is_global_zero:
            return
        shown = [f"{name} {float(value):.3f}" for name, value in trainer.progress_bar_metrics.items()]
        all_epochs = "" if trainer.max_epochs in (None, -1) else f"/{trainer.max_epochs}"
        duration_s = time.monotonic() - self._started_s
        _log.info("epoch %d%s  %s  %.0f s", trainer.current_epoch + 1, all_epochs, "  ".join(shown), duration_s)


def progress_callback() -> Callback:
    """A bar on a terminal, lines otherwise."""
    return LossBar() if sys.stderr.isatty() else EpochLines()
