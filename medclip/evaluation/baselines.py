"""What a zero-shot number has to be read against: a network with labels, and no training at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from medclip.core.dataset import Dataset
from medclip.core.input_spec import InputSpec
from medclip.encoders.configurable import build
from medclip.evaluation.probe import linear_probe

__all__ = ["encoder_features", "prepared_records", "random_encoder_probe", "supervised_network"]

_BATCH_SIZE = 64


def prepared_records(dataset: Dataset, records: Sequence[int], spec: InputSpec) -> tuple[Tensor, Tensor]:
    """Read and prepare records once; returns values ``(N, ...)`` and masks ``(N, *spatial)``."""
    values, masks = [], []
    for start in range(0, len(records), _BATCH_SIZE):
        batch = spec.prepare_batch(dataset[record] for record in records[start : start + _BATCH_SIZE])
        values.append(torch.from_numpy(batch.values))
        masks.append(torch.from_numpy(batch.mask))
    return torch.cat(values), torch.cat(masks)


def random_encoder_probe(
    encoder: Mapping[str, Any],
    train: tuple[Tensor, Tensor],
    labels: np.ndarray,
    test: tuple[Tensor, Tensor],
    *,
    patient_ids: Sequence[str],
    seed: int = 0,
) -> np.ndarray:
    """Score test records by logistic regression on the features of an encoder that was never trained.

    Args:
        encoder: What ``describe`` said of the trained encoder; the same network is built with random weights.
        train: Values and masks of the training records.
        labels: ``(n_train, n_classes)`` with nan for not assessed.
        test: Values and masks of the test records.
        patient_ids: One per training record; the regularisation is chosen on patients set aside.
        seed: Of the weights.

    Returns:
        ``(n_test, n_classes)`` log-odds; nan columns for classes that cannot be fitted.
    """
    torch.manual_seed(seed)
    network = build(encoder).eval()
    features = [encoder_features(network, *part) for part in (train, test)]
    return linear_probe(features[0], labels, features[1], patient_ids=patient_ids, seed=seed)


@torch.inference_mode()
def encoder_features(network: nn.Module, values: Tensor, mask: Tensor) -> np.ndarray:
    """Return the pooled features ``(N, D)`` of an encoder."""
    starts = range(0, len(values), _BATCH_SIZE)
    parts = [network(values[at : at + _BATCH_SIZE], mask[at : at + _BATCH_SIZE]).pooled for at in starts]
    features: np.ndarray = torch.cat(parts).numpy()
    return features


def supervised_network(
    encoder: Mapping[str, Any],
    train: tuple[Tensor, Tensor],
    labels: np.ndarray,
    test: tuple[Tensor, Tensor],
    *,
    n_epochs: int = 16,
    lr: float = 2e-3,
    weight_decay: float = 0.05,
    augment: nn.Module | None = None,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> np.ndarray:
    """Train the same encoder with labels instead of reports, and score the test records with it.

    AdamW with a one-cycle schedule over a fixed number of epochs: nothing is chosen on the test records.

    Args:
        encoder: What ``describe`` said of the trained encoder.
        train: Values and masks of the training records.
        labels: ``(n_train, n_classes)`` with nan for not assessed, which take no part in the loss.
        test: Values and masks of the test records.
        n_epochs: Passes over the training records.
        lr: Highest learning rate.
        weight_decay: Of AdamW.
        augment: Applied to training batches as ``augment(values, mask)``.
        seed: Of weights, order and augmentation.
        progress: Called with the number of epochs done and in all.

    Returns:
        ``(n_test, n_classes)`` logits.
    """
    torch.manual_seed(seed)
    network = build(encoder)
    head = nn.Linear(network.embedding_dim, labels.shape[1])
    parameters = [*network.parameters(), *head.parameters()]
    n_steps = max(1, len(train[0]) // _BATCH_SIZE)
    optimizer = torch.optim.AdamW(parameters, lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=n_steps * n_epochs, pct_start=0.15)
    target = torch.from_numpy(labels.astype(np.float32))
    for epoch in range(n_epochs):
        network.train()
        order = torch.randperm(len(target))
        for step in range(n_steps):
            rows = order[step * _BATCH_SIZE : (step + 1) * _BATCH_SIZE]
            values, mask = train[0][rows], train[1][rows]
            if augment is not None:
                values, mask = augment(values, mask)
            loss = _masked_loss(head(network(values, mask).pooled), target[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        if progress is not None:
            progress(epoch + 1, n_epochs)
    network.eval()
    with torch.inference_mode():
        scores: np.ndarray = head(torch.from_numpy(encoder_features(network, *test))).double().numpy()
    return scores


def _masked_loss(logits: Tensor, target: Tensor) -> Tensor:
    known = ~torch.isnan(target)
    losses = functional.binary_cross_entropy_with_logits(logits, target.nan_to_num(), reduction="none")
    return (losses * known).sum() / known.sum().clamp_min(1)
