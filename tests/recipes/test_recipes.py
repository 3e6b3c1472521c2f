"""Every shipped recipe through the real command line on generated folders, and wrong recipes in one line each."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
from mimic_folder import write_mimic
from network_folders import write_network
from ptbxl_folder import write_ptbxl
from text_folder import write_text_folder

from medclip.cli.__main__ import main
from medclip.core.recipes import recipe_names

WORDS = ["sinus rhythm", "atrial fibrillation", "left bundle branch block", "inferior infarction", "normal ecg"]
SMALL = ["--data.batch_size", "2", "--model.text.init_args.max_length", "32"]


CXR, CT = "--model.towers.cxr.encoder.init_args", "--model.towers.ct.encoder.init_args"
ONE_LAYER = ("--model.text.init_args.n_frozen_layers", "1")
SMALL_VOLUME = ("--data.spec.shape_dhw", "[20, 40, 40]", "--data.spec.spacing_mm", "[17, 13, 13]")
# What makes recipes for large GPUs small.
ON_IMAGES: dict[str, tuple[str, ...]] = {
    "cxr/clip_mimic": (f"{CXR}.width", "4", f"{CXR}.n_heads", "2", "--data.spec.height", "64", *ONE_LAYER),
    "cxr/siglip_mimic": (f"{CXR}.size", "tiny", f"{CXR}.depth", "1", "--data.spec.height", "64", *ONE_LAYER),
    "cxr/lit_rad_dino": ("--data.spec.height", "32", "--data.spec.width", "32"),
    "cxr/radzero_mimic": ("--data.spec.height", "32", "--data.spec.width", "32"),
    "ct/ct_clip": (f"{CT}.width", "32", f"{CT}.n_heads", "2", f"{CT}.spatial_depth", "1", *SMALL_VOLUME),
    "ct/siglip": (f"{CT}.width", "4", *SMALL_VOLUME, *ONE_LAYER),
}


def _image_folder(folder: Path) -> Path:
    write_network(folder, "dinov2")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One folder a data set, and a text encoder in place of those of the hub."""
    base = tmp_path_factory.mktemp("folders")
    rows = [{"report": f"{WORDS[number % 5]}, {WORDS[number % 3]}"} for number in range(20)]
    return {
        "ptbxl": write_ptbxl(base / "ptbxl", rows),
        "mimic_iv_ecg": write_mimic(base / "mimic", 4),
        "text": write_text_folder(base / "text"),
        "image": _image_folder(base / "image"),
        "cache": base / "cache",
    }


