"""Text encoders: any Hugging Face encoder, pretrained or small and new, behind one interface."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from medclip.core.errors import BundleError, ConfigError
from medclip.encoders.lora import LoRA, apply_lora
from medclip.encoders.output import EncoderOutput, masked_mean

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["PretrainedText", "SmallBert", "TextEncoder", "TextRecipe", "Tokens"]

Pooling = Literal["mean", "cls"]


@dataclass(frozen=True, eq=False)
class Tokens:
    """Token ids ``(B, L)`` int64 and their mask ``(B, L)`` bool, False where padded."""

    ids: Tensor
    mask: Tensor


class TextEncoder(nn.Module):
    """A Hugging Face encoder with its tokenizer and a pooling.

    Args:
        network: Encoder whose output has ``last_hidden_state``.
        tokenizer: Its tokenizer.
        pooling: ``mean`` over the real tokens or ``cls``, the first token.
        max_length: Longer texts are cut to this many tokens.
        frozen: Whether training leaves the network alone; then it also stays in evaluation mode, without dropout.
    """

    def __init__(
        self,
        network: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        *,
        pooling: Pooling = "mean",
        max_length: int = 256,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        if pooling not in ("mean", "cls"):
            raise ConfigError("unknown pooling of a text encoder", received=pooling, allowed=("mean", "cls"))
        self.network = network
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.max_length = max_length
        self.frozen = frozen
        self.embedding_dim = int(network.config.hidden_size)  # type: ignore[union-attr,arg-type]
        if frozen:
            network.requires_grad_(False)
            network.eval()

    def train(self, mode: bool = True) -> TextEncoder:
        """Switch to training mode, except the frozen network."""
        super().train(mode and not self.frozen)
        return self

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut to ``max_length``, without padding."""
        encoded = self.tokenizer(list(texts), truncation=True, max_length=self.max_length, padding=False)
        return [list(ids) for ids in encoded["input_ids"]]

    def pad(self, token_ids: Sequence[Sequence[int]]) -> Tokens:
        """Pad token ids to the longest of them."""
        length = max((len(ids) for ids in token_ids), default=1)
        padding = self.tokenizer.pad_token_id or 0
        ids = torch.full((len(token_ids), length), padding, dtype=torch.int64)
        mask = torch.zeros((len(token_ids), length), dtype=torch.bool)
        for row, own in enumerate(token_ids):
            ids[row, : len(own)] = torch.tensor(own)
            mask[row, : len(own)] = True
        return Tokens(ids, mask)

    def forward(self, tokens: Tokens) -> EncoderOutput:
        """Encode padded tokens."""
        hidden = self.network(input_ids=tokens.ids, attention_mask=tokens.mask.long()).last_hidden_state
        pooled = hidden[:, 0] if self.pooling == "cls" else masked_mean(hidden, tokens.mask)
        return EncoderOutput(pooled, hidden, tokens.mask)

    @torch.no_grad()
    def embed(self, texts: Sequence[str], *, batch_size: int = 64) -> Tensor:
        """Embed texts without gradient, ``(n_texts, embedding_dim)`` on the CPU, in their order.

        Texts of similar length share a batch, so that little is spent on padding; the network is put into evaluation
        mode for it and back.
        """
        was_training = self.network.training
        self.network.eval()
        token_ids = self.token_ids(texts)
        device = next(self.network.parameters()).device
        order = sorted(range(len(texts)), key=lambda index: len(token_ids[index]))
        result = torch.empty(len(texts), self.embedding_dim)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            tokens = self.pad([token_ids[row] for row in rows])
            result[rows] = self(Tokens(tokens.ids.to(device), tokens.mask.to(device))).pooled.float().cpu()
        self.network.train(was_training)
        return result

    def digest(self) -> str:
        """Sha256 of the weights, the vocabulary and the settings: equal digests give equal embeddings."""
        digest = hashlib.sha256(f"{self.pooling} {self.max_length}".encode())
        digest.update(repr(sorted(self.tokenizer.get_vocab().items())).encode())
        for name, weight in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


class TextRecipe:
    """What a recipe says about the text side; ``build`` makes the encoder once the training texts are known."""

    def build(self, texts: Sequence[str]) -> TextEncoder:
        """Return the text encoder; ``texts`` are the reports of the training records."""
        raise NotImplementedError


