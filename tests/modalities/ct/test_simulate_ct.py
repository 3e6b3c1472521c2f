"""Simulated volumes: what is asked for is there, on its side, and reports agree with labels."""

from __future__ import annotations

import numpy as np
import pytest

from medclip.core.errors import InputError
from medclip.core.simulated_keys import RecordKey
from medclip.modalities.ct.simulate import CODES, simulate_volume
from medclip.modalities.ct.simulate.simulator import describe_record

# Words that only a sentence about the finding contains, written down apart from the phrases.
WORDS = {
    "Cardiomegaly": ("cardiomegaly", "enlarged", "more than half", "dilated", "size is increased"),
    "Pleural effusion": ("pleural effusion", "pleural effusions", "fluid"),
    "Pneumothorax": ("pneumothorax", "air in the", "pleural air"),
    "Consolidation": ("consolidation",),
    "Lung nodule": ("nodule",),
    "Emphysema": ("emphysema",),
    "Arterial wall calcification": ("aort",),
    "Coronary artery wall calcification": ("coronary",),
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
        described = describe_record(RecordKey(1, patient), "")
        for code in WORDS:
            if mentions(described.report, code):
                assert described.labels[code] == 1.0, (code, described.report)
            missed += described.labels[code] == 1.0 and not mentions(described.report, code)
            present += described.labels[code] == 1.0
    assert 0 < missed < 0.05 * present


@pytest.mark.parametrize("finding", ["Pleural effusion", "Pneumothorax", "Consolidation"])
def test_the_reported_side_is_where_the_mask_lies(finding):
    """The last axis runs from the patient's right to the left."""
    seen = set()
    for seed in range(12):
        sample = simulate_volume([finding], seed=seed, shape=(24, 40, 40))
        report, columns = sample.report.lower(), np.flatnonzero(sample.regions[finding].any(axis=(0, 1)))
        if ("left" in report) != ("right" in report):
            side = "left" if "left" in report else "right"
            seen.add(side)
            assert (columns.mean() > 20) == (side == "left")
    assert seen == {"left", "right"}


def test_a_sample_is_a_volume_in_the_house_convention():
    sample = simulate_volume([], seed=3, shape=(31, 44, 47))
    assert np.array_equal(sample.array, np.rint(sample.array))
    assert sample.array.min() >= -1024
    assert 300 < sample.array.max() < 3072
    axes = np.array(sample.direction).reshape(3, 3)
    # The last voxel is the head, back and left corner of a field around the middle of the chest.
    last = np.array(sample.origin_mm) + ((np.array(sample.array.shape) - 1) * sample.spacing_mm) @ axes
    assert (last - sample.origin_mm > 0).all()
    assert last[2] - sample.origin_mm[2] == pytest.approx(330 * 30 / 31)
    assert (last + sample.origin_mm)[0] == pytest.approx(0, abs=1e-3)
    # Nothing is as bright as the arches of the vertebrae, at the back.
    bright = (sample.array[:, :, 21:26] > 150).sum(axis=(0, 2))
    assert bright.argmax() > 25


@pytest.mark.parametrize("code", CODES)
def test_findings_have_a_mask_where_they_are(code):
    sample = simulate_volume([code], seed=5, shape=(66, 80, 80), noise="none")
    assert list(sample.regions) == [code]
    inside, mask = sample.array[sample.regions[code]], sample.regions[code]
    expected = {
        "Pleural effusion": (-10, 25),
        "Pneumothorax": (-1001, -990),
        "Consolidation": (-60, 60),
        "Lung nodule": (-10, 50),
        "Emphysema": (-1000, -940),
        "Arterial wall calcification": (130, 1200),
        "Coronary artery wall calcification": (130, 1200),
        "Cardiomegaly": (20, 300),
    }
    # Calcium is told from 130 HU on (Agatston et al., J Am Coll Cardiol 15:827, 1990).
    low, high = expected[code]
    assert mask.any()
    assert low <= np.median(inside) <= high


@pytest.mark.parametrize(
    "arguments",
    [
        {"findings": ["Stroke"], "seed": 0},
        {"findings": "Emphysema", "seed": 0},
        {"seed": -1},
        {"seed": 0, "noise": "loud"},
        {"seed": 0, "shape": (8, 40, 40)},
    ],
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(InputError):
        simulate_volume(**arguments)
