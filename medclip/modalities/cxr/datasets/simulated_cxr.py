"""Simulated chest radiographs with known findings: a data set that needs no download and names nobody."""

from __future__ import annotations

import functools
import os

from medclip.core.dataset import Dataset
from medclip.core.errors import InputError
from medclip.core.modality import DatasetFactory
from medclip.core.simulated_keys import RecordKey, cohort_keys
from medclip.modalities.cxr.simulate.simulator import CODES, VIEWS, describe_record, simulate_record
from medclip.modalities.imaging.phantom.cohort import CohortDataset

__all__ = ["DATASET"]

_NAME = "simulated_cxr"
_VERSION = "1.1.0"  # to be raised whenever the same seed gives other images or reports


def _open(
    root: str | os.PathLike[str] | None = None,
    *,
    n_patients: int = 2000,
    seed: int = 0,
    size: int = 256,
    views: str = "frontal",
    noise: str = "typical",
) -> Dataset:
    """Open a cohort: 1 to 100,000 patients; ``views`` is ``frontal``, ``lateral`` or ``both``."""
    if root is not None:
        raise InputError(f"the data set {_NAME} is computed and lies in no folder", action="leave out the folder")
    if views not in (*VIEWS, "both"):
        raise InputError("the simulator has no such view", received=views, allowed=(*VIEWS, "both"))
    taken = VIEWS if views == "both" else (views,)
    dataset = CohortDataset(
        name=_NAME,
        modality="cxr",
        version=_VERSION,
        label_set="simulated-cxr",
        codes=CODES,
        items=tuple((key, view) for key in cohort_keys(n_patients, seed, RecordKey) for view in taken),
        describe=describe_record,
        simulate=functools.partial(simulate_record, size=size, noise=noise),
    )
    dataset[0]  # a wrong size or noise is reported here and not in the middle of a training
    return dataset


DATASET = DatasetFactory(
    name=_NAME,
    description="simulated chest radiographs with known findings, masks and reports",
    open=_open,
    needs_root=False,
)
