from __future__ import annotations

from pathlib import Path

import pytest
import torch
from text_folder import TEXTS

from medclip.encoders import text_cache
from medclip.encoders.text import SmallBert, TextEncoder
from medclip.encoders.text_cache import embed_texts


@pytest.fixture
def encoder() -> TextEncoder:
    torch.manual_seed(0)
    return SmallBert(16, 1, 2, 200, 20).build(TEXTS).eval()


def forbid(encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def embed(texts: object) -> None:
        raise AssertionError(f"embedded again: {texts}")

    monkeypatch.setattr(encoder, "embed", embed)


def test_equal_to_embedding_one_by_one_in_the_order_asked(encoder: TextEncoder, tmp_path: Path) -> None:
    asked = [TEXTS[2], TEXTS[0], TEXTS[2]]
    expected = torch.cat([encoder.embed([text]) for text in asked])
    torch.testing.assert_close(embed_texts(encoder, asked), expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(embed_texts(encoder, asked, folder=tmp_path), embed_texts(encoder, asked))
    assert embed_texts(encoder, []).shape == (0, 16)


def test_the_second_time_nothing_is_computed(
    encoder: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = embed_texts(encoder, TEXTS, folder=tmp_path)
    forbid(encoder, monkeypatch)
    assert torch.equal(embed_texts(encoder, TEXTS[::-1], folder=tmp_path), first.flip(0))


def test_an_interrupted_run_goes_on(encoder: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_cache, "_TEXTS_PER_FILE", 2)
    done = []
    embed_texts(encoder, sorted(TEXTS)[:2], folder=tmp_path)
    original = encoder.embed
    monkeypatch.setattr(encoder, "embed", lambda texts: done.append(list(texts)) or original(texts))
    progress = []
    embed_texts(encoder, TEXTS, folder=tmp_path, progress=lambda n, n_all: progress.append((n, n_all)))
    assert done == [sorted(TEXTS)[2:]]
    assert progress == [(2, 4), (4, 4)]


def test_other_weights_never_read_stale_embeddings(encoder: TextEncoder, tmp_path: Path) -> None:
    before = embed_texts(encoder, TEXTS, folder=tmp_path)
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.add_(0.05)
    assert not torch.allclose(embed_texts(encoder, TEXTS, folder=tmp_path), before, atol=1e-3)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_file_is_made_again(encoder: TextEncoder, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = embed_texts(encoder, TEXTS, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:50])
    assert torch.equal(embed_texts(encoder, TEXTS, folder=tmp_path), first)
    assert "is damaged" in caplog.text
    assert torch.equal(embed_texts(encoder, TEXTS, folder=tmp_path), first)
