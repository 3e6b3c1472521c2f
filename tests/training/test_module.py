from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import tiny_run
import torch
from lightning.pytorch.callbacks import Callback
from text_folder import write_text_folder

from medclip.core.errors import ConfigError
from medclip.encoders.lora import LoRA
from medclip.encoders.text import PretrainedText
from medclip.objectives.clip import InfoNCE
from medclip.objectives.temperature import Scale
from medclip.training import module as module_file
from medclip.training.callbacks import LastCheckpoint


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "store"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_text_folder(tmp_path_factory.mktemp("text")))


class Watch(Callback):
    """Notes the state before training, the losses, and which modules are in training mode."""

    def __init__(self) -> None:
        self.before: dict[str, torch.Tensor] = {}
        self.losses: list[float] = []
        self.training: set[str] = set()

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.before = {name: value.clone() for name, value in pl_module.state_dict().items()}

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, *_: Any) -> None:
        self.losses.append(float(outputs["loss"]))
        self.training |= {name for name, part in pl_module.named_modules() if part.training}

    def moved(self, pl_module: L.LightningModule) -> set[str]:
        return {name for name, value in pl_module.state_dict().items() if not torch.equal(value, self.before[name])}


def fit(tmp_path: Path, store: Path, module: module_file.ContrastiveModule, **changes: Any) -> Watch:
    watch = Watch()
    tiny_run.trainer(tmp_path, callbacks=[watch], **changes).fit(module, datamodule=tiny_run.data(store))
    return watch


def test_frozen_towers_are_bit_identical_afterwards(tmp_path: Path, store: Path, text: str) -> None:
    """Parameters and buffers alike; the heads and the temperature are all that moves."""
    module = tiny_run.module({"frozen": True}, PretrainedText(text, max_length=32))
    watch = fit(tmp_path, store, module)
    names = set(watch.before)
    heads = {name for name in names if ".projection." in name}
    assert any(name.endswith("running_mean") for name in names)
    assert watch.moved(module) == heads | {"objectives.clip.scale.log_scale"}
    assert not [name for name in watch.training if name.startswith(("model.towers.ecg.encoder", "model.text.encoder"))]


def test_adapters_alone_move_under_lora(tmp_path: Path, store: Path, text: str) -> None:
    lora = LoRA(r=2, dropout=0.1)
    module = tiny_run.module({"lora": lora}, PretrainedText(text, max_length=32, frozen=False, lora=lora))
    watch = fit(tmp_path, store, module)
    adapters = {name for name in watch.before if ".lora_" in name}
    heads = {name for name in watch.before if ".projection." in name}
    unused = {name for name in adapters if ".pooler." in name}
    assert watch.moved(module) == (adapters - unused) | heads | {"objectives.clip.scale.log_scale"}


def test_without_freezing_everything_moves(tmp_path: Path, store: Path) -> None:
    module = tiny_run.module()
    watch = fit(tmp_path, store, module)
    still = set(watch.before) - watch.moved(module)
    # A softmax does not see what is added to all keys alike.
    assert {name for name in still if not name.endswith(("key.bias", "position_embeddings.weight"))} == set()


def test_first_layers_of_the_text_encoder_stay(tmp_path: Path, store: Path, text: str) -> None:
    module = tiny_run.module(None, PretrainedText(text, max_length=32, frozen=False, n_frozen_layers=1))
    moved = fit(tmp_path, store, module).moved(module)
    assert not [name for name in moved if "text.encoder.network.embeddings" in name or ".layer.0." in name]
    assert [name for name in moved if "text.encoder.network.encoder.layer.1." in name]


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(tmp_path: Path, store: Path) -> None:
    first, again, other = (fit(tmp_path, store, tiny_run.module(seed=seed), max_epochs=1).losses for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_accumulated_batches_draw_different_numbers(tmp_path: Path, store: Path) -> None:
    """Steps are counted per optimiser step; the batches between must not share their dropout."""
    drawn = []

    class Draw(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            drawn.append(torch.initial_seed())

    tiny_run.trainer(tmp_path, callbacks=[Draw()], max_epochs=1, accumulate_grad_batches=3).fit(
        tiny_run.module(), datamodule=tiny_run.data(store)
    )
    assert len(set(drawn)) == len(drawn) > 1


def test_a_scale_beyond_its_range_is_brought_back_before_a_checkpoint(tmp_path: Path, store: Path) -> None:
    module = tiny_run.module(objectives={"clip": InfoNCE(temperature=0.01)})
    seen = []

    class See(Callback):
        def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
            with torch.no_grad():
                scale(module).log_scale.fill_(9.0)

        def on_train_batch_end(self, *_: Any) -> None:
            seen.append(float(scale(module)()))

    tiny_run.trainer(tmp_path, callbacks=[See()], max_epochs=1).fit(module, datamodule=tiny_run.data(store))
    assert seen == [pytest.approx(100.0, rel=1e-5)] * len(seen)
    assert seen


def scale(module: module_file.ContrastiveModule) -> Scale:
    return next(part for part in module.objectives.modules() if isinstance(part, Scale))


def test_bfloat16_is_left_to_processors_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    for has_it in (False, True):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has_it=has_it: has_it)
        assert module_file._has_bfloat16(cpu) is has_it


def test_validation_uses_no_augmentation_and_no_label(tmp_path: Path, store: Path) -> None:
    trainer = tiny_run.trainer(tmp_path)
    module, data = tiny_run.module(), tiny_run.data(store)
    losses = [trainer.validate(module, datamodule=data, verbose=False)[0]["val/loss"] for _ in range(2)]
    assert losses[0] == losses[1]
    batch = next(iter(data.val_dataloader()))
    assert "labels" not in vars(batch) or not batch.labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": {"other": 1.0}}, "weights of objectives only"),
        ({"objectives": {}}, "at least one tower and one objective"),
        ({"towers": {}}, "at least one tower and one objective"),
    ],
)
def test_parts_that_do_not_fit_together(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_run.module(**change)


def test_a_checkpoint_of_another_model_is_one_line(tmp_path: Path, store: Path) -> None:
    small = tiny_run.module()
    trainer = tiny_run.trainer(tmp_path, max_epochs=1, limit_train_batches=1)
    trainer.fit(small, datamodule=tiny_run.data(store))
    trainer.save_checkpoint(tmp_path / "own.ckpt")
    with pytest.raises(ConfigError, match=r"the checkpoint is of another model: received .* weights differ"):
        tiny_run.trainer(tmp_path).fit(
            tiny_run.module(embedding_dim=8), datamodule=tiny_run.data(store), ckpt_path=str(tmp_path / "own.ckpt")
        )


def test_a_schedule_without_an_end(tmp_path: Path, store: Path) -> None:
    with pytest.raises(ConfigError, match="the schedule needs an end"):
        fit(tmp_path, store, tiny_run.module(), max_epochs=-1)


@pytest.mark.parametrize("n_steps", [1, 2, 4, 5])
def test_a_run_that_breaks_off_continues_to_the_same_losses(n_steps: int, tmp_path: Path, store: Path) -> None:
    """Within an epoch, at its end, and in the next; each epoch has four steps."""
    expected = fit(tmp_path, store, tiny_run.module()).losses

    class BreakOff(Callback):
        def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
            if trainer.global_step == n_steps:
                raise InterruptedError

    broken = tiny_run.trainer(
        tmp_path, callbacks=[BreakOff(), LastCheckpoint(tmp_path, every_n_steps=1)], enable_checkpointing=True
    )
    with pytest.raises(InterruptedError):
        broken.fit(tiny_run.module(), datamodule=tiny_run.data(store))
    watch = Watch()
    tiny_run.trainer(tmp_path, callbacks=[watch]).fit(
        tiny_run.module(seed=0), datamodule=tiny_run.data(store), ckpt_path=str(tmp_path / "last.ckpt")
    )
    assert len(expected) == 8
    assert watch.losses == expected[n_steps:]
