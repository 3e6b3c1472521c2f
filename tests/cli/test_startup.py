"""How long a command takes before it does anything, and what it imports for that."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    *("transformers", "tokenizers", "peft", "lightning", "sklearn", "scipy", "pandas", "wfdb", "matplotlib"),
    *("pyarrow", "sqlalchemy", "openai", "pydicom", "jsonargparse", "torchvision", "tensorboard"),
}


def run(*arguments: object) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run Python; return what it did and how many seconds of processor time that took.

    Processor time, because wall time on a busy machine says nothing about the program.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def packages(errors: str) -> set[str]:
    """Top-level packages in the output of -X importtime."""
    return {name.split(".")[0] for name in re.findall(r"^import time:.*\| +([\w.]+)$", errors, re.MULTILINE)}


@pytest.mark.parametrize(
    ("arguments", "limit_s"),
    [(("-c", "import medclip"), 0.3), (("-m", "medclip.cli.__main__", "--help"), 0.5)],
    ids=["import", "help"],
)
def test_import_and_help_are_quick_and_light(arguments, limit_s) -> None:
    assert min(run(*arguments)[1] for _ in range(3)) <= limit_s
    found = packages(run("-X", "importtime", *arguments)[0].stderr)
    assert "medclip" in found
    assert not found & (HEAVY | {"torch", "numpy"})


@pytest.mark.parametrize("command", ["demo", "zeroshot", "evaluate", "baselines", "data", "bundle", "fit", "predict"])
def test_help_of_a_command_imports_nothing_heavy(command) -> None:
    found = packages(run("-X", "importtime", "-m", "medclip.cli.__main__", command, "--help")[0].stderr)
    assert not found & (HEAVY | {"torch", "numpy"})


def test_every_name_of_the_interface_is_there_and_loads_late() -> None:
    program = "import sys, medclip; print('torch' in sys.modules, [getattr(medclip, n) for n in medclip.__all__] != [])"
    assert run("-c", program)[0].stdout.split() == ["False", "True"]
    program = "import medclip; assert set(medclip.__all__) <= set(dir(medclip)); medclip.nothing"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "AttributeError: module 'medclip' has no attribute 'nothing'"


def test_a_diagnosis_from_a_cold_start_takes_seconds_and_imports_torch_alone(smoke_bundle, recording) -> None:
    arguments = ("-m", "medclip.cli.__main__", "zeroshot", recording, "--model", smoke_bundle)
    arguments += ("--labels", "ptbxl-superclass")
    _, seconds = run(*arguments)
    assert seconds <= 5
    done, _ = run("-X", "importtime", *arguments)
    assert "resampled from 500 Hz to 100 Hz" in done.stdout
    found = packages(done.stderr)
    assert {"torch", "numpy", "safetensors"} <= found
    assert not found & HEAVY
