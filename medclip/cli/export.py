"""From a finished training to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from medclip.bundle.save import BundleContent, save_bundle
from medclip.core.cards import load_card
from medclip.core.errors import ConfigError, DatasetError
from medclip.core.input_spec import RestorableSpec
from medclip.core.modality import find_dataset, find_modality
from medclip.data.datamodule import PairDataModule
from medclip.objectives.temperature import Scale
from medclip.prompts.prompt_set import PromptSet
from medclip.training.module import ContrastiveModule
from medclip.training.usual import usual_recording
from medclip.zeroshot.prompts import embed_prompt_set

__all__ = ["export_bundle"]

_DEFAULT_SCALE = 1.0 / 0.07
_RECORDS_FOR_USUAL = 1024


def export_bundle(
    module: ContrastiveModule,
    data: PairDataModule,
    trainer: Trainer,
    folder: Path,
    *,
    weights: str,
    ensemble: str | None,
    recipe: str,
) -> Path:
    """Save the trained model with the embeddings of every prompt set of its modality.

    Args:
        module: The trained module.
        data: What it was trained on.
        trainer: The trainer, for losses and the best checkpoint.
        folder: The bundle.
        weights: ``best`` (lowest validation loss, if there was a validation) or ``last``.
        ensemble: How zero-shot scores shall join prompts; None leaves it to the modality.
        recipe: The complete recipe as YAML.
    """
    best = _best_checkpoint(trainer) if weights == "best" else None
    if best is not None:
        state = torch.load(best, map_location="cpu", weights_only=True)["state_dict"]
        module.load_state_dict(state)
    module.cpu().eval()
    model = module.model
    if model is None or model.text is None:
        raise DatasetError("there is no trained model to save")
    if not all(bool(parameter.isfinite().all()) for parameter in module.parameters()):
        raise ConfigError("the training diverged: weights are not finite", action="lower model.optimizer.lr")
    modality = data.spec.modality
    prompt_sets = {
        name: embed_prompt_set(model.text, data.reports, PromptSet.read(path))
        for name, path in find_modality(modality).prompt_set_files().items()
    }
    usual = usual_recording(
        model, modality, data.glance(_RECORDS_FOR_USUAL), has_places=isinstance(data.spec, RestorableSpec)
    )
    content = BundleContent(
        model=model,
        input_specs={modality: data.spec},
        reports=data.reports,
        scale=_scale(module),
        prompt_sets=prompt_sets,
        usual={modality: usual},
        ensemble=ensemble,
        training=_provenance(module, data, trainer, "lowest validation loss" if best else "last step", recipe),
    )
    return save_bundle(content, folder)


def _best_checkpoint(trainer: Trainer) -> str | None:
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor == "val/loss" and callback.best_model_path:
            return callback.best_model_path
    return None


def _scale(module: ContrastiveModule) -> float:
    """The learned scale of the first objective that compares with text; MERL's fixed one if there is none."""
    for part in module.objectives.modules():
        if isinstance(part, Scale):
            return float(part().detach())
    return _DEFAULT_SCALE


def _provenance(
    module: ContrastiveModule, data: PairDataModule, trainer: Trainer, weights: str, recipe: str
) -> dict[str, Any]:
    counts = data.n_records()
    described: dict[str, Any] = {
        "dataset": data.dataset,
        "is_generated": not find_dataset(data.dataset)[1].needs_root,
        "store_sha256": data.store_digest,
        "train_folds": list(data.train_folds) if data.train_folds is not None else "all but the held-out ones",
        "n_train_records": counts["train"],
        "n_validation_records": counts["val"],
        "n_epochs": int(trainer.current_epoch),
        "n_steps": int(trainer.global_step),
        "weights": weights,
        "losses": {name: float(value) for name, value in trainer.callback_metrics.items() if value.isfinite()},
        "recipe": yaml.safe_load(recipe),
    }
    try:
        card = load_card(data.dataset)
    except DatasetError:
        return described
    return described | {"dataset_version": card.version, "licence": card.licence, "citation": card.citation}
