"""One of several processes that draw their shares of every batch.

python loader_program.py RANK WORLD_SIZE RENDEZVOUS_FILE RESULT_FILE
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import torch.distributed as distributed

from medclip.data.loader import BatchSampler

N_RECORDS, BATCH_SIZE, N_EPOCHS = 29, 4, 3


def draw(batch_size: int, *, shuffle: bool) -> list[list[int]]:
    """Return the batches of some epochs, one after the other."""
    sampler = BatchSampler(N_RECORDS, batch_size, shuffle=shuffle, seed=5)
    batches = []
    for sampler.epoch in range(N_EPOCHS):
        drawn = list(sampler)
        assert len(drawn) == len(sampler)
        batches += drawn
    return batches


if __name__ == "__main__":
    number, n_processes, meeting_place, result = sys.argv[1:]
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{meeting_place}",
        rank=int(number),
        world_size=int(n_processes),
        timeout=timedelta(seconds=240),
    )
    drawn = {name: draw(BATCH_SIZE, shuffle=name == "shuffled") for name in ("shuffled", "in order")}
    identity = BatchSampler(N_RECORDS, BATCH_SIZE, shuffle=True, seed=5).identity()
    Path(result).write_text(json.dumps([drawn, identity]))
    distributed.destroy_process_group()
