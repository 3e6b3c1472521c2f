"""Whatever is wrong with the input: one clear line, exit code 2, no traceback, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import recordings

# On the real command line a warning of NumPy is one more line of errors.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

STORED, LEADS = recordings.simulated()
MISSING = -32768
"""Format 16 marks a missing sample so; the reader makes it NaN."""


def with_missing(leads: list[int], start: int, stop: int) -> np.ndarray:
    spoilt = STORED.copy()
    spoilt[leads, start:stop] = MISSING
    return spoilt


def write(folder: Path, stored: np.ndarray = STORED, leads: tuple[str, ...] = LEADS, **options: object) -> Path:
    return recordings.write(folder, "r", stored, leads, **options)


def changed(path: Path, change: Callable[[bytes], bytes], target: str | None = None) -> Path:
    where = path.with_name(target) if target else path
    where.write_bytes(change(where.read_bytes()))
    return path


def loop(folder: Path) -> Path:
    path = folder / "loop.hea"
    path.symlink_to(path.name)
    return path


def named(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def folder_for_data(folder: Path) -> Path:
    header = write(folder)
    header.with_suffix(".dat").unlink()
    header.with_suffix(".dat").mkdir()
    return header


V3 = LEADS.index("V3")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)

# What is wrong -> how to make it, and what the message must say.
FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "truncated .dat": (lambda at: changed(write(at), lambda old: old[:70000], "r.dat"), "5000"),
    ".dat cut inside a sample": (lambda at: changed(write(at), lambda old: old[:-1], "r.dat"), "119999|bytes"),
    "header promises more": (lambda at: write(at, n_samples=6000), "6000"),
    "header promises less": (lambda at: write(at, n_samples=4000), "4000"),
    "checksum disagrees": (lambda at: write(at, checksum_error=1), "checksum"),
    "header names no file": (lambda at: changed(write(at), lambda old: old.replace(b"r.dat", b"x.dat")), "x.dat"),
    "empty header": (lambda at: changed(write(at), lambda old: b""), "empty"),
    "empty .dat": (lambda at: changed(write(at), lambda old: b"", "r.dat"), "0"),
    "picture named .hea": (lambda at: named(at, "r.hea", PNG), "89 50 4e 47"),
    "archive named .dat": (lambda at: named(at, "r.dat", b"PK\x03\x04" + bytes(300)), "is damaged or no archive"),
    "text named .hea": (lambda at: named(at, "r.hea", b"Dear colleague,\nthank you.\n"), "no known format"),
    "nothing but missing samples": (lambda at: write(at, with_missing(list(range(12)), 0, 5000)), "cannot be judged"),
    "infinite": (lambda at: write(at, gain="1e-300"), "gain .* out of range"),
    "nearly infinite": (lambda at: write(at, gain="1e-36"), "gain .* out of range"),
    "baseline": (
        lambda at: changed(write(at), lambda header: header.replace(b"(0)", b"(" + b"9" * 39 + b")")),
        "baseline .* out of range",
    ),
    "a lead twice": (lambda at: write(at, leads=(*LEADS[:11], "V5")), "more than once.*V5"),
    "no lead that the model takes": (lambda at: write(at, STORED[:2], ("MLII", "X")), "lacks .*V1.*received MLII, X"),
    "2 s": (lambda at: write(at, STORED[:, :1000]), "too short: received 2 s; allowed: at least 3 s"),
    "not a voltage": (lambda at: write(at, unit="mmHg"), "not all signals.*mmHg.*mV"),
    "an empty folder": (lambda at: at, "is a folder and not one recording: received 0 files"),
    "a folder of recordings": (
        lambda at: write(at).parent,
        r"is a folder and not one recording: received 2 files, .*end in .dat, .hea. Name its files, such as .*/\*.hea",
    ),
    "a folder in place of the .dat": (folder_for_data, "r.dat"),
    "not there": (lambda at: at / "none.hea", "does not exist"),
    "below a file": (lambda at: write(at) / "r.hea", "cannot be read"),
    "symlink loop": (loop, "cannot be read"),
    "name with a line break": (lambda at: at / "a\nb\x1b[31m.hea", "does not exist"),
    "name with letters of another script": (lambda at: named(at, "心電図.hea", PNG), "心電図"),
    "name that is no text": (lambda at: named(at, os.fsdecode(b"\xff\xfe.hea"), PNG), "no known format"),
    "name that is too long": (lambda at: at / ("x" * 300), "cannot be read"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_used(case, run, smoke_bundle, tmp_path) -> None:
    make, words = FILES[case]
    path = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(
        *("zeroshot", path, "--model", smoke_bundle, "--labels", "ptbxl-superclass", "--plot", tmp_path / "pictures")
    )
    assert_one_line(code, out, err, words)
    assert sorted(tmp_path.rglob("*")) == before


def assert_one_line(code: int, out: str, err: str, words: str) -> None:
    assert code == 2
    assert out == ""
    assert err.startswith("medclip: ")
    assert err.endswith("\n")
    assert err[:-1].isprintable(), repr(err)
    assert re.search(words, err), err
    assert "Traceback" not in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_it(run, smoke_bundle, tmp_path) -> None:
    path = write(tmp_path)
    path.with_suffix(".dat").chmod(0)
    assert_one_line(*run("zeroshot", path, "--model", smoke_bundle, "--labels", "ptbxl-superclass"), "cannot be read")


# What is odd -> how to make it, and the note that the answer must carry.
ODD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "1000 Hz": (
        lambda at: recordings.write(at, "r", *recordings.simulated(1000), rate_hz=1000),
        "resampled from 1000 Hz to 100 Hz",
    ),
    "257 Hz": (
        lambda at: recordings.write(at, "r", *recordings.simulated(257), rate_hz=257),
        "resampled from 257 Hz to 100 Hz",
    ),
    "a run of missing samples": (lambda at: write(at, with_missing([V3], 1000, 1400)), "V3: 400 of 5000 samples"),
    "half a lead missing": (lambda at: write(at, with_missing([V3], 0, 2500)), "V3: 2500 of 5000.*left empty"),
    "a derivable lead missing": (lambda at: write(at, np.delete(STORED, 2, axis=0), LEADS[:2] + LEADS[3:]), "III"),
    "8 leads": (
        lambda at: write(at, STORED[[0, 1, *range(6, 12)]], (*LEADS[:2], *LEADS[6:])),
        "computed III, aVR, aVL, aVF",
    ),
    "leads in another order": (lambda at: write(at, STORED[::-1], LEADS[::-1]), ""),
    "30 s": (
        lambda at: recordings.write(at, "r", *recordings.simulated(100, 30), rate_hz=100),
        "5 windows of 10 s judged, of 0:30 recorded; scores are the mean over them",
    ),
    "a name without its ending": (lambda at: write(at).with_suffix(""), ""),
    "a chest lead missing": (
        lambda at: write(at, np.delete(STORED, V3, axis=0), LEADS[:V3] + LEADS[V3 + 1 :]),
        "V3 not recorded: left empty",
    ),
    "3 leads": (lambda at: write(at, STORED[:3], LEADS[:3]), "V1, V2, V3, V4, V5, V6 not recorded"),
    "3 s": (lambda at: write(at, STORED[:, :1500]), "3.0 s recorded: the rest is masked"),
    "6 s": (lambda at: write(at, STORED[:, :3000]), "6.0 s recorded: the rest is masked"),
    "name with a line break": (
        lambda at: recordings.write(at, "r", STORED, LEADS).rename(at / "a\nb.hea"),
        "",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_a_file_that_is_odd_is_answered_with_a_note(case, run, smoke_bundle, tmp_path) -> None:
    make, note = ODD[case]
    code, out, err = run("zeroshot", make(tmp_path), "--model", smoke_bundle, "--labels", "ptbxl-superclass", "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert len(answer["findings"]) == 5
    assert re.search(note, " ".join(answer["notes"]))


def test_the_order_of_the_leads_and_their_derivation_do_not_change_the_answer(run, smoke_bundle, tmp_path) -> None:
    def scores(folder: str, *content: object) -> dict[str, float]:
        (tmp_path / folder).mkdir()
        path = write(tmp_path / folder, *content)
        _, out, _ = run("zeroshot", path, "--model", smoke_bundle, "--labels", "ptbxl-superclass", "--json")
        return {entry["code"]: entry["score"] for entry in json.loads(out)["findings"]}

    plain = scores("plain")
    assert scores("reversed", STORED[::-1], LEADS[::-1]) == plain
    fewer = scores("eight", STORED[[0, 1, *range(6, 12)]], (*LEADS[:2], *LEADS[6:]))
    assert fewer == pytest.approx(plain, abs=0.01)


def test_three_leads_are_refused_by_a_model_that_asks_for_more(run, smoke_bundle, tmp_path) -> None:
    from medclip.bundle.manifest import write_manifest

    bundle = shutil.copytree(smoke_bundle, tmp_path / "bundle")
    described = json.loads((bundle / "bundle.json").read_text())
    next(iter(described["input_specs"].values()))["minimum_channels"] = 8
    (bundle / "bundle.json").write_text(json.dumps(described))
    write_manifest(bundle)
    path = write(tmp_path, STORED[[0, 1, 7]], ("I", "II", "V2"))
    answer = run("zeroshot", path, "--model", bundle, "--labels", "ptbxl-superclass", "--json")
    assert_one_line(*answer, "lacks V1, V3.*received I, II, V2; allowed: at least 8")


def test_a_name_without_its_ending_that_means_several_recordings(run, smoke_bundle, tmp_path) -> None:
    from medclip.data.access import read
    from medclip.modalities.ecg.export import write as export

    export(read(write(tmp_path)), tmp_path / "r.edf")
    answer = run("zeroshot", tmp_path / "r", "--model", smoke_bundle, "--labels", "ptbxl-superclass")
    assert_one_line(*answer, r"does not exist, and recordings of several formats begin so: .*r\.edf, r\.hea")


BUNDLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights changed": (lambda at: flip(at / "model.safetensors"), "model.safetensors has changed"),
    "description changed": (lambda at: flip(at / "bundle.json"), "bundle.json has changed"),
    "prompts changed": (lambda at: flip(at / "prompt_embeddings.safetensors"), "prompt_embeddings.*has changed"),
    "weights missing": (lambda at: (at / "model.safetensors").unlink(), "lacks model.safetensors"),
    "no manifest": (lambda at: (at / "MANIFEST.json").unlink(), "without MANIFEST.json"),
    "manifest damaged": (lambda at: (at / "MANIFEST.json").write_text('{"sha256": ['), "malformed"),
    "a file": (lambda at: (shutil.rmtree(at), at.write_text("bundle")), "received a file"),
    "nothing": (lambda at: shutil.rmtree(at), "no such folder"),
}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("case", BUNDLES)
def test_a_bundle_that_is_not_what_was_saved(case, run, smoke_bundle, recording, tmp_path) -> None:
    change, words = BUNDLES[case]
    bundle = shutil.copytree(smoke_bundle, tmp_path / "bundle")
    change(bundle)
    assert_one_line(*run("zeroshot", recording, "--model", bundle, "--labels", "ptbxl-superclass"), words)
    assert_one_line(*run("bundle", "verify", bundle), words)


def prompts_file(folder: Path, content: object) -> Path:
    path = folder / "prompts.json"
    path.write_text(json.dumps(content))
    return path


ARGUMENTS: dict[str, tuple[Callable[[Path], list[object]], str]] = {
    "unknown label set": (
        lambda at: ["--labels", "ptbxl"],
        "received ptbxl; allowed: .*ptbxl-all, ptbxl-form, ptbxl-rhythm, ptbxl-subclass, ptbxl-superclass",
    ),
    "no label set": (lambda at: [], "several label sets.*ptbxl-all.*simulated"),
    "prompts for other labels": (
        lambda at: ["--labels", "ptbxl-rhythm", "--prompts", "ptbxl-superclass"],
        "ptbxl-superclass.*lacks findings of ptbxl-rhythm",
    ),
    "unknown prompts": (lambda at: ["--labels", "ptbxl-rhythm", "--prompts", "none"], "unknown prompt set"),
    "no such prompts": (lambda at: ["--labels", "ptbxl-rhythm", "--prompts", at / "p.json"], "does not exist"),
    "malformed prompts": (
        lambda at: ["--labels", "ptbxl-rhythm", "--prompts", prompts_file(at, [1, 2])],
        "is no prompt set",
    ),
    "picture folder is a file": (
        lambda at: ["--labels", "ptbxl-rhythm", "--plot", prompts_file(at, {})],
        "is no folder",
    ),
    "unknown device": (lambda at: ["--labels", "ptbxl-rhythm", "--device", "abacus"], "received abacus; allowed: cpu"),
    "unknown option": (lambda at: ["--labels", "ptbxl-rhythm", "--nonsense"], "unrecognized arguments: --nonsense"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments_that_do_not_fit(case, run, smoke_bundle, recording, tmp_path) -> None:
    make, words = ARGUMENTS[case]
    assert_one_line(*run("zeroshot", recording, "--model", smoke_bundle, *make(tmp_path)), words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["zeroshot"], "required: FILE, --model"),
        (["zeroshot", "x.hea"], "required: --model"),
        (["evaluate"], "required: --model, --dataset, --out"),
        (["bundle"], "required: action, BUNDLE"),
        (["data"], "required: ACTION"),
        (["data", "pack", "simulated"], "required: --out"),
        (["baselines"], "required: --model"),
        (["fit"], "needs a recipe.*smoke/"),
        (["predict", "--config", "none"], "no such recipe: received none"),
        (["diagnose"], "unknown command: received diagnose; allowed: demo, zeroshot"),
        (["a\nb"], "received a b"),
    ],
)
def test_a_command_without_what_it_needs(arguments, words, run) -> None:
    assert_one_line(*run(*arguments), words)
