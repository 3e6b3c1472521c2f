"""Simulated radiographs: what is asked for is there, on its side, and reports agree with labels."""

from __future__ import annotations

import re

import numpy as np
import pytest

from medclip.core.errors import InputError
from medclip.core.simulated_keys import RecordKey
from medclip.modalities.cxr.simulate import CODES, simulate_radiograph
from medclip.modalities.cxr.simulate.simulator import describe_record

# Words that only a sentence about the finding contains, written down apart from the phrases.
WORDS = {
    "Cardiomegaly": ("cardiomegaly", "enlarged", "more than half", "ratio is increased"),
    "Pleural effusion": ("effusion", "blunted", "effusions"),
    "Pneumothorax": ("pneumothorax", "air in the", "retracted"),
    "Consolidation": ("consolidation", "airspace opacity"),
    "Nodule": ("nodule", "round opacity"),
    "Emphysema": ("emphysema", "hyperlucent", "overinflation", "emphysematous"),
    "Aortic calcification": ("calcification of", "aorta is calcified", "calcified"),
}
DENIALS = ("no ", "not ")


def mentions(report: str, code: str) -> bool:
    """Whether a sentence states the finding and does not deny it."""
    sentences = report.lower().replace("\n", " ").split(".")
    stated = [sentence for sentence in sentences if any(word in sentence for word in WORDS[code])]
    return any(not any(f" {denial}" in f" {sentence}" for denial in DENIALS) for sentence in stated)


def test_reports_state_what_labels_say_and_nothing_else():
    missed = present = 0
    for patient in range(300):
        described = describe_record(RecordKey(1, patient), "frontal")
        for code in WORDS:
            if mentions(described.report, code):
                assert described.labels[code] == 1.0, (code, described.report)
            missed += described.labels[code] == 1.0 and not mentions(described.report, code)
            present += described.labels[code] == 1.0
        assert (described.labels["Normal"] == 0.0) == any(described.labels[code] for code in WORDS)
    assert 0 < missed < 0.05 * present


def sides(report):
    return {side for side in ("left", "right") if side in re.split(r"[^a-z]+", report.lower())}


def test_reports_name_the_side_of_the_finding_and_no_other():
    named = [
        sides(describe_record(RecordKey(2, patient), "frontal", findings=["Pneumothorax"]).report)
        for patient in range(60)
    ]
    assert {frozenset(found) for found in named} <= {frozenset(), frozenset({"left"}), frozenset({"right"})}
    assert sum(not found for found in named) < 10


@pytest.mark.parametrize("finding", ["Pleural effusion", "Pneumothorax", "Consolidation"])
def test_the_reported_side_is_where_the_mask_lies(finding):
    """The patient's right is on the left of the image."""
    seen = set()
    for seed in range(12):
        sample = simulate_radiograph([finding], seed=seed, size=48)
        columns = np.flatnonzero(sample.regions[finding].any(axis=0))
        if len(sides(sample.report)) == 1:
            (side,) = sides(sample.report)
            seen.add(side)
            assert (columns.mean() > 24) == (side == "left")
    assert seen == {"left", "right"}


def test_a_sample_is_a_radiograph_in_the_house_convention():
    sample = simulate_radiograph([], seed=3, size=96)
    assert sample.array.dtype == np.float32
    assert sample.array.min() >= 0
    assert sample.array.max() <= 1
    assert sample.array[0, 0] < 0.05
    assert sample.array[60:80, 46:50].mean() > 0.7
    assert sample.spacing_mm == pytest.approx((400 / 96, 400 / 96))
    assert sample.labels["Normal"] == 1.0
    assert not sample.regions
    assert sample.attributes["sex"] in ("female", "male")
    assert 20 <= sample.attributes["age"] <= 90


@pytest.mark.parametrize("code", [code for code in CODES if code not in ("Normal", "Emphysema")])
def test_local_findings_have_a_mask(code):
    sample = simulate_radiograph([code], seed=5, size=64)
    assert list(sample.regions) == [code]
    assert 0 < sample.regions[code].mean() < 0.35


@pytest.mark.parametrize(
    "arguments",
    [
        {"findings": ["Stroke"], "seed": 0},
        {"findings": ["Normal", "Nodule"], "seed": 0},
        {"findings": "Nodule", "seed": 0},
        {"seed": -1},
        {"seed": 1.5},
        {"seed": 0, "view": "oblique"},
        {"seed": 0, "noise": "loud"},
        {"seed": 0, "size": 7},
    ],
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(InputError):
        simulate_radiograph(**arguments)
