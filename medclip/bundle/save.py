"""Save a trained model as a bundle."""

from __future__ import annotations

import copy
import dataclasses
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from medclip.bundle.card import model_card
from medclip.bundle.manifest import BUNDLE_FILE, SCHEMA_VERSION, write_manifest
from medclip.core.errors import BundleError
from medclip.core.files import new_folder, read_json, write_json
from medclip.core.input_spec import InputSpec
from medclip.encoders.configurable import Configurable, describe
from medclip.encoders.model import ContrastiveModel, TextTower, Tower
from medclip.modalities.report.pipeline import ReportPipeline, glossary_folder
from medclip.training.usual import Usual
from medclip.version import __version__

if TYPE_CHECKING:
    from peft import PeftModel

__all__ = ["BundleContent", "EmbeddedPrompts", "save_bundle"]


@dataclass(frozen=True, eq=False)
class EmbeddedPrompts:
    """A prompt set with its embeddings, so that a diagnosis needs no text encoder.

    Args:
        label_set: Name of the label set.
        prompts: ``{code: {"positive": [...], "negative": [...]}}``.
        texts: The distinct sentences.
        embeddings: ``(n_texts, D)`` float32, normalised.
    """

    label_set: str
    prompts: Mapping[str, Mapping[str, tuple[str, ...]]]
    texts: tuple[str, ...]
    embeddings: Tensor


@dataclass(frozen=True, eq=False)
class BundleContent:
    """Everything that goes into a bundle.

    Args:
        model: The trained model.
        input_specs: Per modality.
        reports: What texts went through in training; prompts go through the same.
        scale: Learned scale of similarities.
        prompt_sets: By name.
        training: Where the model comes from: data set and version, folds, recipe, losses, in plain types.
        usual: Per modality, what training recordings give on average; scores and maps can be told relative to it
            without any label.
        ensemble: How zero-shot scores join the prompts of a finding unless something else is asked for; None leaves it
            to the modality.
    """

    model: ContrastiveModel
    input_specs: Mapping[str, InputSpec]
    reports: ReportPipeline
    scale: float
    prompt_sets: Mapping[str, EmbeddedPrompts] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, Usual] = field(default_factory=dict)
    ensemble: str | None = None


