"""Load encoders and tokenizers in Hugging Face's format: from a folder, the local cache or the hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import nn

from medclip.core.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["find_file", "load_image_network", "load_text_folder", "load_text_network", "read_config"]

_LOADING_ERRORS = (OSError, ValueError, TypeError, KeyError, ImportError, RuntimeError, SafetensorError)


def load_text_folder(folder: Path) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    """Load network and tokenizer from a local folder, without any network access.

    Raises:
        BundleError: The folder does not hold them.
    """
    try:
        return load_text_network(str(folder), local_only=True)
    except ConfigError as error:
        raise BundleError(f"{folder} holds no text encoder ({error.what})") from error


def load_text_network(
    name_or_path: str, revision: str | None = None, *, local_only: bool = False
) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    """Load an encoder, in float32 whatever its file holds, and its tokenizer.

    Args:
        name_or_path: Local folder, or name on the hub.
        revision: Commit or tag on the hub; ``main`` if None.
        local_only: Never use the network.

    Raises:
        ConfigError: They cannot be found or read, or are not an encoder.
    """
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoTokenizer,
        BertConfig,
        BertModel,
        PretrainedConfig,
    )
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    options = _options(name_or_path, revision, local_only)
    files = "a local folder with config.json, model.safetensors and tokenizer.json, or a name on the hub"
    with _quiet(), _told("text encoder", name_or_path, files):
        kind = str(PretrainedConfig.get_config_dict(name_or_path, **options)[0].get("model_type", ""))
        # A BERT under another name brings code of its own, which is never run: arXiv 2204.09817, for one. What it adds
        # on top, a projection of the class token, is left behind.
        is_bert = kind not in CONFIG_MAPPING and kind.endswith("bert")
        config = (BertConfig if is_bert else AutoConfig).from_pretrained(name_or_path, **options)
        reader = BertModel if is_bert else AutoModel
        network = reader.from_pretrained(name_or_path, config=config, dtype=torch.float32, **options)
        # With a configuration that is known, the tokenizer's own code is not asked for either.
        own = {"config": config} if is_bert else {}
        tokenizer = AutoTokenizer.from_pretrained(name_or_path, **own, **options)
    if getattr(config, "is_encoder_decoder", False):
        raise ConfigError("an encoder with a decoder gives no text embedding", received=name_or_path)
    return network, tokenizer


def read_config(name_or_path: str, revision: str | None = None) -> dict[str, Any]:
    """Read the configuration of a network, whatever its kind, as plain types.

    Raises:
        ConfigError: There is none, or it cannot be found.
    """
    from transformers import PretrainedConfig

    with _quiet(), _told("network", name_or_path, "a local folder with config.json, or a name on the hub"):
        found: tuple[dict[str, Any], dict[str, Any]] = PretrainedConfig.get_config_dict(
            name_or_path, **_options(name_or_path, revision)
        )
    if "model_type" not in found[0]:
        raise ConfigError("cannot load the network", received=name_or_path, action="it needs a config.json")
    return found[0]


def load_image_network(
    network_class: str,
    name_or_path: str,
    revision: str | None = None,
    *,
    changes: Mapping[str, Any],
    arguments: Mapping[str, Any],
) -> nn.Module:
    """Load a network of images in float32 from safetensors; a pickled file is never opened.

    Args:
        network_class: Name of a class of transformers.
        name_or_path: Local folder, or name on the hub.
        revision: Commit or tag on the hub; ``main`` if None.
        changes: Entries of the configuration that differ from what is stored.
        arguments: Further arguments of the class.

    Raises:
        ConfigError: It cannot be found or read, or its file lacks weights.
    """
    import transformers

    cls = getattr(transformers, network_class)
    options = _options(name_or_path, revision)
    files = "a local folder with config.json and model.safetensors, or a name on the hub"
    with _quiet(), _told("image encoder", name_or_path, files):
        config = cls.config_class.from_pretrained(name_or_path, **options)
        for key, value in changes.items():
            setattr(config, key, value)
        network, info = cls.from_pretrained(
            name_or_path,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            output_loading_info=True,
            **arguments,
            **options,
        )
    if info["missing_keys"]:
        raise ConfigError(
            "the file lacks weights of the image encoder",
            received=f"{name_or_path} without {', '.join(sorted(info['missing_keys'])[:3])}",
            action="use a folder that was saved whole",
        )
    loaded: nn.Module = network
    return loaded


def find_file(name_or_path: str, file: str, revision: str | None = None) -> Path | None:
    """Path of one file of a model, from its folder, the local cache or the hub; None if the model has no such file."""
    from transformers.utils.hub import cached_file

    options = _options(name_or_path, revision)
    options.pop("trust_remote_code")
    with _told("network", name_or_path, "a local folder, or a name on the hub"):
        found = cached_file(name_or_path, file, _raise_exceptions_for_missing_entries=False, **options)
    return None if found is None else Path(found)


def _options(name_or_path: str, revision: str | None, local_only: bool = False) -> dict[str, Any]:
    options: dict[str, Any] = {"revision": revision or "main", "trust_remote_code": False}
    if local_only or Path(name_or_path).is_dir():
        options["local_files_only"] = True
    return options


@contextmanager
def _quiet() -> Iterator[None]:
    """A pooler that is absent from the weights and unused here would be announced as a problem."""
    from transformers import logging

    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def _told(what: str, name_or_path: str, files: str) -> Iterator[None]:
    """Turn whatever transformers raises into one line."""
    try:
        yield
    except _LOADING_ERRORS as error:
        raise ConfigError(
            f"cannot load the {what}",
            received=name_or_path,
            allowed=files,
            action=f"check the name and the connection ({_first_line(error)})",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
