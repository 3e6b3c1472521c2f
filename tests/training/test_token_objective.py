"""Objectives that look at tokens, through Lightning."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_run
import torch

from medclip.core.errors import ConfigError
from medclip.objectives.clip import InfoNCE
from medclip.objectives.statements import StatementInfoNCE
from medclip.objectives.token_similarity import TokenSimilarity
from medclip.training.module import ContrastiveModule


def encoded(store: Path, folder: Path, module: ContrastiveModule):
    data = tiny_run.data(store)
    trainer = tiny_run.trainer(folder, max_epochs=1, limit_train_batches=2)
    trainer.fit(module, datamodule=data)
    batch = next(iter(data.val_dataloader()))
    return trainer, module.eval().encode(batch)


@torch.no_grad()
def test_tokens_are_in_the_batch_when_an_objective_needs_them(tmp_path: Path) -> None:
    objectives = {"statements": StatementInfoNCE(), "local": TokenSimilarity()}
    trainer, found = encoded(tmp_path / "store", tmp_path, tiny_run.module(objectives=objectives))
    tokens = found.tokens["ecg"]
    assert tokens.shape[0] == len(found.embeddings["ecg"])
    assert tokens.shape[2] == found.embeddings["ecg"].shape[1] == found.statements.shape[1]
    assert torch.isfinite(trainer.callback_metrics["val/local/ecg"])
    assert trainer.callback_metrics["val/local/ecg"] > 0


@torch.no_grad()
def test_and_are_not_computed_otherwise(tmp_path: Path) -> None:
    _, found = encoded(tmp_path / "store", tmp_path, tiny_run.module(objectives={"clip": InfoNCE()}))
    assert found.tokens == {}
    assert found.token_masks == {}


def test_a_head_that_cannot_project_tokens_is_told_at_the_first_step(tmp_path: Path) -> None:
    module = tiny_run.module({"projection": "batch_norm"}, objectives={"local": TokenSimilarity()})
    with pytest.raises(ConfigError, match="a head with batch norm cannot project tokens"):
        tiny_run.trainer(tmp_path).fit(module, datamodule=tiny_run.data(tmp_path / "store"))
