"""Time a training step of the MERL recipes beside MERL's own way of doing the same step, and compare the losses.

    python benchmarks/merl_step.py [--batch_size 32] [--n_steps 3] [--cpu_time] [--device cuda]

ResNet18-1D on 12 x 5000 samples, BERT-base text of random weights (no hub needed), CMA and UMA, AdamW. MERL's way:
every report padded to 256 tokens and encoded anew in float32, under no_grad in the released code, with the last 6 of 12
layers trained in the paper's form, and with the C library's own handling of memory. Our way: the package's own towers,
text bank, memory kept between steps as in ``medclip fit`` and, where the processor has it, bfloat16. Both ways take
turns on the same weights and batches; the medians of their ratios are the thing to read. On a GPU, MERL's way runs in
float16 as its released code does there.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from medclip.encoders.model import TextTower, Tower
from medclip.encoders.projection import Projection
from medclip.encoders.resnet1d import ResNet1d
from medclip.encoders.text import TextEncoder
from medclip.encoders.tokenizer import train_tokenizer
from medclip.objectives.batch import EncodedBatch
from medclip.objectives.merl import CrossModalAlignment, UnimodalAlignment
from medclip.training.memory import keep_freed_memory
from medclip.training.module import _has_bfloat16
from medclip.training.text_bank import TextBank

WORDS = ("sinus", "rhythm", "normal", "atrial", "fibrillation", "left", "right", "bundle", "block", "inferior")
PADDED_TO = 256


@dataclass
class Recipe:
    """One form of the recipe: its networks, its data, and the texts."""

    frozen: bool
    tower: Tower
    text: TextTower
    uma: UnimodalAlignment
    texts: list[str]
    x: Tensor
    rows: Tensor


def main() -> None:
    """Print medians for both forms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--n_steps", type=int, default=3)
    parser.add_argument("--cpu_time", action="store_true", help="count processor seconds, for a busy machine")
    parser.add_argument("--device", default="cpu", help="where both ways compute; default: cpu")
    args = parser.parse_args()
    device = torch.device(args.device)
    clock = time.process_time if args.cpu_time else time.perf_counter
    if args.cpu_time and device.type != "cpu":
        parser.error("--cpu_time says nothing about another device")
    autocast = _has_bfloat16(device)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"{where}, batch {args.batch_size}, bfloat16 {'yes' if autocast else 'no'}")
    for frozen in (True, False):
        compare(make_recipe(args.batch_size, frozen, device), args.n_steps, autocast, clock)


