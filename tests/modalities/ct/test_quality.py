"""Technical faults of a chest CT: on a drawn chest, each planted one by one."""

from __future__ import annotations

import numpy as np
import pytest

from medclip.core.errors import InputError
from medclip.core.sample import Sample

SPACING = (5.0, 4.0, 4.0)


def chest(spacing: tuple[float, float, float] = SPACING) -> Sample:
    """A cylinder of soft tissue with two ellipsoids of air in it, of 1.9 litres each."""
    z, y, x = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in (60, 80, 100)), indexing="ij")
    z, y, x = z * 5, y * 4, x * 4
    array = np.where((x / 160) ** 2 + (y / 110) ** 2 < 1, 40.0, -1000.0)
    for side in (-75, 75):
        array[((x - side) / 55) ** 2 + (y / 75) ** 2 + (z / 110) ** 2 < 1] = -850.0
    return Sample(
        "ct",
        array.astype(np.float32),
        "drawn",
        spacing_mm=spacing,
        origin_mm=(0.0, 0.0, 0.0),
        direction=(0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0),
    )


def kinds(sample: Sample) -> list[str]:
    issues = sample.quality()
    assert all(issue.message.endswith(".") for issue in issues)
    return [issue.kind for issue in issues]


def test_a_whole_chest_has_no_fault() -> None:
    assert kinds(chest()) == []


def with_values(sample: Sample, where: tuple[slice, ...], value: float) -> Sample:
    array = sample.array.copy()
    array[where] = value
    return sample.replace(array=array)


def test_each_fault_is_found_alone() -> None:
    whole = chest()
    assert kinds(whole.replace(array=whole.array[:30])) == ["lungs_cut"]
    assert whole.replace(array=whole.array[:30]).quality()[0].where == ("upper",)
    assert whole.replace(array=whole.array[30:]).quality()[0].where == ("lower",)
    assert kinds(whole.replace(array=whole.array[:, :, 20:])) == ["body_cut"]
    assert kinds(with_values(whole, np.s_[30:31, 38:42, 48:52], 3071.0)) == ["metal"]
    assert kinds(with_values(whole, np.s_[:, :10], np.nan)) == ["missing"]
    assert kinds(chest((6.0, 4.0, 4.0))) == ["thick_slices"]
    assert kinds(whole.replace(array=np.maximum(whole.array, -400))) == ["no_lungs"]
    assert kinds(whole.replace(array=whole.array[25:35])) == ["few_slices", "lungs_cut", "lungs_cut"]


def test_what_is_no_volume_is_refused() -> None:
    with pytest.raises(InputError, match="no volume"):
        Sample("ct", np.zeros((4, 4), np.float32), "x").quality()


def test_another_part_of_the_body_is_said() -> None:
    sample = chest().replace(attributes={"body_part": "head"})
    (issue,) = sample.quality()
    assert issue.kind == "body_part"
    assert "another part of the body: head" in issue.message


def test_what_was_left_out_or_mended_is_said() -> None:
    notes = ("left out: 2 x localizer", "resampled: uneven gaps between slices were made even")
    issues = chest().replace(attributes={"notes": notes}).quality()
    assert [(issue.kind, issue.severity) for issue in issues] == [("left_out", "note"), ("resampled", "note")]
    assert issues[0].message == "Not looked at: 2 x localizer."
