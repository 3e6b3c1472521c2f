"""What the tests of several folders share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REAL_DATA = "MEDCLIP_TEST_DATA"
_without_data: list[str] = []

# No test reads or writes the key of whoever runs them.
os.environ["MEDCLIP_ID_KEY"] = "a key for tests, of sufficient length"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember which tests were skipped for want of real data."""
    if report.skipped and REAL_DATA in str(report.longrepr):
        _without_data.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail in continuous integration if tests on real data were skipped: a green run would say nothing about them."""
    if os.environ.get("CI") and _without_data and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why."""
    if os.environ.get("CI") and _without_data:
        terminalreporter.section(f"{len(_without_data)} tests were skipped for want of real data", red=True)
        terminalreporter.line(f"set {REAL_DATA} to the folder of the data; in CI such a run fails")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data; skips without it."""
    if REAL_DATA not in os.environ:
        pytest.skip(f"{REAL_DATA} names no folder")
    return Path(os.environ[REAL_DATA])


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the smallest recipe of waveforms through the real command line: seconds, and scores that mean nothing."""
    return _trained("ecg", tmp_path_factory.mktemp("smoke"))


@pytest.fixture(scope="session")
def smoke_image_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for radiographs; copy it before changing it."""
    return _trained("cxr", tmp_path_factory.mktemp("smoke_images")) / "bundle"


def _trained(recipe: str, run: Path) -> Path:
    command = [sys.executable, "-m", "medclip.cli.__main__", "fit", "--config", f"smoke/{recipe}"]
    command += ["--trainer.default_root_dir", str(run), "--data.store", str(run / "store")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    done = subprocess.run(command, cwd=run, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return run


@pytest.fixture(scope="session")
def smoke_bundle(smoke_run: Path) -> Path:
    """The bundle of the smoke recipe; copy it before changing it."""
    return smoke_run / "bundle"


@pytest.fixture(scope="session")
def smoke_store(smoke_run: Path) -> Path:
    """The packed store that the smoke recipe was trained on; copy it before changing it."""
    return smoke_run / "store"
