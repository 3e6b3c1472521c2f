"""Load encoders and tokenizers in Hugging Face's format: from a folder, the local cache or the hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import nn

from medclip.core.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["load_text_folder", "load_text_network"]


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
    from transformers import AutoConfig, AutoModel, AutoTokenizer, logging

    options: dict[str, Any] = {"revision": revision or "main", "trust_remote_code": False}
    if local_only or Path(name_or_path).is_dir():
        options["local_files_only"] = True
    # A pooler that is absent from the weights and unused here would be announced as a problem.
    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        config = AutoConfig.from_pretrained(name_or_path, **options)
        network = AutoModel.from_pretrained(name_or_path, config=config, dtype=torch.float32, **options)
        tokenizer = AutoTokenizer.from_pretrained(name_or_path, **options)
    except (OSError, ValueError, TypeError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ConfigError(
            "cannot load the text encoder",
            received=name_or_path,
            allowed="a local folder with config.json, model.safetensors and tokenizer.json, or a name on the hub",
            action=f"check the name and the connection ({str(error).strip().splitlines()[0][:120]})",
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    if getattr(config, "is_encoder_decoder", False):
        raise ConfigError("an encoder with a decoder gives no text embedding", received=name_or_path)
    return network, tokenizer
