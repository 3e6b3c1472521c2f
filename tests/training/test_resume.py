"""A real ``medclip fit`` is killed in the middle of an epoch and continued."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SMALL = [
    "--data.dataset_options.n_patients",
    "60",
    "--data.batch_size",
    "4",
    "--trainer.log_every_n_steps",
    "1",
    "--checkpoint_every_n_steps",
    "3",
    "--trainer.accelerator",
    "cpu",
]


def command(run: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "medclip.cli", "fit", "--config", "smoke/ecg"),
        *("--trainer.default_root_dir", str(run), "--data.store", str(run.parent / "store"), *SMALL),
    ]


def losses(run: Path) -> dict[int, str]:
    """Loss of every step as text; a continued run logs into a new version, and its steps count."""
    found = {}
    for version in sorted((run / "logs" / "csv").iterdir()):
        with (version / "metrics.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                if row.get("train/loss"):
                    found[int(row["step"])] = row["train/loss"]
    return found


def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {"MEDCLIP_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_killed_and_continued_has_the_losses_of_an_uninterrupted_run(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(whole), env=environment(tmp_path), check=True, capture_output=True)

    process = subprocess.Popen(command(killed), env=environment(tmp_path), stderr=subprocess.DEVNULL)
    last = killed / "checkpoints" / "last.ckpt"
    deadline_s = time.monotonic() + 300
    while not last.exists() and process.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert not (killed / "bundle").exists()
    assert not list((killed / "checkpoints").glob(".*"))

    subprocess.run([*command(killed), "--ckpt_path", "last"], env=environment(tmp_path), check=True)
    expected, found = losses(whole), losses(killed)
    n_continued = sum(step in found for step in expected)
    assert n_continued >= len(expected) - 3, "the continued run logged too little to compare"
    assert {step: expected[step] for step in found} == found
    assert (killed / "bundle" / "model.safetensors").read_bytes() == (
        whole / "bundle" / "model.safetensors"
    ).read_bytes()
