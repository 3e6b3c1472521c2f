from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from text_folder import TEXTS, write_text_folder
from transformers import AutoModel, AutoTokenizer

from medclip.core.errors import BundleError, ConfigError
from medclip.encoders.huggingface import load_text_folder
from medclip.encoders.text import PretrainedText, SmallBert, TextEncoder

SMALL = SmallBert(hidden_size=16, n_layers=1, n_heads=2, vocabulary_size=200, max_length=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_folder(tmp_path_factory.mktemp("text"))


def test_vocabulary_is_the_same_in_any_process_and_order(tmp_path: Path) -> None:
    program = (
        "import sys, json; from medclip.encoders.tokenizer import train_tokenizer;"
        "print(json.dumps(sorted(train_tokenizer(json.loads(sys.argv[1]), 150).get_vocab().items())))"
    )
    vocabularies = []
    for seed, texts in (("1", TEXTS), ("2", TEXTS[::-1])):
        run = subprocess.run(
            [sys.executable, "-c", program, json.dumps(texts)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        vocabularies.append(run.stdout)
    assert vocabularies[0] == vocabularies[1]


def test_small_bert_cuts_and_pads() -> None:
    encoder = SMALL.build(TEXTS)
    ids = encoder.token_ids(["sinus rhythm", "sinus rhythm " * 30])
    assert len(ids[0]) < 12
    assert len(ids[1]) == 12
    tokens = encoder.pad(ids)
    assert tokens.mask.sum(1).tolist() == [len(ids[0]), 12]
    assert encoder(tokens).pooled.shape == (2, 16)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_padding_does_not_change_an_embedding(pooling: str) -> None:
    encoder = SmallBert(16, 1, 2, 200, 40, pooling=pooling).build(TEXTS).eval()
    together = encoder(encoder.pad(encoder.token_ids(TEXTS))).pooled
    alone = torch.cat([encoder(encoder.pad(encoder.token_ids([text]))).pooled for text in TEXTS])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_embed_keeps_order_and_mode() -> None:
    encoder = SMALL.build(TEXTS).train()
    embedded = encoder.embed(TEXTS, batch_size=2)
    assert encoder.network.training
    assert not embedded.requires_grad
    expected = encoder.eval()(encoder.pad(encoder.token_ids(TEXTS))).pooled
    torch.testing.assert_close(embedded, expected, rtol=1e-4, atol=1e-5)
    assert encoder.embed([]).shape == (0, 16)


def test_local_folder_gives_what_transformers_gives(folder: Path) -> None:
    encoder = PretrainedText(str(folder), max_length=32).build([])
    network, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = network(**encoded).last_hidden_state
    weight = encoded["attention_mask"][..., None]
    torch.testing.assert_close(encoder.embed(TEXTS), (hidden * weight).sum(1) / weight.sum(1), rtol=1e-4, atol=1e-5)


def test_half_precision_weights_are_trained_in_full(tmp_path: Path) -> None:
    folder = write_text_folder(tmp_path / "half", dtype=torch.bfloat16)
    encoder = PretrainedText(str(folder), frozen=False, max_length=32).build([])
    assert {weight.dtype for weight in encoder.parameters()} == {torch.float32}


def test_a_frozen_text_encoder_stays_in_evaluation_mode(folder: Path) -> None:
    encoder = PretrainedText(str(folder), max_length=32, frozen=True).build([]).train()
    assert not any(module.training for module in encoder.network.modules())
    assert not any(weight.requires_grad for weight in encoder.parameters())
    tokens = encoder.pad(encoder.token_ids(TEXTS))
    assert torch.equal(encoder(tokens).pooled, encoder(tokens).pooled)


def test_first_layers_are_frozen(folder: Path) -> None:
    network = PretrainedText(str(folder), max_length=32, frozen=False, n_frozen_layers=1).build([]).network
    frozen = {
        name.split(".layer.")[-1][0] if ".layer." in name else name.split(".")[0] for name in frozen_names(network)
    }
    assert frozen == {"embeddings", "0"}


def frozen_names(network: torch.nn.Module) -> list[str]:
    return [name for name, weight in network.named_parameters() if not weight.requires_grad]


def test_digest_sees_weights_words_configuration_and_settings(folder: Path, tmp_path: Path) -> None:
    def digest(path: Path, **changes: object) -> str:
        settings = {"max_length": 32} | changes
        return PretrainedText(str(path), **settings).build([]).digest()

    same = write_text_folder(tmp_path / "copy")
    assert digest(same) == digest(folder)
    heads = write_text_folder(tmp_path / "heads")
    config = json.loads((heads / "config.json").read_text())
    (heads / "config.json").write_text(json.dumps(config | {"num_attention_heads": 4}))
    others = {digest(heads), digest(folder, pooling="cls"), digest(folder, max_length=16)}
    assert len(others | {digest(folder)}) == 4
    encoder = PretrainedText(str(folder), max_length=32).build([])
    with torch.no_grad():
        next(encoder.parameters()).view(-1)[0] += 1e-3
    assert encoder.digest() != digest(folder)


def test_unreachable_name_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError) as raised:
        PretrainedText("someone/never-heard-of").build([])
    message = str(raised.value)
    assert message.startswith("cannot load the text encoder: received someone/never-heard-of; allowed: a local folder")
    assert "\n" not in message


@pytest.mark.parametrize("damage", ["weights", "config", "tokenizer", "nothing there"])
def test_damaged_folders_are_one_line(damage: str, tmp_path: Path) -> None:
    folder = write_text_folder(tmp_path / "text")
    if damage == "weights":
        (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    elif damage == "config":
        (folder / "config.json").write_text("{}")
    elif damage == "tokenizer":
        (folder / "tokenizer.json").write_text("[]")
    else:
        folder = tmp_path / "absent"
    with pytest.raises(ConfigError, match="cannot load the text encoder") as raised:
        PretrainedText(str(folder)).build([])
    assert "\n" not in str(raised.value)
    with pytest.raises(BundleError, match="holds no text encoder"):
        load_text_folder(folder)


def test_texts_longer_than_the_positions_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="max_length does not fit the text encoder: received 256; allowed: 2 to 64"):
        PretrainedText(str(folder)).build([])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frozen": True, "n_frozen_layers": 2}, "frozen"),
        ({"frozen": False, "n_frozen_layers": 9, "max_length": 32}, "cannot freeze so many first layers"),
        ({"pooling": "max", "max_length": 32}, "unknown pooling"),
    ],
)
def test_settings_that_contradict(folder: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PretrainedText(str(folder), **settings).build([])


@pytest.mark.parametrize("change", [{"hidden_size": 15}, {"n_layers": 0}, {"max_length": 1}, {"dropout": 1.0}])
def test_small_bert_out_of_range(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="settings of SmallBert out of range"):
        SmallBert(**({"n_heads": 2} | change))


def test_no_reports_no_vocabulary() -> None:
    with pytest.raises(ConfigError, match="no report to learn a vocabulary from"):
        SMALL.build(["", " "])


def test_encoder_is_a_module_with_a_width(folder: Path) -> None:
    encoder = PretrainedText(str(folder), max_length=32).build([])
    assert isinstance(encoder, TextEncoder)
    assert encoder.embedding_dim == 16


def test_a_bert_under_another_name_is_read_without_its_own_code(tmp_path: Path) -> None:
    """As CXR-BERT lies on the hub: another kind, code to run, weights under a prefix, a projection on top."""
    plain = write_text_folder(tmp_path / "plain")
    own = shutil.copytree(plain, tmp_path / "own")
    config = json.loads((plain / "config.json").read_text())
    more = {"model_type": "own-bert", "architectures": ["OwnBert"], "auto_map": {"AutoModel": "own.OwnBert"}}
    (own / "config.json").write_text(json.dumps(config | more | {"projection_size": 8}))
    (own / "own.py").write_text("raise SystemExit('this must not run')\n")
    weights = load_file(plain / "model.safetensors")
    renamed = {f"bert.{name}": value for name, value in weights.items()}
    save_file(renamed | {"projection.weight": torch.zeros(8, 16)}, own / "model.safetensors", metadata={"format": "pt"})
    ours, theirs = (
        PretrainedText(str(folder), max_length=32).build([]).embed(["normal ecg"]) for folder in (own, plain)
    )
    torch.testing.assert_close(ours, theirs)
