"""Text encoders: any Hugging Face encoder, pretrained or small and new, behind one interface."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from medclip.core.errors import ConfigError
from medclip.encoders.huggingface import load_text_network
from medclip.encoders.lora import LoRA, apply_lora
from medclip.encoders.output import EncoderOutput, masked_mean
from medclip.encoders.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["PretrainedText", "SmallBert", "TextEncoder", "TextRecipe", "Tokens"]

Pooling = Literal["mean", "cls"]
# Entries of a network's configuration that say where it comes from, not what it computes.
_NO_MATTER = frozenset({"_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures"})


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
            self.eval()

    def train(self, mode: bool = True) -> TextEncoder:
        """Switch to training mode, except the frozen network."""
        super().train(mode and not self.frozen)
        return self

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut to ``max_length``, without padding."""
        if not texts:
            return []
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
        """Sha256 of the weights, their configuration, the tokenizer and the settings.

        Equal digests give equal embeddings; the same weights with another number of heads do not.
        """
        digest = hashlib.sha256(f"{self.pooling} {self.max_length}".encode())
        config: dict[str, Any] = self.network.config.to_diff_dict()  # type: ignore[union-attr,operator]
        digest.update(repr(sorted((key, value) for key, value in config.items() if key not in _NO_MATTER)).encode())
        digest.update(self._tokenizer_rules().encode())
        for name, weight in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def _tokenizer_rules(self) -> str:
        """All that decides on a text's tokens; how the last call cut and padded is not part of it."""
        fast = getattr(self.tokenizer, "backend_tokenizer", None)
        if fast is None:
            return repr(sorted(self.tokenizer.get_vocab().items()))
        rules: dict[str, Any] = json.loads(fast.to_str())
        return json.dumps(rules | {"truncation": None, "padding": None}, sort_keys=True)


class TextRecipe(ABC):
    """What a recipe says about the text side; ``build`` makes the encoder once the training texts are known."""

    @abstractmethod
    def build(self, texts: Sequence[str]) -> TextEncoder:
        """Return the text encoder; ``texts`` are the reports of the training records."""


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
        network, tokenizer = load_text_network(self.name_or_path, self.revision)
        _check_length(self.max_length, network, tokenizer)
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

    Raises:
        ConfigError: A value is out of range.
    """

    hidden_size: int = 128
    n_layers: int = 2
    n_heads: int = 4
    vocabulary_size: int = 2000
    max_length: int = 96
    dropout: float = 0.1
    pooling: Pooling = "mean"

    def __post_init__(self) -> None:
        sizes = (self.hidden_size, self.n_layers, self.n_heads, self.vocabulary_size, self.max_length - 1)
        if min(sizes) < 1 or self.hidden_size % self.n_heads or not 0.0 <= self.dropout < 1.0:
            raise ConfigError(
                "settings of SmallBert out of range",
                received=self,
                allowed="positive sizes, hidden_size divisible by n_heads, max_length >= 2, dropout in [0, 1)",
            )

    def build(self, texts: Sequence[str]) -> TextEncoder:
        """Learn the vocabulary and start the network at random.

        Raises:
            ConfigError: There are no texts to learn a vocabulary from.
        """
        from transformers import BertConfig, BertModel

        tokenizer = train_tokenizer(texts, self.vocabulary_size)
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


def _freeze_first_layers(network: nn.Module, n_layers: int) -> None:
    layers = getattr(getattr(network, "encoder", None), "layer", None)
    if layers is None or n_layers > len(layers):
        received = f"{n_layers} of {'an unknown number of' if layers is None else len(layers)} layers"
        raise ConfigError("cannot freeze so many first layers of this text encoder", received=received)
    network.embeddings.requires_grad_(False)
    for layer in layers[:n_layers]:
        layer.requires_grad_(False)


def _check_length(max_length: int, network: nn.Module, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse texts longer than the network has positions for; it would fail in the middle of the training."""
    n_positions = getattr(network.config, "max_position_embeddings", None) or max_length
    longest = min(int(tokenizer.model_max_length), n_positions if n_positions > 0 else max_length)
    if not 2 <= max_length <= longest:
        raise ConfigError("max_length does not fit the text encoder", received=max_length, allowed=f"2 to {longest}")
