"""The objectives as one would write them on paper: one pair at a time, no matrices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum() / ((a * a).sum().sqrt() * (b * b).sum().sqrt())


def log_sum_exp(values: Sequence[Tensor]) -> Tensor:
    most = max(value.detach() for value in values)
    return most + torch.log(sum(torch.exp(value - most) for value in values))


def info_nce(first, second, scale, ids=None, duplicates="positive", present=None):
    """Return (first to second, second to first)."""
    rows = [i for i in range(len(first)) if present is None or bool(present[i])]

    def equal(i, j):
        return i == j or (ids is not None and int(ids[i]) == int(ids[j]))

    def one_way(a, b):
        losses = []
        for i in rows:
            targets = [j for j in rows if (equal(i, j) if duplicates == "positive" else i == j)]
            columns = [j for j in rows if not (duplicates == "mask" and i != j and equal(i, j))]
            log_total = log_sum_exp([scale * cosine(a[i], b[j]) for j in columns])
            losses.append(-sum(scale * cosine(a[i], b[j]) - log_total for j in targets) / len(targets))
        return sum(losses) / len(losses)

    return one_way(first, second), one_way(second, first)


def siglip(first, second, scale, bias, ids=None, present=None):
    """Equation 1 of arXiv 2303.15343: minus the log of the sigmoid of m (s x + b), summed and divided by the rows."""
    rows = [i for i in range(len(first)) if present is None or bool(present[i])]
    total = 0.0
    for i in rows:
        for j in rows:
            same = i == j or (ids is not None and int(ids[i]) == int(ids[j]))
            logit = (1.0 if same else -1.0) * (scale * cosine(first[i], second[j]) + bias)
            total = total - torch.log(1.0 / (1.0 + torch.exp(-logit)))
    return total / len(rows)


def statements(recordings, texts, made, scale):
    """Return (recordings to statements, statements to recordings); ``made[i][j]``: record i makes statement j."""
    making = [i for i in range(len(recordings)) if any(made[i])]
    forth = []
    for i in making:
        own = [j for j in range(len(texts)) if made[i][j]]
        log_total = log_sum_exp([scale * cosine(recordings[i], text) for text in texts])
        forth.append(-sum(scale * cosine(recordings[i], texts[j]) - log_total for j in own) / len(own))
    back = []
    for j in range(len(texts)):
        own = [i for i in making if made[i][j]]
        if own:
            log_total = log_sum_exp([scale * cosine(recordings[i], texts[j]) for i in making])
            back.append(-sum(scale * cosine(recordings[i], texts[j]) - log_total for i in own) / len(own))
    return sum(forth) / len(forth), sum(back) / len(back)
