"""A language model of a few kilobytes that knows nothing."""

from __future__ import annotations

from pathlib import Path

CHAT = "{% for message in messages %}{{ message['role'] }} {{ message['content'] }} {% endfor %}"


def save_tiny_model(folder: Path) -> Path:
    """Write a random GPT-2 with a word tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["[UNK]", "[END]"], show_progress=False)
    tokenizer.train_from_iterator(["atrial fibrillation flutter block waves"] * 10, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", eos_token="[END]", pad_token="[END]")
    fast.chat_template = CHAT
    fast.save_pretrained(folder)
    config = GPT2Config(
        vocab_size=len(fast), n_positions=2048, n_embd=16, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=1
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder
