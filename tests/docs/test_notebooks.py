"""Every notebook of the documentation runs from top to bottom, and is kept without outputs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
_LONGEST_CELL_S = 120
# Five simulated patients; one in five has two records, drawn by the seed.
N_SIMULATED_RECORDS = 7


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what a kernel needs to find this source tree and to leave nothing in its user's home."""
    found = dict(os.environ)
    found["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), found.get("PYTHONPATH"))))
    found["IPYTHONDIR"] = str(tmp_path_factory.mktemp("ipython"))
    found.pop("MEDCLIP_NOTEBOOK_BUNDLE", None)
    return found


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """Train the smoke recipe, which exercises every part in seconds and learns nothing."""
    run = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "-m", "medclip.cli.__main__", "fit", "--config", "smoke/ecg"]
    command += ["--trainer.default_root_dir", str(run)]
    done = subprocess.run(command, env=environment, cwd=run, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return run / "bundle"


def execute(path: Path, environment: dict[str, str], folder: Path, *, n_cells: int | None = None) -> Iterator[dict]:
    """Run a notebook in an empty folder and return its outputs; an error in any cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = notebook.cells[:n_cells]
    client = nbclient.NotebookClient(
        notebook,
        timeout=_LONGEST_CELL_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=environment)
    return (output for cell in notebook.cells for output in cell.get("outputs", ()))


def texts(outputs: list[dict]) -> str:
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


def kinds(outputs: list[dict]) -> list[str]:
    return [kind for output in outputs for kind in output.get("data", ())]


def test_there_are_notebooks() -> None:
    assert ROOT / "docs" / "notebooks" / "first_ecg.ipynb" in NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs_and_without_a_trace_of_the_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert path.stat().st_size < 50_000
    assert not re.search(r"/home/|/Users/|[A-Z]:\\\\", path.read_text(encoding="utf-8"))
    assert "Research use only" in path.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_from_top_to_bottom(
    path: Path, bundle: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    list(execute(path, environment | {"MEDCLIP_NOTEBOOK_BUNDLE": str(bundle)}, tmp_path))


@pytest.mark.slow
def test_the_first_notebook_shows_what_it_promises(bundle: Path, environment: dict[str, str], tmp_path: Path) -> None:
    path = ROOT / "docs" / "notebooks" / "first_ecg.ipynb"
    started = time.monotonic()
    outputs = list(execute(path, environment | {"MEDCLIP_NOTEBOOK_BUNDLE": str(bundle)}, tmp_path))
    assert time.monotonic() - started < _LONGEST_CELL_S
    # Two ECGs and the one with its findings are pictures, not the name of a figure; the findings are a table.
    assert kinds(outputs).count("image/png") == 3
    assert kinds(outputs).count("text/html") == 1
    assert "electrode V3 off: V3: nothing recorded" in texts(outputs)
    assert "as recorded: no technical fault found" in texts(outputs)
    assert len(re.findall(r"^\d\.\d\d  .+: (?:present|absent|not assessed)$", texts(outputs), re.MULTILINE)) == 16
    diagnosed = re.findall(r"^present: .+ highest score: \d", texts(outputs), re.MULTILINE)
    assert len(diagnosed) == N_SIMULATED_RECORDS
    assert not [output for output in outputs if output.get("name") == "stderr"]


@pytest.mark.slow
def test_without_a_model_the_notebook_says_what_to_do(environment: dict[str, str], tmp_path: Path) -> None:
    path = ROOT / "docs" / "notebooks" / "first_ecg.ipynb"
    notebook = nbformat.read(path, as_version=4)
    loading = next(index for index, cell in enumerate(notebook.cells) if "medclip.load" in cell.source)
    with pytest.raises(nbclient.exceptions.CellExecutionError) as caught:
        execute(path, environment, tmp_path, n_cells=loading + 1)
    assert caught.value.ename == "BundleError"
    lines = [line for line in str(caught.value).splitlines() if line.startswith("There is no model in")]
    assert len(lines) == 1
    assert "Type medclip demo in a terminal first" in lines[0]
