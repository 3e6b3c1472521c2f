"""Simulated volumes of the chest with known findings: a data set that needs no download and names nobody."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

from medclip.core.dataset import Dataset
from medclip.core.errors import InputError
from medclip.core.modality import DatasetFactory
from medclip.core.simulated_keys import RecordKey, cohort_keys
from medclip.modalities.ct.simulate.simulator import CODES, describe_record, simulate_record
from medclip.modalities.imaging.phantom.cohort import CohortDataset

__all__ = ["DATASET"]

_NAME = "simulated_ct"
_VERSION = "1.1.0"  # to be raised whenever the same seed gives other images or reports


def _open(
    root: str | os.PathLike[str] | None = None,
    *,
    n_patients: int = 1000,
    seed: int = 0,
    shape: Sequence[int] = (64, 96, 96),
    noise: str = "typical",
) -> Dataset:
    """Open a cohort: 1 to 100,000 patients; ``shape`` gives slices, rows and columns of 330 x 400 x 400 mm."""
    if root is not None:
        raise InputError(f"the data set {_NAME} is computed and lies in no folder", action="leave out the folder")
    dataset = CohortDataset(
        name=_NAME,
        modality="ct",
        version=_VERSION,
        label_set="simulated-ct",
        codes=CODES,
        items=tuple((key, "") for key in cohort_keys(n_patients, seed, RecordKey)),
        describe=describe_record,
        simulate=functools.partial(simulate_record, shape=tuple(shape), noise=noise),
    )
    dataset[0]  # a wrong shape or noise is reported here and not in the middle of a training
    return dataset


DATASET = DatasetFactory(
    name=_NAME,
    description="simulated chest CTs with known findings, masks and reports",
    open=_open,
    needs_root=False,
)
