"""One batch of 12 records and its losses, on one process or divided among several.

Run as a program it is one of the processes:

python shared_batch.py RANK WORLD_SIZE RENDEZVOUS_FILE RESULT_FILE
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as distributed
from torch import Tensor, nn

from medclip.objectives.batch import EncodedBatch
from medclip.objectives.clip import InfoNCE
from medclip.objectives.merl import CrossModalAlignment, UnimodalAlignment
from medclip.objectives.siglip import SigLIP
from medclip.objectives.statements import StatementInfoNCE
from medclip.objectives.token_similarity import TokenSimilarity

N_RECORDS, N_TEXTS, WIDTH = 12, 9, 6

REPORT = torch.tensor([0, 1, 0, 2, 3, 4, 0, 1, 5, 2, 2, 6])
"""Equal numbers are equal reports: some within a process, some across."""

STATEMENTS = [[0], [1, 2], [0, 7], [], [3], [1], [0, 4, 8], [2], [5], [], [6, 0], [3, 1]]
"""Statement 0 is made on every process, 7 on one only; two records make none."""

PRESENCE = {
    "all": None,
    "unequal": [1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0],
    "on_one_process": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
    "one_record": [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    "nobody": [0] * 12,
}


class Model(nn.Module):
    """The smallest thing with towers, a latent, a text side and an objective's own parameters."""

    def __init__(self, objective: nn.Module) -> None:
        super().__init__()
        self.recordings, self.text = nn.Linear(5, WIDTH), nn.Linear(7, WIDTH)
        self.objective = objective

    def forward(self, members: list[int], presence: list[int] | None) -> Tensor:
        rows = torch.tensor(members)
        own = [STATEMENTS[row] for row in members]
        distinct = sorted({statement for record in own for statement in record})
        embeddings = self.recordings(features(N_RECORDS, 5)[rows])
        batch = EncodedBatch(
            {"a": embeddings, "b": 2.0 * embeddings.flip(1)},
            {"a": embeddings, "b": embeddings.square()},
            REPORT[rows],
            text=self.text(features(N_TEXTS, 7)[REPORT[rows]]),
            statements=self.text(features(N_TEXTS, 7)[distinct]),
            statement_ids=torch.tensor(distinct, dtype=torch.int64),
            statement_of=torch.tensor([[statement in record for statement in distinct] for record in own]).bool(),
            present={} if presence is None else {"a": torch.tensor(presence)[rows].bool()},
            tokens={
                "a": embeddings[:, None] * features(4, WIDTH),
                "b": embeddings.unflatten(1, (3, -1)).repeat(1, 1, 3),
            },
            token_masks={"a": torch.arange(4) <= rows[:, None] % 4},
        )
        return torch.stack(list(self.objective(batch).values())).sum()


def features(n: int, width: int) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(n), dtype=torch.float64)


OBJECTIVES: dict[str, Callable[[], nn.Module]] = {
    "info_nce_positive": lambda: InfoNCE(duplicates="positive"),
    "info_nce_mask": lambda: InfoNCE(duplicates="mask"),
    "info_nce_negative": lambda: InfoNCE(duplicates="negative", learnable=False),
    "siglip": lambda: SigLIP(bias=-2.7),
    "siglip_own_only": lambda: SigLIP(equal_reports_match=False),
    "merl_cma": CrossModalAlignment,
    "merl_uma": lambda: UnimodalAlignment(latent_dim=WIDTH, dropout=0.0),
    "statements": lambda: StatementInfoNCE(),
    "token_similarity": lambda: TokenSimilarity(attention_temperature=0.2),
}

CASES = [(objective, presence) for objective in OBJECTIVES for presence in PRESENCE]


def run(objective: str, presence: str, members: list[int]) -> dict[str, Tensor]:
    """Return loss and gradients, averaged over processes if there are several.

    On two processes with everybody present torch's data-parallel wrapper averages. Elsewhere the same is done by hand:
    the wrapper takes two seconds to import.
    """
    torch.manual_seed(0)
    model = Model(OBJECTIVES[objective]()).double()
    n_processes = distributed.get_world_size() if distributed.is_initialized() else 1
    wrapped = n_processes == 2 and presence == "all"
    forward = _data_parallel(model) if wrapped else model
    loss = forward(members, PRESENCE[presence])
    loss.backward()
    result = {"loss": loss.detach().clone()}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            result[name] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    for name, value in result.items():
        if n_processes > 1 and (name == "loss" or not wrapped):
            distributed.all_reduce(value)
            value /= n_processes
    return result


def _data_parallel(model: nn.Module) -> nn.Module:
    from torch.nn.parallel import DistributedDataParallel

    return DistributedDataParallel(model, find_unused_parameters=True)


def main() -> None:
    torch.set_num_threads(1)
    rank, world_size = int(sys.argv[1]), int(sys.argv[2])
    distributed.init_process_group(
        "gloo", init_method=Path(sys.argv[3]).as_uri(), rank=rank, world_size=world_size, timeout=timedelta(seconds=60)
    )
    share = N_RECORDS // world_size
    members = list(range(rank * share, (rank + 1) * share))
    results = {f"{case[0]}/{case[1]}": run(*case, members) for case in CASES}
    torch.save(results, sys.argv[4])
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
