"""Whether maps of findings point to where annotators saw them: the pointing game (Zhang et al., arXiv 1608.00507).

A map scores a hit if its highest value lies inside the annotated region. Beside each share stands what a point drawn
anywhere in what the model saw would hit: a region that fills half the image is easily found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from medclip.core.dataset import Dataset
from medclip.core.errors import DatasetError
from medclip.core.finding_map import FindingMap
from medclip.core.label_set import LabelSet
from medclip.core.sample import Sample
from medclip.evaluation.bootstrap import patient_resamples
from medclip.evaluation.records import select_records
from medclip.prompts.prompt_set import PromptSet
from medclip.zeroshot.model import Model

__all__ = ["Localisation", "PointingResult", "evaluate_localisation", "pointing"]

_CHUNK = 1024
_CALLED = 0.5


@dataclass(frozen=True)
class PointingResult:
    """How often the maps of one finding, or of all together, point into the region.

    Args:
        code: Finding, or empty for all together.
        n_regions: Recordings with the finding and a region of it.
        n_called: Those among them whose score is at least 0.5: the true positives.
        hits: Share of ``n_regions`` whose map is highest inside the region, in [0, 1].
        hits_called: The same share of ``n_called``; nan if there are none.
        hits_called_ci: Its patient-bootstrap interval.
        chance: Mean share of the seen places of the true positives that the region fills.
    """

    code: str
    n_regions: int
    n_called: int
    hits: float
    hits_called: float
    hits_called_ci: tuple[float, float]
    chance: float


@dataclass(frozen=True)
class Localisation:
    """Pointing of all findings together and of each, and what it was measured on."""

    overall: PointingResult
    findings: tuple[PointingResult, ...]
    n_records: int
    n_patients: int
    dataset: str
    folds: tuple[str, ...]
    model: str
    model_sha256: str
    n_resamples: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Plain types for a JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class _Pointed:
    code: str
    patient_id: str
    is_hit: bool
    is_called: bool
    share: float


def evaluate_localisation(
    model: Model,
    dataset: Dataset,
    labels: LabelSet,
    *,
    folds: Sequence[str] | None = None,
    findings: Sequence[str] | None = None,
    prompts: str | PromptSet | None = None,
    ensemble: str | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Localisation:
    """Compare the maps of a model with the regions that a data set holds.

    Args:
        model: A model whose encoder gives tokens.
        dataset: Its samples carry ``regions``.
        labels: What to look for.
        folds: Folds to evaluate on; all if None.
        findings: Codes to look at; all that have a region if None.
        prompts: A prompt set, its name or the path of its file; the one named like the label set if None.
        ensemble: As in ``evaluate_zeroshot``.
        n_resamples: Resamples of the patient bootstrap.
        seed: Of the bootstrap.
        progress: Called with the number of records just looked at.

    Raises:
        DatasetError: No record of the folds has a region.
        LabelError: The data set does not carry the labels, or a finding is unknown.
        ConfigError: The encoder gives no tokens.
    """
    table = dataset.labels(labels.name).select(labels.codes)
    wanted = set(labels.codes if findings is None else labels.matching(findings))
    pointed: list[_Pointed] = []
    records = select_records(dataset, table.values, folds)
    for record in records:
        sample = dataset[record]
        positive = [code for code, value in zip(table.codes, table.values[record], strict=True) if value == 1]
        codes = [code for code in positive if code in wanted and code in sample.regions and sample.regions[code].any()]
        if codes:
            maps = model.maps(sample, codes, labels=labels, prompts=prompts, ensemble=ensemble)
            pointed += [_pointed(found, sample, dataset.records[record].patient_id) for found in maps]
        if progress is not None:
            progress(1)
    if not pointed:
        raise DatasetError(f"no record of {dataset.name} has a region of these findings in these folds")
    return Localisation(
        *pointing(pointed, labels.codes, n_resamples=n_resamples, seed=seed),
        n_records=len(records),
        n_patients=len({dataset.records[record].patient_id for record in records}),
        dataset=dataset.name,
        folds=tuple(map(str, folds or ())),
        model=model.bundle.name,
        model_sha256=model.bundle.digest,
        n_resamples=n_resamples,
        seed=seed,
    )


def _pointed(found: FindingMap, sample: Sample, patient_id: str) -> _Pointed:
    region, seen = sample.regions[found.code], np.isfinite(found.values)
    share = float((region & seen).sum() / seen.sum())
    return _Pointed(found.code, patient_id, bool(region[found.peak]), found.score >= _CALLED, share)


def pointing(
    pointed: Sequence[_Pointed], codes: Sequence[str], *, n_resamples: int, seed: int
) -> tuple[PointingResult, tuple[PointingResult, ...]]:
    """Return the result of all findings together, and of each in the order of ``codes``."""
    by_code = {code: [one for one in pointed if one.code == code] for code in codes}
    single = tuple(
        _result(code, members, n_resamples=n_resamples, seed=seed) for code, members in by_code.items() if members
    )
    return _result("", pointed, n_resamples=n_resamples, seed=seed), single


def _result(code: str, pointed: Sequence[_Pointed], *, n_resamples: int, seed: int) -> PointingResult:
    called = [one for one in pointed if one.is_called]
    return PointingResult(
        code=code,
        n_regions=len(pointed),
        n_called=len(called),
        hits=float(np.mean([one.is_hit for one in pointed])),
        hits_called=float(np.mean([one.is_hit for one in called])) if called else float("nan"),
        hits_called_ci=_interval(called, n_resamples=n_resamples, seed=seed),
        chance=float(np.mean([one.share for one in called])) if called else float("nan"),
    )


def _interval(called: Sequence[_Pointed], *, n_resamples: int, seed: int) -> tuple[float, float]:
    """Resample patients; one patient alone says nothing about others."""
    known, patient_of = np.unique([one.patient_id for one in called], return_inverse=True)
    if len(known) < 2:
        return (float("nan"), float("nan"))
    hits = np.array([one.is_hit for one in called], np.float64)
    shares = []
    for counts in patient_resamples(len(known), n_resamples=n_resamples, seed=seed, chunk=_CHUNK):
        weights = counts[:, patient_of].astype(np.float64)
        shares.append(weights @ hits / weights.sum(axis=1))
    low, high = np.quantile(np.concatenate(shares), [0.025, 0.975])
    return float(low), float(high)