def save_bundle(content: BundleContent, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write a bundle; the folder appears complete or not at all.

    Args:
        content: What to save.
        folder: The bundle; it must not exist unless ``overwrite``.
        overwrite: Replace an existing folder.

    Returns:
        The folder.

    Raises:
        OutputError: The folder exists or cannot be written.
        BundleError: A tower cannot be described, so that it could not be loaded.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    text = content.model.text
    if text is None:
        raise BundleError("a model without a text side cannot be saved")
    described = _describe(content, text)
    with new_folder(folder, overwrite=overwrite) as work:
        weights: dict[str, Tensor] = {}
        for name, tower in content.model.towers.items():
            weights |= _tower_weights(name, tower, work)
        weights |= _prefixed("text.projection", text.projection)
        for name, usual in content.usual.items():
            weights[f"usual.{name}.embedding"] = usual.embedding.contiguous()
            if usual.places is not None:
                weights[f"usual.{name}.places"] = usual.places.contiguous()
        save_file(weights, work / "model.safetensors")
        _save_text_encoder(text, work)
        if content.prompt_sets:
            embeddings = {name: entry.embeddings.contiguous() for name, entry in content.prompt_sets.items()}
            save_file(embeddings, work / "prompt_embeddings.safetensors")
        if content.reports.glossary_dir is not None:
            _copy_glossaries(content.reports.glossary_dir, work / "glossary")
        write_json(work / BUNDLE_FILE, described)
        (work / "README.md").write_text(model_card(folder.name, described), encoding="utf-8")
        write_manifest(work)
    return folder


def _describe(content: BundleContent, text: TextTower) -> dict[str, Any]:
    reports = dataclasses.asdict(content.reports)
    reports["glossary_dir"] = None if content.reports.glossary_dir is None else "glossary"
    return {
        "schema_version": SCHEMA_VERSION,
        "medclip_version": __version__,
        "research_use_only": True,
        "input_specs": {name: spec.to_dict() for name, spec in content.input_specs.items()},
        "towers": {name: _describe_tower(name, tower) for name, tower in content.model.towers.items()},
        "text": {
            "pooling": text.encoder.pooling,
            "max_length": text.encoder.max_length,
            "projection": _describe_module(text.projection, "text projection"),
            "has_adapter": _is_adapted(text.encoder.network),
        },
        "reports": reports,
        "scale": content.scale,
        "ensemble": content.ensemble,
        "prompt_sets": {
            name: {
                "label_set": entry.label_set,
                "prompts": {
                    code: {polarity: list(texts) for polarity, texts in sides.items()}
                    for code, sides in entry.prompts.items()
                },
                "texts": list(entry.texts),
            }
            for name, entry in content.prompt_sets.items()
        },
        "training": dict(content.training),
    }


def _describe_tower(name: str, tower: nn.Module) -> dict[str, Any]:
    if not isinstance(tower, Tower):
        raise BundleError(f"the {name} tower cannot be saved", received=type(tower).__name__, allowed="Tower")
    return {
        "encoder": _describe_module(_without_adapter(tower.encoder), f"{name} encoder"),
        "projection": _describe_module(tower.projection, f"{name} projection"),
        "has_adapter": _is_adapted(tower.encoder),
    }


def _describe_module(module: nn.Module, what: str) -> dict[str, Any]:
    if not isinstance(module, Configurable):
        raise BundleError(
            f"the {what} does not say how it was built",
            received=type(module).__name__,
            action="derive it from medclip.encoders.configurable.Configurable",
        )
    return describe(module)


def _tower_weights(name: str, tower: nn.Module, work: Path) -> dict[str, Tensor]:
    encoder: nn.Module = tower.encoder  # type: ignore[assignment]
    if _is_adapted(encoder):
        _save_adapter(encoder, work / "adapter" / name)
    projection = _prefixed(f"towers.{name}.projection", tower.projection)  # type: ignore[arg-type]
    return _prefixed(f"towers.{name}.encoder", _without_adapter(encoder)) | projection


def _save_text_encoder(text: TextTower, work: Path) -> None:
    network = text.encoder.network
    if _is_adapted(network):
        _save_adapter(network, work / "adapter" / "text")
    from transformers.utils import logging

    base: Any = _without_adapter(network)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    base.save_pretrained(work / "text_encoder", safe_serialization=True)
    text.encoder.tokenizer.save_pretrained(work / "text_encoder")


def _save_adapter(network: nn.Module, folder: Path) -> None:
    """Save as PEFT does, without the path of the base model, which is in the bundle, and without PEFT's empty card."""
    adapted: PeftModel = network  # type: ignore[assignment]
    adapted.save_pretrained(str(folder), safe_serialization=True)
    config = folder / "adapter_config.json"
    write_json(config, read_json(config) | {"base_model_name_or_path": None})
    (folder / "README.md").unlink(missing_ok=True)


def _without_adapter(network: nn.Module) -> nn.Module:
    """Return the network below its adapter; a copy, so that training could go on."""
    if not _is_adapted(network):
        return network
    bare: nn.Module = copy.deepcopy(network).unload()  # type: ignore[operator]
    return bare


def _is_adapted(network: nn.Module) -> bool:
    return hasattr(network, "peft_config")


def _prefixed(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    state = module.state_dict()
    return {f"{prefix}.{name}": value.detach().to("cpu", copy=True).contiguous() for name, value in state.items()}


def _copy_glossaries(source: str, target: Path) -> None:
    target.mkdir()
    for path in sorted(Path(glossary_folder(source)).glob("*.tsv")):
        shutil.copyfile(path, target / path.name)