@pytest.fixture
def place(folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; packed stores are shared by all tests."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("MEDCLIP_CACHE", str(folders["cache"]))
    return work


def run(*arguments: str) -> int:
    with warnings.catch_warnings():
        return main(list(arguments))


def options(recipe: str, folders: dict[str, Path]) -> list[str]:
    """What a user adds to a recipe: the folder of the data, a text encoder that is there, and smaller numbers."""
    if recipe.endswith("demo") or recipe.startswith("smoke"):
        return ["--data.dataset_options.n_patients", "30", "--data.batch_size", "4"]
    if recipe in ON_IMAGES:
        return [*_simulated(recipe.split("/")[0]), *ON_IMAGES[recipe], *_hub(recipe, folders), *SMALL]
    if recipe.startswith(("cxr", "ct")):
        small = ["size", "48"] if recipe.startswith("cxr") else ["shape", "[22, 32, 32]"]
        own = ["--data.dataset_options.n_patients", "30", f"--data.dataset_options.{small[0]}", small[1]]
        return [*own, "--model.text.init_args.name_or_path", str(folders["text"]), *SMALL]
    root = folders["mimic_iv_ecg" if recipe.endswith(("mimic_iv_ecg", "released_code")) else "ptbxl"]
    own = ["--data.root", str(root), "--model.text.init_args.name_or_path", str(folders["text"]), *SMALL]
    if recipe.endswith(("merl_ptbxl", "merl_mimic_iv_ecg")):
        own += ["--model.text.init_args.n_frozen_layers", "1"]
    if recipe.endswith("released_code"):
        own += ["--trainer.precision", "32-true"]
    return own


def _simulated(modality: str) -> list[str]:
    """Simulated patients in place of data that nobody may pass on."""
    shape = {"cxr": ("size", 48), "ct": ("shape", [22, 32, 32])}[modality]
    given = ["--data.dataset", f"simulated_{modality}"]
    given += [
        "--data.dataset_options",
        json.dumps({"n_patients": 30, shape[0]: shape[1]}),
        "--data.pack_prepared",
        "false",
    ]
    return [*given, "--data.train_folds", "[1, 2, 3]", "--data.val_folds", "[4]", "--data.test_folds", "[5]"]


def _hub(recipe: str, folders: dict[str, Path]) -> list[str]:
    """Local folders in place of the hub."""
    text = ["--model.text.init_args.name_or_path", str(folders["text"]), "--trainer.precision", "32-true"]
    is_pretrained = recipe.endswith(("lit_rad_dino", "radzero_mimic"))
    return [*text, f"{CXR}.name_or_path", str(folders["image"])] if is_pretrained else text


@pytest.mark.parametrize("recipe", recipe_names())
def test_a_shipped_recipe_trains(recipe: str, folders: dict[str, Path], place: Path) -> None:
    # 12 x 5000 samples through MERL's whole network take seconds a step; a narrow one runs the same code.
    modality = next(name for name in ("ecg", "cxr", "ct") if name in recipe.split("/"))
    narrow = [f"--model.towers.{modality}.encoder.init_args.width", "4"] if recipe not in ON_IMAGES else []
    assert run("fit", "--config", recipe, "--trainer.fast_dev_run", "true", *narrow, *options(recipe, folders)) == 0
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--model.embedding_width", "8"], "embedding_width"),
        (["--data.batch_size", "many"], "many"),
        (["--data.batch_size", "1"], "batches of at least 2"),
        (["--data.batch_size", "5000"], "fewer training records than one batch"),
        (["--data.spec.sampling_rate", "100"], "sampling_rate"),
        (["--data.dataset", "ptb"], "ptb"),
        (["--data.root", "nowhere"], "nowhere"),
        (["--data.train_folds", "[1, 77]"], "no such fold: received 77"),
        (["--data.train_folds", "[1, 9]", "--data.val_folds", "[9]"], "a fold serves two purposes"),
        (["--data.dataset_options.rate", "100"], "no such option"),
        (["--model.optimizer.lr", "-1"], "optimiser settings out of range"),
        (["--model.optimizer.schedule", "step"], "step"),
        (["--model.text.init_args.name_or_path", "no/such-encoder"], "cannot load the text encoder"),
        (["--model.towers.ecg.encoder.init_args.depth", "19"], "19"),
        (["--model.towers.ecg.encoder.class_path", "medclip.encoders.nothing.Net"], "medclip.encoders.nothing"),
        (["--bundle_weights", "worst"], "unknown bundle_weights: received worst; allowed: best, last"),
        (["--bundle_ensemble", "zpe"], "unknown bundle_ensemble: received zpe; allowed: mean, centred, positive"),
        (["--checkpoint_every_n_steps", "0"], "checkpoint_every_n_steps is out of range"),
        (["--ckpt_path", "last"], "no checkpoint to continue from"),
        (["--ckpt_path", "absent.ckpt"], "absent.ckpt"),
        (["--trainer.max_epochs", "few"], "few"),
        (["--trainer.accelerator", "abacus"], "abacus"),
        (["--config", "ecg/fast_gpu"], "no such recipe: received ecg/fast_gpu; allowed: "),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_written(
    change: list[str], message: str, folders: dict[str, Path], place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = ["fit", "--config", "ecg/fast_cpu", *options("ecg/fast_cpu", folders), "--trainer.accelerator", "cpu"]
    assert run(*given, *change) == 2
    error = capfd.readouterr().err
    assert "Traceback" not in error
    lines = [line for line in error.splitlines() if line.startswith("medclip: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert list(place.iterdir()) == []
