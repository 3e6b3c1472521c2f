"""Several processes: results in order, errors as they were raised, and no process outlives the first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from medclip.core.errors import ConfigError, FormatError, InputError
from medclip.data._parallel import workers

N_SLOW = 3
TIMEOUT_S = 120


@dataclass(frozen=True)
class Squares:
    """Squares numbers; the first ones take longest."""

    refused: int = -1
    deadly: int = -1

    def __call__(self, number: int) -> tuple[int, int]:
        if number == self.refused:
            raise FormatError("this number has no square", received=number, action="Take another")
        if number == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.2 if number < N_SLOW else 0.0)
        return number**2, os.getpid()


@pytest.mark.parametrize("n_processes", [1, 2])
def test_results_are_in_order(n_processes: int) -> None:
    with workers(Squares(), n_processes) as squares:
        found = list(squares.results(range(30)))
        again = list(squares.results(range(4)))
    assert [square for square, _ in found] == [number**2 for number in range(30)]
    assert [square for square, _ in again] == [0, 1, 4, 9]
    places = {process for _, process in found}
    assert (os.getpid() in places) == (n_processes == 1)
    assert len(places) == n_processes


def test_numbers_are_asked_for_as_they_are_needed() -> None:
    asked = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            asked.append(number)
            yield number
            number += 1

    with workers(Squares(), 2) as squares:
        results = squares.results(endless())
        assert [next(results)[0] for _ in range(5)] == [0, 1, 4, 9, 16]
        results.close()
    assert len(asked) < 20


@pytest.mark.parametrize("n_processes", [1, 2])
def test_an_error_is_the_one_that_was_raised(n_processes: int) -> None:
    with workers(Squares(refused=5), n_processes) as squares, pytest.raises(FormatError) as caught:
        list(squares.results(range(10)))
    assert str(caught.value) == "this number has no square: received 5. Take another."
    assert caught.value.received == 5


def test_a_killed_process_is_reported() -> None:
    with workers(Squares(deadly=4), 2) as squares, pytest.raises(InputError, match="fewer processes"):
        list(squares.results(range(10)))


@pytest.mark.parametrize("n_processes", [0, -1, 257])
def test_numbers_of_processes_out_of_range(n_processes: int) -> None:
    with pytest.raises(ConfigError, match=f"received {n_processes}"), workers(Squares(), n_processes):
        pass


def test_work_that_cannot_be_handed_over() -> None:
    with pytest.raises(ConfigError, match="Use one process"), workers(lambda number: number, 2):
        pass


PROGRAM = """
import os, time
from medclip.data._parallel import workers
import test_parallel

if __name__ == "__main__":
    with workers(test_parallel.Squares(), 2) as squares:
        results = squares.results(iter(range(10**9)))
        print(*sorted({next(results)[1] for _ in range(20)}), flush=True)
        time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes where Linux lists them")
def test_no_process_outlives_a_kill(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    with subprocess.Popen([sys.executable, str(program)], env=environment, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        children = [int(child) for child in first.stdout.readline().split()]
        assert len(children) == 2
        first.kill()
        first.wait()
        end = time.monotonic() + TIMEOUT_S
        while any(map(_runs, children)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(map(_runs, children))


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