@dataclass(frozen=True)
class PretrainedText(TextRecipe):
    """A pretrained Hugging Face encoder.

    Args:
        name_or_path: Name on the hub, or a local folder with config, weights (safetensors) and tokenizer.
        pooling: ``mean`` or ``cls``.
        max_length: Longer texts are cut to this many tokens. MERL: 256.
        frozen: Keep the network as it is; its embeddings are then computed once per text and cached.
        n_frozen_layers: Freeze the embeddings and this many first layers, train the rest (MERL's paper: 6 of 12);
            not together with ``frozen`` or ``lora``.
        lora: Train low-rank adapters instead of the network.
        revision: Commit or tag on the hub; name one to be able to repeat a run.

    Raises:
        ConfigError: The settings contradict each other.
    """

    name_or_path: str
    pooling: Pooling = "mean"
    max_length: int = 256
    frozen: bool = True
    n_frozen_layers: int = 0
    lora: LoRA | None = None
    revision: str | None = None

    def __post_init__(self) -> None:
        if self.frozen and (self.lora is not None or self.n_frozen_layers):
            raise ConfigError(
                "a frozen text encoder cannot have LoRA or partly frozen layers", action="set frozen: false"
            )
        if self.lora is not None and self.n_frozen_layers:
            raise ConfigError("LoRA freezes all layers by itself", action="leave n_frozen_layers out")

    def build(self, texts: Sequence[str]) -> TextEncoder:
        """Load network and tokenizer from the folder, the local cache or the hub.

        Raises:
            ConfigError: They cannot be found or are not an encoder.
        """
        network, tokenizer = _load(self.name_or_path, self.revision)
        if self.n_frozen_layers:
            _freeze_first_layers(network, self.n_frozen_layers)
        if self.lora is not None:
            network = apply_lora(network, self.lora)
        return TextEncoder(network, tokenizer, pooling=self.pooling, max_length=self.max_length, frozen=self.frozen)


@dataclass(frozen=True)
class SmallBert(TextRecipe):
    """A small BERT built from nothing, with a byte-pair vocabulary learned from the training reports.

    For machines that reach no hub, and for reports so short and regular that pretraining adds little. It knows only
    words that occur in the reports: prompts must use them.

    Args:
        hidden_size: Width; divisible by ``n_heads``.
        n_layers: Transformer layers.
        n_heads: Attention heads.
        vocabulary_size: Largest number of pieces.
        max_length: Longer texts are cut to this many tokens.
        dropout: In attention and feed-forward parts.
        pooling: ``mean`` or ``cls``.
    """

    hidden_size: int = 128
    n_layers: int = 2
    n_heads: int = 4
    vocabulary_size: int = 2000
    max_length: int = 96
    dropout: float = 0.1
    pooling: Pooling = "mean"

    def build(self, texts: Sequence[str]) -> TextEncoder:
        """Learn the vocabulary and start the network at random.

        Raises:
            ConfigError: There are no texts to learn a vocabulary from.
        """
        from transformers import BertConfig, BertModel

        tokenizer = _train_tokenizer(texts, self.vocabulary_size)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.hidden_size,
            num_hidden_layers=self.n_layers,
            num_attention_heads=self.n_heads,
            intermediate_size=4 * self.hidden_size,
            max_position_embeddings=self.max_length,
            hidden_dropout_prob=self.dropout,
            attention_probs_dropout_prob=self.dropout,
            pad_token_id=tokenizer.pad_token_id,
        )
        network = BertModel(config, add_pooling_layer=False)
        return TextEncoder(network, tokenizer, pooling=self.pooling, max_length=self.max_length)


def load_text_folder(folder: Path) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    """Load network and tokenizer from a local folder, without any network access.

    Raises:
        BundleError: The folder does not hold them.
    """
    try:
        return _load(str(folder), None, local_only=True)
    except ConfigError as error:
        raise BundleError(f"{folder} holds no text encoder ({error.what})") from error


def _load(
    name_or_path: str, revision: str | None, *, local_only: bool = False
) -> tuple[nn.Module, PreTrainedTokenizerBase]:
    from transformers import AutoConfig, AutoModel, AutoTokenizer, logging

    options: dict[str, Any] = {"revision": revision or "main", "trust_remote_code": False}
    if local_only or Path(name_or_path).is_dir():
        options["local_files_only"] = True
    # A pooler that is absent from the weights and unused here would be announced as a problem.
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        config = AutoConfig.from_pretrained(name_or_path, **options)
        network = AutoModel.from_pretrained(name_or_path, config=config, **options)
        tokenizer = AutoTokenizer.from_pretrained(name_or_path, **options)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            "cannot load the text encoder",
            received=name_or_path,
            allowed="a local folder with config.json, model.safetensors and tokenizer.json, or a name on the hub",
            action=f"check the name and the connection ({str(error).splitlines()[0][:120]})",
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    if getattr(config, "is_encoder_decoder", False):
        raise ConfigError("an encoder with a decoder gives no text embedding", received=name_or_path)
    return network, tokenizer


def _freeze_first_layers(network: nn.Module, n_layers: int) -> None:
    layers = getattr(getattr(network, "encoder", None), "layer", None)
    if layers is None or n_layers > len(layers):
        received = f"{n_layers} of {'an unknown number of' if layers is None else len(layers)} layers"
        raise ConfigError("cannot freeze so many first layers of this text encoder", received=received)
    network.embeddings.requires_grad_(False)
    for layer in layers[:n_layers]:
        layer.requires_grad_(False)


def _train_tokenizer(texts: Sequence[str], vocabulary_size: int) -> PreTrainedTokenizerBase:
    """Byte-level pair encoding: unlike that of word pieces, its training gives the same vocabulary each time."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    if not any(text.strip() for text in texts):
        raise ConfigError("no report to learn a vocabulary from", action="check the data set and the report filter")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary_size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(sorted(texts), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
