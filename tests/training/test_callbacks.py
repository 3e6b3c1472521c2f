from __future__ import annotations

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import tiny_run
import torch

from medclip.core.errors import ConfigError
from medclip.training.callbacks import AtomicCheckpointIO, BestCheckpoint, EmbeddingWriter, LastCheckpoint
from medclip.training.progress import EpochLines, LossBar, progress_callback


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "store"


def test_a_checkpoint_is_whole_or_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)

    def break_off(content: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", break_off)
    with pytest.raises(KeyboardInterrupt):
        AtomicCheckpointIO().save_checkpoint({"step": 2}, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.ckpt"]
    assert AtomicCheckpointIO().load_checkpoint(path) == {"step": 1}


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("ran"),))


@pytest.mark.parametrize("content", ["absent", "empty", "text", "truncated", "code"])
def test_what_is_no_checkpoint_is_one_line_and_runs_nothing(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "some.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(100)}, path)
    whole = path.read_bytes()
    if content == "absent":
        path.unlink()
    else:
        path.write_bytes(
            {"empty": b"", "text": b"hello", "truncated": whole[: len(whole) // 2], "code": pickle.dumps(Evil())}[
                content
            ]
        )
    with pytest.raises(ConfigError, match="cannot read the checkpoint") as raised:
        AtomicCheckpointIO().load_checkpoint(path)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "ran").exists()


def test_last_checkpoint_is_kept_within_and_after_an_epoch(tmp_path: Path, store: Path) -> None:
    saved = []
    last = LastCheckpoint(tmp_path, every_n_steps=2)
    trainer = tiny_run.trainer(tmp_path, callbacks=[last], enable_checkpointing=True, max_epochs=2)
    original = trainer.save_checkpoint
    trainer.save_checkpoint = lambda path: saved.append((trainer.global_step, path.name)) or original(path)
    data = tiny_run.data(store)
    trainer.fit(tiny_run.module(), datamodule=data)
    n_steps = len(data.train_dataloader())
    within = {step for step in range(1, 2 * n_steps + 1) if step % 2 == 0}
    assert {step for step, _ in saved} == within | {n_steps, 2 * n_steps}
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 2 * n_steps
    with pytest.raises(ConfigError, match="checkpoint_every_n_steps is out of range"):
        LastCheckpoint(tmp_path, every_n_steps=0)


def test_the_best_checkpoint_has_the_lowest_validation_loss(tmp_path: Path, store: Path) -> None:
    """The validation loss, and so the choice, is made from recordings and reports; the batches hold no labels."""
    best = BestCheckpoint(tmp_path)
    seen = []

    class Note(BestCheckpoint):
        def on_validation_end(self, trainer: object, pl_module: object) -> None:
            seen.append((float(trainer.callback_metrics["val/loss"]), trainer.global_step))

    trainer = tiny_run.trainer(tmp_path, callbacks=[best, Note(tmp_path)], enable_checkpointing=True, max_epochs=4)
    trainer.fit(tiny_run.module(), datamodule=tiny_run.data(store))
    kept = torch.load(tmp_path / "best.ckpt", weights_only=True)
    assert len(seen) == 4
    assert kept["global_step"] == min(seen)[1]
    assert float(best.best_model_score) == pytest.approx(min(seen)[0])


def test_without_validation_no_checkpoint_is_best(tmp_path: Path, store: Path) -> None:
    trainer = tiny_run.trainer(tmp_path, callbacks=[BestCheckpoint(tmp_path)], enable_checkpointing=True, max_epochs=1)
    trainer.fit(tiny_run.module(), datamodule=tiny_run.data(store, val_folds=[], validation_share=0.0))
    assert not list(tmp_path.glob("*.ckpt"))


def test_embeddings_are_written_in_the_order_of_records(tmp_path: Path, store: Path) -> None:
    module, data = tiny_run.module(), tiny_run.data(store, test_folds=[1, 2, 3])
    tiny_run.trainer(tmp_path, callbacks=[EmbeddingWriter()]).predict(module, datamodule=data, return_predictions=False)
    with np.load(tmp_path / "embeddings.npz", allow_pickle=False) as found:
        record_ids, embeddings = found["record_ids"].tolist(), found["ecg"]
    batches = list(data.predict_dataloader())
    assert record_ids == [record for batch in batches for record in batch.record_ids]
    module.eval()
    with torch.no_grad():
        rows = [module.model.encode("ecg", batch.inputs["ecg"], batch.masks["ecg"])[0] for batch in batches]
    expected = torch.nn.functional.normalize(torch.cat(rows), dim=-1)
    np.testing.assert_allclose(embeddings, expected.numpy(), rtol=1e-4, atol=1e-5)


def test_one_line_an_epoch(tmp_path: Path, store: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "medclip.training.progress")
    tiny_run.trainer(tmp_path, callbacks=[EpochLines()]).fit(tiny_run.module(), datamodule=tiny_run.data(store))
    lines = [record.getMessage() for record in caplog.records if record.name == "medclip.training.progress"]
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  train/loss ")
    assert "val/loss" in lines[1]


@pytest.mark.parametrize(("is_terminal", "kind"), [(True, LossBar), (False, EpochLines)])
def test_a_bar_on_terminals_only(is_terminal: bool, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    assert isinstance(progress_callback(), kind)
