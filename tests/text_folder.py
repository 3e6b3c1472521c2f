"""Write a tiny text encoder in Hugging Face's format, as a hub or a user's disk holds it."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from medclip.encoders.tokenizer import train_tokenizer

TEXTS = ["sinus rhythm, normal ecg", "atrial fibrillation", "left bundle branch block", "inferior infarction"]


def write_text_folder(
    folder: Path, *, n_layers: int = 2, n_positions: int = 64, dtype: torch.dtype = torch.float32
) -> Path:
    """Write config.json, model.safetensors and the tokenizer of a BERT of width 16; return the folder."""
    tokenizer = train_tokenizer(TEXTS * 5, 300)
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=n_layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=n_positions,
    )
    BertModel(config).to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
