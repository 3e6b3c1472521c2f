from __future__ import annotations

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from text_folder import TEXTS, write_text_folder
from transformers import AutoModel

from medclip.bundle.load import load_bundle
from medclip.bundle.manifest import MANIFEST_FILE, write_manifest
from medclip.bundle.save import BundleContent, EmbeddedPrompts, save_bundle
from medclip.core.errors import BundleError, OutputError
from medclip.core.waveform_spec import WaveformSpec
from medclip.encoders.lora import LoRA
from medclip.encoders.model import ContrastiveModel, TextTower, Tower
from medclip.encoders.projection import Projection
from medclip.encoders.resnet1d import ResNet1d
from medclip.encoders.text import PretrainedText
from medclip.modalities.report.pipeline import ReportPipeline

LEADS = ("I", "II", "V1")
X = torch.randn(3, 3, 400, generator=torch.Generator().manual_seed(1))


def content(text: Path, *, lora: bool) -> BundleContent:
    """A model whose batch statistics and adapters have moved."""
    torch.manual_seed(0)
    settings = LoRA(r=2, target_modules=["query", "value"]) if lora else None
    recipe = PretrainedText(str(text), max_length=32, frozen=False, lora=settings)
    encoder = ResNet1d(3, depth=10, width=4, embedding_dim=16, n_positions=25)
    encoder(X)
    tower = Tower(encoder, Projection(16, 8, "batch_norm"), lora=settings)
    model = ContrastiveModel({"wave": tower}, TextTower(recipe.build(TEXTS), Projection(16, 8, "gelu")))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.3)
    prompts = EmbeddedPrompts("rhythm", {"AF": {"positive": (TEXTS[1],)}}, (TEXTS[1],), torch.ones(1, 8) / 8**0.5)
    return BundleContent(
        model=model.eval(),
        input_specs={"wave": WaveformSpec("wave", 100.0, 4.0, LEADS)},
        reports=ReportPipeline(translate_to=None, normalise=False),
        scale=14.0,
        prompt_sets={"rhythm-set": prompts},
        training={"dataset": "generated", "n_train_records": 7, "recipe": {"a": 1}},
    )


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text_folder(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "lora"])
def saved(request: pytest.FixtureRequest, text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    own = content(text, lora=request.param)
    return own, save_bundle(own, tmp_path_factory.mktemp("saved") / "bundle")


@pytest.fixture
def copy(text: Path, tmp_path: Path) -> Path:
    return save_bundle(content(text, lora=True), tmp_path / "bundle")


def tokens(tower: TextTower) -> torch.Tensor:
    return tower(tower.encoder.pad(tower.encoder.token_ids(TEXTS)))


@torch.no_grad()
def test_embeddings_are_equal_afterwards(saved: tuple) -> None:
    own, folder = saved
    bundle = load_bundle(folder)
    assert torch.equal(bundle.model.encode("wave", X)[0], own.model.encode("wave", X)[0])
    assert torch.equal(tokens(bundle.text), tokens(own.model.text))
    assert torch.equal(bundle.prompt_embeddings["rhythm-set"], own.prompt_sets["rhythm-set"].embeddings)
    assert bundle.input_specs == dict(own.input_specs)
    assert dataclasses.asdict(bundle.reports) == dataclasses.asdict(own.reports)
    assert bundle.scale == 14.0
    assert not any(weight.requires_grad for weight in bundle.model.parameters())


def test_saving_leaves_the_model_as_it_is(text: Path, tmp_path: Path) -> None:
    own = content(text, lora=True)
    before = {name: value.clone() for name, value in own.model.state_dict().items()}
    save_bundle(own, tmp_path / "bundle")
    after = own.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@torch.no_grad()
def test_plain_peft_loads_the_adapter(text: Path, tmp_path: Path) -> None:
    own = content(text, lora=True)
    folder = save_bundle(own, tmp_path / "bundle")
    base = AutoModel.from_pretrained(folder / "text_encoder")
    original = AutoModel.from_pretrained(text).state_dict()
    assert all(torch.equal(value, original[name]) for name, value in base.state_dict().items())
    network = PeftModel.from_pretrained(base, str(folder / "adapter" / "text")).eval()
    encoder = own.model.text.encoder
    padded = encoder.pad(encoder.token_ids(TEXTS))
    given = {"input_ids": padded.ids, "attention_mask": padded.mask.long()}
    assert torch.equal(network(**given).last_hidden_state, encoder.network(**given).last_hidden_state)
    config = json.loads((folder / "adapter" / "text" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] is None


def test_nothing_is_pickled_and_every_file_is_in_the_manifest(saved: tuple) -> None:
    _, folder = saved
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert {path.suffix for path in files.values()} <= {".json", ".safetensors", ".md"}
    for path in files.values():
        start = path.read_bytes()[:4]
        assert not start.startswith((b"\x80", b"PK"))
    assert set(json.loads((folder / MANIFEST_FILE).read_text())["sha256"]) == set(files) - {MANIFEST_FILE}


def test_no_path_of_this_machine_is_in_a_bundle(text: Path, tmp_path: Path) -> None:
    folder = save_bundle(content(text, lora=True), tmp_path / "bundle")
    for path in folder.rglob("*"):
        assert path.is_dir() or str(text).encode() not in path.read_bytes(), path


def test_loading_opens_no_connection(saved: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    bundle = load_bundle(saved[1])
    assert bundle.model.towers.keys() == {"wave"}
    assert bundle.text.encoder.frozen


def test_one_diagnosis_imports_neither_transformers_nor_lightning(text: Path, tmp_path: Path) -> None:
    folder = save_bundle(content(text, lora=False), tmp_path / "bundle")
    program = (
        "import sys; from medclip.bundle.load import load_bundle; bundle = load_bundle(sys.argv[1]); bundle.model;"
        "bundle.prompt_embeddings; print([m for m in ('transformers', 'lightning', 'peft') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def open_all(folder: Path) -> None:
    bundle = load_bundle(folder)
    _ = bundle.model, bundle.text, bundle.prompt_embeddings, bundle.reports


def test_any_changed_byte_is_found(copy: Path) -> None:
    files = [path for path in copy.rglob("*") if path.is_file() and path.name not in (MANIFEST_FILE, "README.md")]
    assert len(files) >= 9
    for path in files:
        original = path.read_bytes()
        changed = bytearray(original)
        changed[len(changed) // 2] ^= 1
        path.write_bytes(bytes(changed))
        with pytest.raises(BundleError, match="has changed since the bundle was saved") as raised:
            open_all(copy)
        assert path.name in str(raised.value)
        assert "\n" not in str(raised.value)
        path.write_bytes(original)
    open_all(copy)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "text_encoder/model.safetensors", "adapter/text/adapter_config.json"]
)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"lacks {name}"):
        open_all(copy)


def test_another_schema_version(copy: Path) -> None:
    described = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps(described | {"schema_version": 99}))
    write_manifest(copy)
    with pytest.raises(BundleError, match="another version of medclip: received schema 99; allowed: schema 1"):
        load_bundle(copy)


@pytest.mark.parametrize("manifest", ["", "[]", '{"sha256": {"../x": "0"}}', '{"sha256": {"/etc/passwd": "0"}}'])
def test_a_malformed_manifest(copy: Path, manifest: str) -> None:
    (copy / MANIFEST_FILE).write_text(manifest)
    with pytest.raises(BundleError, match=r"missing or malformed|outside the bundle"):
        load_bundle(copy)


@pytest.mark.parametrize("key", ["input_specs", "towers", "text", "reports", "prompt_sets", "training", "scale"])
def test_a_bundle_file_that_lacks_a_part(copy: Path, key: str) -> None:
    described = json.loads((copy / "bundle.json").read_text())
    del described[key]
    (copy / "bundle.json").write_text(json.dumps(described))
    write_manifest(copy)
    with pytest.raises(BundleError, match="malformed"):
        load_bundle(copy)


def test_weights_that_do_not_fit_the_description(copy: Path) -> None:
    described = json.loads((copy / "bundle.json").read_text())
    described["towers"]["wave"]["encoder"]["arguments"]["width"] = 8
    (copy / "bundle.json").write_text(json.dumps(described))
    write_manifest(copy)
    with pytest.raises(BundleError, match="do not fit its description"):
        _ = load_bundle(copy).model


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is no bundle: received no such folder"):
        load_bundle(tmp_path / "absent")
    with pytest.raises(BundleError, match=r"is no bundle: received a folder without MANIFEST.json"):
        load_bundle(tmp_path)


def test_an_existing_folder_is_kept_unless_told(text: Path, tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    own = content(text, lora=False)
    with pytest.raises(OutputError, match="exists already"):
        save_bundle(own, target)
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "thesis.txt"]
    save_bundle(own, target, overwrite=True)
    assert not (target / "thesis.txt").exists()
    open_all(target)


def test_a_tower_that_cannot_be_described_leaves_nothing(text: Path, tmp_path: Path) -> None:
    class Own(torch.nn.Module):
        embedding_dim = 16

    own = content(text, lora=False)
    own.model.towers["wave"] = Tower(Own(), Projection(16, 8))
    with pytest.raises(BundleError, match="does not say how it was built: received Own"):
        save_bundle(own, tmp_path / "bundle")
    assert os.listdir(tmp_path) == []


def test_the_card_says_what_a_reader_needs(saved: tuple) -> None:
    card = (saved[1] / "README.md").read_text()
    for wanted in (
        "# bundle",
        "Research use only. Not a medical device",
        "medclip.load('bundle')",
        "- wave: ",
        "sampling_rate_hz 100.0",
        "channel_names I II V1",
        "- dataset: generated",
        "- n_train_records: 7",
        "- `rhythm-set` for label set `rhythm`: 1 findings",
        "not\nprobabilities",
    ):
        assert wanted in card, wanted


def test_a_bundle_can_be_moved(saved: tuple, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(saved[1], tmp_path / "elsewhere"))
    bundle = load_bundle(moved)
    assert bundle.name == "elsewhere"
    assert bundle.digest == load_bundle(saved[1]).digest
    open_all(moved)
