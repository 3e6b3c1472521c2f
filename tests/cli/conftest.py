"""What the tests of the command line share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import recordings

from medclip.cli.__main__ import main

ROOT = Path(__file__).parents[2]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process; return its exit code, output and errors."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return call


@pytest.fixture
def start() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own."""

    def call(*arguments: str | Path, python: tuple[str, ...] = (), **options: object) -> subprocess.CompletedProcess:
        known = filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(known)} | options.pop("env", {})
        command = [sys.executable, *python, "-m", "medclip.cli.__main__", *map(str, arguments)]
        defaults = {"capture_output": True, "text": True, "timeout": 300, "check": False, "env": environment}
        return subprocess.run(command, **(defaults | options))

    return call


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One simulated patient, 12 leads, 10 s at 500 Hz; do not change it."""
    return recordings.write(tmp_path_factory.mktemp("recordings"), "patient", *recordings.simulated())
