"""Every objective, with every option, on two and on three real processes: as on one that holds the whole batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import shared_batch
import torch

from medclip.objectives.gather import gather, rank, world_size


@pytest.fixture(scope="module", params=[2, 3])
def several_processes(request, tmp_path_factory):
    """Results of each process by its rank."""
    folder = tmp_path_factory.mktemp(f"processes_{request.param}")
    program = str(Path(shared_batch.__file__))
    environment = dict(os.environ, OMP_NUM_THREADS="1", GLOO_SOCKET_IFNAME="lo", PYTHONPATH=os.pathsep.join(sys.path))
    arguments = [
        [str(number), str(request.param), str(folder / "meet"), str(folder / f"{number}.pt")]
        for number in range(request.param)
    ]
    processes = [
        subprocess.Popen([sys.executable, program, *own], env=environment, stderr=subprocess.PIPE, text=True)
        for own in arguments
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    return [torch.load(own[-1], weights_only=True) for own in arguments]


@pytest.mark.parametrize(("objective", "presence"), shared_batch.CASES)
def test_loss_and_gradients_equal_those_of_one_process(several_processes, objective, presence):
    expected = shared_batch.run(objective, presence, list(range(shared_batch.N_RECORDS)))
    for result in several_processes:
        got = result[f"{objective}/{presence}"]
        assert got.keys() == expected.keys()
        for name, value in expected.items():
            assert torch.allclose(got[name], value, rtol=1e-10, atol=1e-12), name


def test_the_comparison_is_not_about_nothing():
    for objective in shared_batch.OBJECTIVES:
        result = shared_batch.run(objective, "all", list(range(shared_batch.N_RECORDS)))
        assert result["loss"] > 0.1
        assert result["recordings.weight"].abs().max() > 1e-3


def test_alone_nothing_is_gathered():
    rows = torch.zeros(2, 3)
    assert gather(rows) is rows
    assert (world_size(), rank()) == (1, 0)
