"""Load a bundle: no network, no pickle, nothing imported that one diagnosis does not need."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from medclip.bundle.manifest import bundle_digest, check_files, read_bundle_file
from medclip.core.errors import BundleError
from medclip.core.input_spec import InputSpec, input_spec_from_dict
from medclip.encoders.configurable import build
from medclip.encoders.huggingface import load_text_folder
from medclip.encoders.model import ContrastiveModel, TextTower, Tower
from medclip.encoders.text import TextEncoder
from medclip.modalities.report.pipeline import ReportPipeline
from medclip.training.usual import Usual

__all__ = ["Bundle", "load_bundle"]


class Bundle:
    """A loaded bundle.

    Args:
        folder: Where it lies.
        described: Content of its ``bundle.json``.
    """

    def __init__(self, folder: Path, described: Mapping[str, Any]) -> None:
        self.folder = folder
        self.described = described

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    @property
    def scale(self) -> float:
        """Learned scale of similarities."""
        return float(self.described["scale"])

    @property
    def ensemble(self) -> str | None:
        """How scores join the prompts of a finding, as the recipe says; None leaves it to the modality."""
        chosen: str | None = self.described.get("ensemble")
        return chosen

    @cached_property
    def digest(self) -> str:
        """Sha256 that identifies the model."""
        return bundle_digest(self.folder)

    @cached_property
    def input_specs(self) -> dict[str, InputSpec]:
        """What the towers expect, by modality."""
        return {name: input_spec_from_dict(spec) for name, spec in self.described["input_specs"].items()}

    @cached_property
    def reports(self) -> ReportPipeline:
        """What texts go through before they are encoded."""
        settings = dict(self.described["reports"])
        if settings.get("glossary_dir") is not None:
            check_files(self.folder, below="glossary/")
            settings["glossary_dir"] = str(self.folder / "glossary")
        return ReportPipeline(**settings)

    def usual(self, modality: str) -> Usual | None:
        """What training recordings give on average; None if the bundle was saved without."""
        embedding = self._weights.get(f"usual.{modality}.embedding")
        return None if embedding is None else Usual(embedding, self._weights.get(f"usual.{modality}.places"))

    @cached_property
    def model(self) -> ContrastiveModel:
        """The towers, in evaluation mode, without the text side."""
        weights = self._weights
        towers = {}
        for name, tower in self.described["towers"].items():
            encoder = _filled(build(tower["encoder"]), weights, f"towers.{name}.encoder")
            if tower["has_adapter"]:
                encoder = self._with_adapter(encoder, name)
            projection = _filled(build(tower["projection"]), weights, f"towers.{name}.projection")
            towers[name] = Tower(encoder, projection)
        return ContrastiveModel(towers).eval().requires_grad_(False)

    @cached_property
    def text(self) -> TextTower:
        """The text side, loaded on first use only: answers with stored prompts do without."""
        check_files(self.folder, below="text_encoder/")
        described = self.described["text"]
        network, tokenizer = load_text_folder(self.folder / "text_encoder")
        if described["has_adapter"]:
            network = self._with_adapter(network, "text")
        encoder = TextEncoder(
            network, tokenizer, pooling=described["pooling"], max_length=described["max_length"], frozen=True
        )
        head = _filled(build(described["projection"]), self._weights, "text.projection")
        return TextTower(encoder, head).eval().requires_grad_(False)

    @cached_property
    def prompt_embeddings(self) -> dict[str, Tensor]:
        """Embeddings of the stored prompt sets' texts, by name of the set."""
        from safetensors.torch import load_file

        path = self.folder / "prompt_embeddings.safetensors"
        if not path.is_file():
            return {}
        check_files(self.folder, only=(path.name,))
        return load_file(path)

    @cached_property
    def _weights(self) -> dict[str, Tensor]:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        check_files(self.folder, only=("model.safetensors",))
        try:
            return load_file(self.folder / "model.safetensors")
        except SafetensorError as error:
            raise BundleError(f"{self.folder / 'model.safetensors'} is damaged ({error})") from error

    def _with_adapter(self, network: nn.Module, name: str) -> nn.Module:
        from peft import PeftModel

        check_files(self.folder, below=f"adapter/{name}/")
        adapted: nn.Module = PeftModel.from_pretrained(network, str(self.folder / "adapter" / name))
        return adapted


def load_bundle(folder: str | Path) -> Bundle:
    """Open a bundle; weights are read on first use, and every file is checked against the manifest when it is read.

    Raises:
        BundleError: The folder is no bundle, is damaged, or is of another version.
    """
    path = Path(folder)
    return Bundle(path, read_bundle_file(path))


def _filled(module: nn.Module, weights: Mapping[str, Tensor], prefix: str) -> nn.Module:
    """Fill a module with the weights below a prefix; all of them and no others."""
    own = {name.removeprefix(f"{prefix}."): value for name, value in weights.items() if name.startswith(f"{prefix}.")}
    try:
        module.load_state_dict(own, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise BundleError(f"the weights of {prefix} do not fit its description ({reason})") from error
    return module
