from __future__ import annotations

from pathlib import Path

import pytest
import torch
from text_folder import TEXTS, write_text_folder

from medclip.encoders.model import TextTower
from medclip.encoders.projection import Projection
from medclip.encoders.text import PretrainedText
from medclip.training.text_bank import TextBank

ROWS = torch.tensor([2, 0, 2, 3])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_folder(tmp_path_factory.mktemp("text"))


def tower(folder: Path, *, frozen: bool) -> TextTower:
    torch.manual_seed(0)
    encoder = PretrainedText(str(folder), max_length=32, frozen=frozen).build([])
    return TextTower(encoder, Projection(16, 8, "gelu")).eval()


@pytest.mark.parametrize("frozen", [True, False])
def test_equal_to_encoding_every_text_by_itself(folder: Path, frozen: bool) -> None:
    own = tower(folder, frozen=frozen)
    bank = TextBank(own, TEXTS)
    expected = torch.cat([own(own.encoder.pad(own.encoder.token_ids([TEXTS[row]]))) for row in ROWS.tolist()])
    torch.testing.assert_close(bank.encode(own, ROWS), expected, rtol=1e-4, atol=1e-5)
    assert bank.encode(own, torch.empty(0, dtype=torch.int64)).shape == (0, 8)


def test_gradients_are_those_of_a_batch_with_repetitions(folder: Path) -> None:
    one, other = tower(folder, frozen=False), tower(folder, frozen=False)
    TextBank(one, TEXTS).encode(one, ROWS).square().sum().backward()
    texts = [TEXTS[row] for row in ROWS.tolist()]
    other(other.encoder.pad(other.encoder.token_ids(texts))).square().sum().backward()
    for mine, plain in zip(one.parameters(), other.parameters(), strict=True):
        if plain.grad is not None:
            torch.testing.assert_close(mine.grad, plain.grad, rtol=1e-3, atol=1e-6)


def test_a_frozen_encoder_runs_once_and_a_trained_one_per_distinct_text(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for frozen, expected in ((True, 0), (False, 3)):
        own = tower(folder, frozen=frozen)
        bank = TextBank(own, TEXTS)
        seen = []
        own.encoder.network.register_forward_pre_hook(
            lambda *given, seen=seen: seen.append(len(given[2]["input_ids"])), with_kwargs=True
        )
        bank.encode(own, ROWS)
        assert sum(seen) == expected