def make_recipe(n_records: int, frozen: bool, device: torch.device) -> Recipe:
    """Build the networks; a quarter of the reports are repetitions; in MIMIC-IV-ECG three quarters are."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    n_texts = max(2, 3 * n_records // 4)
    texts = [
        " ".join(WORDS[i] for i in torch.randint(len(WORDS), (12,), generator=generator).tolist())
        for _ in range(n_texts)
    ]
    tokenizer = train_tokenizer(texts, 400)
    network = BertModel(BertConfig(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), add_pooling_layer=False)
    if not frozen:
        network.embeddings.requires_grad_(False)
        for layer in network.encoder.layer[:6]:
            layer.requires_grad_(False)
    encoder = TextEncoder(network, tokenizer, pooling="cls", frozen=frozen)
    return Recipe(
        frozen,
        Tower(ResNet1d(), Projection(256, 256, "none")).to(device),
        TextTower(encoder, Projection(768, 256, "gelu")).to(device),
        UnimodalAlignment().to(device),
        texts,
        torch.rand(n_records, 12, 5000, generator=generator).to(device),
        (torch.arange(n_records) % n_texts).to(device),
    )


def compare(recipe: Recipe, n_steps: int, autocast: bool, clock: Callable[[], float]) -> None:
    """Take turns, print the ratio of times and the difference of losses."""
    parts = nn.ModuleList([recipe.tower, recipe.text, recipe.uma])
    optimizer = torch.optim.AdamW([weight for weight in parts.parameters() if weight.requires_grad], lr=0.0)
    bank = TextBank(recipe.text, recipe.texts)
    token_ids = recipe.text.encoder.token_ids(recipe.texts)

    def theirs(is_half: bool) -> Tensor:
        with torch.autocast(recipe.x.device.type, torch.float16) if is_half else nullcontext():
            return loss_of(recipe, padded(recipe, token_ids))

    def ours(is_half: bool) -> Tensor:
        with torch.autocast(recipe.x.device.type, torch.bfloat16) if is_half else nullcontext():
            return loss_of(recipe, bank.encode(recipe.text, recipe.rows))

    their_half = recipe.x.is_cuda
    their_s, our_s, their_loss, our_loss, full_loss = [], [], 0.0, 0.0, 0.0
    for number in range(n_steps + 1):
        return_freed_memory()
        seconds, loss = step(optimizer, lambda: theirs(their_half), clock)
        their_s.append(seconds)
        keep_freed_memory()
        seconds, our_loss = step(optimizer, lambda: ours(autocast), clock)
        our_s.append(seconds)
        if number == 0:
            their_loss = step(optimizer, lambda: theirs(False), clock)[1] if their_half else loss
            _, full_loss = step(optimizer, lambda: ours(False), clock)
    # The first round warms up.
    ratio = statistics.median(a / b for a, b in zip(their_s[1:], our_s[1:], strict=True))
    name = "released code (frozen text)" if recipe.frozen else "paper (6 layers trained)"
    print(
        f"{name}: MERL's way {statistics.median(their_s[1:]):.2f} s, ours {statistics.median(our_s[1:]):.2f} s a step, "
        f"ratio {ratio:.1f}",
        flush=True,
    )
    with torch.no_grad():
        text, their_text = bank.encode(recipe.text, recipe.rows), padded(recipe, token_ids)
    check(
        "text embeddings in float32 (relative)", float((text - their_text).abs().max() / their_text.abs().max()), 1e-4
    )
    check("loss in float32", abs(full_loss - their_loss), 1e-4)
    if autocast:
        check("loss in bfloat16", abs(our_loss - their_loss), 0.05)


def return_freed_memory() -> None:
    """Give glibc its own settings back, with which MERL's code runs (mallopt(3))."""
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda name, value: None)
        mallopt(-4, 65536)
        mallopt(-1, 128 << 10)


def check(name: str, difference: float, tolerance: float) -> None:
    """Print the difference, and stop if precision does not explain it."""
    print(f"  {name} differs by {difference:.1e} (allowed {tolerance:.0e})")
    if not difference <= tolerance:
        raise SystemExit("the two ways do not compute the same loss")


def padded(recipe: Recipe, token_ids: list[list[int]]) -> Tensor:
    """Encode every report of the batch, padded to 256 tokens."""
    encoder = recipe.text.encoder
    ids = torch.zeros(len(recipe.rows), PADDED_TO, dtype=torch.int64, device=recipe.x.device)
    mask = torch.zeros_like(ids)
    for position, row in enumerate(recipe.rows.tolist()):
        own = torch.tensor(token_ids[row], device=ids.device)
        ids[position, : len(own)], mask[position, : len(own)] = own, 1
    with torch.no_grad() if recipe.frozen else nullcontext():
        hidden = encoder.network(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
    projected: Tensor = recipe.text.projection(hidden)
    return projected


def loss_of(recipe: Recipe, text: Tensor) -> Tensor:
    """Sum of CMA and UMA; the same dropout in both ways."""
    torch.manual_seed(2)
    embedding, output = recipe.tower(recipe.x)
    batch = EncodedBatch({"ecg": embedding}, {"ecg": output.mean()}, recipe.rows, text=text)
    return CrossModalAlignment()(batch)["ecg"] + recipe.uma(batch)["ecg"]


def step(
    optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor], clock: Callable[[], float]
) -> tuple[float, float]:
    """Return the seconds of a whole step, and its loss; a learning rate of 0 leaves the weights comparable."""
    start_s = clock()
    value = loss()
    value.backward()
    optimizer.step()
    optimizer.zero_grad()
    result = float(value.detach())
    if value.is_cuda:
        torch.cuda.synchronize()
    return clock() - start_s, result


if __name__ == "__main__":
    main()
