"""Contrastive training of recordings and reports under Lightning."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, cast

import lightning as L
import torch
from torch import Tensor, nn

from medclip.core.batch import Batch
from medclip.core.cache import cache_folder
from medclip.core.errors import ConfigError
from medclip.data.datamodule import PairDataModule
from medclip.encoders.model import ContrastiveModel, TextTower, TowerRecipe
from medclip.encoders.projection import Projection
from medclip.encoders.text import TextRecipe
from medclip.objectives.batch import EncodedBatch, Needs, Objective
from medclip.objectives.temperature import Scale
from medclip.training.augment import Augmentation
from medclip.training.optim import OptimizerSettings
from medclip.training.text_bank import TextBank

__all__ = ["ContrastiveModule"]

_log = logging.getLogger(__name__)


class ContrastiveModule(L.LightningModule):
    """Wires towers, text side and objectives to Lightning; the mathematics is in ``encoders`` and ``objectives``.

    The model is built when the data is known (``configure_model``), because a new text encoder learns its vocabulary
    from the training reports. Every step draws its random numbers from the seed and the number of the step, so that a
    run that was killed and continued has the losses of one that was not.

    Args:
        towers: One recipe per modality.
        text: The text side.
        objectives: By name of your choice; the losses are logged under it.
        weights: Weight of each objective's terms; 1 where none is given.
        embedding_dim: Width of the shared space.
        text_projection: Kind of head on the text side; see ``Projection``.
        augmentation: Per modality, applied in training only.
        optimizer: Learning rate, decay, schedule.
        autocast: ``auto`` computes in bfloat16 where the processor has it, ``off`` in what the trainer's ``precision``
            says.
        cache_text: Keep the embeddings of a frozen text encoder on disk for the next run.
        seed: Of dropout and augmentation; the initial weights follow ``seed_everything``.
    """

    def __init__(
        self,
        towers: dict[str, TowerRecipe],
        text: TextRecipe,
        objectives: dict[str, nn.Module],
        *,
        weights: dict[str, float] | None = None,
        embedding_dim: int = 256,
        text_projection: Literal["none", "linear", "gelu", "batch_norm"] = "linear",
        augmentation: dict[str, Augmentation] | None = None,
        optimizer: OptimizerSettings | None = None,
        autocast: Literal["auto", "off"] = "auto",
        cache_text: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        unknown = set(weights or {}) - set(objectives)
        if unknown or not objectives or not towers:
            raise ConfigError(
                "towers, objectives and weights do not fit together",
                received=f"towers {list(towers)}, objectives {list(objectives)}, weights {list(weights or {})}",
                action="name at least one tower and one objective, and weights of objectives only",
            )
        self.tower_recipes = towers
        self.text_recipe = text
        self.objectives = nn.ModuleDict(objectives)
        self.weights = dict(weights or {})
        self.embedding_dim = embedding_dim
        self.text_projection = text_projection
        self.augmentation = nn.ModuleDict(augmentation or {})
        self.optimizer_settings = optimizer or OptimizerSettings()
        self.autocast = autocast
        self.cache_text = cache_text
        self.seed = seed
        self.model: ContrastiveModel | None = None
        self._bank: TextBank | None = None
        self._needs: set[Needs] = {
            need for objective in objectives.values() for need in cast(Objective, objective).needs
        }

    # ---------------------------------------------------------------- building

    def configure_model(self) -> None:
        """Build towers and text side; Lightning calls this once the data is set up, possibly more than once."""
        self.build(self._data())

    def build(self, data: PairDataModule) -> None:
        """Build towers and text side for data that is set up, unless that has been done.

        Raises:
            ConfigError: The data does not fit the recipe, or the text encoder cannot be loaded.
        """
        if self.model is not None:
            return
        self._check_inputs(data)
        towers = {name: recipe.build(self.embedding_dim) for name, recipe in self.tower_recipes.items()}
        encoder = self.text_recipe.build(data.training_texts())
        head = Projection(encoder.embedding_dim, self.embedding_dim, self.text_projection)
        self.model = ContrastiveModel(towers, TextTower(encoder, head))

    def setup(self, stage: str) -> None:
        """Tokenise or embed every distinct text once."""
        self.configure_model()
        if stage == "predict" or self._bank is not None:
            return
        folder = cache_folder() / "texts" if self.cache_text else None
        strategy, tower = self.trainer.strategy, self._text_tower()
        # The first process embeds, the others find its files. Lightning moves the module to its device only later.
        if not self.trainer.is_global_zero:
            strategy.barrier("texts")
        tower.encoder.to(strategy.root_device)
        self._bank = TextBank(tower, self._data().texts.texts, cache=folder)
        if self.trainer.is_global_zero:
            strategy.barrier("texts")

    def _check_inputs(self, data: PairDataModule) -> None:
        if data.spec.modality not in self.tower_recipes:
            raise ConfigError(
                "the data's modality has no tower", received=data.spec.modality, allowed=list(self.tower_recipes)
            )
        if data.spec.modality in self.augmentation:
            cast(Augmentation, self.augmentation[data.spec.modality]).check(data.spec)

    def configure_optimizers(self) -> Any:
        """AdamW with the schedule of the recipe, stepped every batch."""
        settings, expected = self.optimizer_settings, self.trainer.estimated_stepping_batches
        if expected == float("inf"):
            raise ConfigError("the schedule needs an end", action="state trainer.max_epochs or trainer.max_steps")
        n_steps = int(expected)
        optimizer = settings.optimizer(self, self._text_tower().encoder)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: settings.factor(step, n_steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    # ---------------------------------------------------------------- steps

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make dropout and augmentation of this step a function of the seed and its number."""
        rank = self.trainer.global_rank
        step = self.trainer.global_step + batch_idx * (self.trainer.accumulate_grad_batches > 1)
        torch.manual_seed((self.seed * 1_000_003 + step) * 1024 + rank)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the weighted sum of all objectives' terms."""
        return self._step(batch, "train")

    def optimizer_step(self, *args: Any, **options: Any) -> None:
        """Take a step and bring learned scales back into their range, before any checkpoint is written."""
        super().optimizer_step(*args, **options)
        for module in self.objectives.modules():
            if isinstance(module, Scale):
                module.clamp_()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the same losses, without augmentation; no label is looked at."""
        self._step(batch, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Log the losses of the test folds."""
        self._step(batch, "test")

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Return normalised embeddings by modality, and the record ids."""
        with self._autocast():
            embeddings = {
                modality: nn.functional.normalize(self._model().encode(modality, x, batch.masks[modality])[0], dim=-1)
                for modality, x in batch.inputs.items()
            }
        return {"record_ids": batch.record_ids, "embeddings": {name: rows.float() for name, rows in embeddings.items()}}

    def _step(self, batch: Batch, part: str) -> Tensor:
        with self._autocast():
            encoded = self.encode(batch)
            terms = {
                f"{name}/{modality}": term
                for name, objective in self.objectives.items()
                for modality, term in objective(encoded).items()
            }
        loss = torch.stack([self.weights.get(name.partition("/")[0], 1.0) * term for name, term in terms.items()]).sum()
        shown = part == "train"
        options: dict[str, Any] = {"batch_size": len(batch), "on_step": shown, "on_epoch": not shown, "sync_dist": True}
        self.log(f"{part}/loss", loss, prog_bar=True, **options)
        self.log_dict({f"{part}/{name}": term for name, term in terms.items()}, **options)
        return loss

    def encode(self, batch: Batch) -> EncodedBatch:
        """Run the towers and look up or compute the texts that the objectives need."""
        model, tower = self._model(), self._text_tower()
        embeddings, latents = {}, {}
        for modality, x in batch.inputs.items():
            mask = batch.masks[modality]
            if self.training and modality in self.augmentation:
                x, mask = self.augmentation[modality](x, mask)
            embeddings[modality], output = model.encode(modality, x, mask)
            latents[modality] = output.mean()
        if self._bank is None:
            raise ConfigError("the module has not been set up", action="use it through a Trainer")
        needs_reports, needs_statements = "reports" in self._needs, "statements" in self._needs
        return EncodedBatch(
            embeddings=embeddings,
            latents=latents,
            pair_ids=batch.pair_ids,
            text=self._bank.encode(tower, batch.text_ids) if needs_reports else None,
            statements=self._bank.encode(tower, batch.statement_ids) if needs_statements else None,
            statement_of=batch.statement_of,
            statement_ids=batch.statement_ids,
            present=batch.present,
        )

    # ---------------------------------------------------------------- checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the vocabulary with the weights."""
        checkpoint["vocabulary"] = self._vocabulary()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse weights of another model, or learned with another vocabulary.

        Raises:
            ConfigError: The recipe or the training reports have changed since the checkpoint was written.
        """
        if self.model is None:
            return
        found = {name: tuple(value.shape) for name, value in checkpoint["state_dict"].items()}
        expected = {name: tuple(value.shape) for name, value in self.state_dict().items()}
        if found != expected:
            differing = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
            raise ConfigError(
                "the checkpoint is of another model",
                received=f"{len(differing)} weights differ, such as {differing[0]}",
                action="use the recipe that it was trained with",
            )
        if checkpoint.get("vocabulary") != self._vocabulary():
            raise ConfigError(
                "the checkpoint was trained with another vocabulary",
                action="use the data set, folds and report settings it was trained with",
            )

    def _vocabulary(self) -> list[str]:
        words: Mapping[str, int] = self._text_tower().encoder.tokenizer.get_vocab()
        return sorted(words, key=words.__getitem__)

    # ---------------------------------------------------------------- helpers

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.autocast == "off" or not _has_bfloat16(self.device):
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _model(self) -> ContrastiveModel:
        if self.model is None:
            raise ConfigError("the model has not been built", action="use the module through a Trainer")
        return self.model

    def _text_tower(self) -> TextTower:
        tower = self._model().text
        if tower is None:
            raise ConfigError("the model has no text side")
        return tower

    def _data(self) -> PairDataModule:
        data = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, PairDataModule):
            raise ConfigError("training needs a PairDataModule", received=type(data).__name__)
        return data


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the processor computes in bfloat16; many only emulate it, which is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    if platform.machine().lower() in ("x86_64", "amd64"):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
