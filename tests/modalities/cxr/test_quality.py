"""Technical faults of radiographs, on a drawn chest and on real ones."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

import medclip
from medclip.core.errors import FormatError, InputError
from medclip.core.sample import Sample
from medclip.modalities.cxr.quality import assess_quality

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")


def chest(rows: int = 400, columns: int = 360) -> np.ndarray:
    """Two dark lungs beside a bright mediastinum, on a grey trunk that grows brighter towards the abdomen."""
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    array = 0.45 + 0.35 * y
    for centre in (0.28, 0.72):
        array[((x - centre) / 0.17) ** 2 + ((y - 0.45) / 0.35) ** 2 < 1] = 0.2
    array[(x - 0.5) ** 2 < 0.06**2] += 0.15
    array[y < 0.08] = 0.02
    return array.astype(np.float32)


def kinds(array: np.ndarray, **attributes: object) -> set[str]:
    return {issue.kind for issue in assess_quality(Sample("cxr", array.astype(np.float32), "r", attributes=attributes))}


def test_a_chest_as_it_should_be() -> None:
    assert assess_quality(Sample("cxr", chest(), "r")) == ()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.4])
def test_blank_pictures_are_unusable(value: float) -> None:
    issues = assess_quality(Sample("cxr", np.full((300, 300), value, np.float32), "r"))
    assert [(issue.kind, issue.severity) for issue in issues] == [("blank", "unusable")]
    assert "blank" in kinds(np.full((300, 300), np.nan))


def test_polarity_rotation_and_windows() -> None:
    assert kinds(1 - chest()) == {"inverted"}
    assert "turned" in kinds(np.rot90(chest()))
    assert "turned" in kinds(np.rot90(chest(), -1))
    assert "saturated" in kinds(np.clip(8 * (chest() - 0.5), 0, 1))


def test_size_and_shape() -> None:
    assert kinds(chest(200, 180)) == {"tiny"}
    assert "cut" in kinds(chest(800, 300))


def test_missing_parts() -> None:
    array = chest()
    array[:60] = np.nan
    assert kinds(array) == set()
    array[:100] = np.nan
    assert kinds(array) == {"missing"}
    array[:220] = np.nan
    unusable = [issue for issue in assess_quality(Sample("cxr", array, "r")) if issue.severity == "unusable"]
    assert [issue.kind for issue in unusable] == ["missing"]


def test_what_the_reader_noted_and_the_view() -> None:
    assert kinds(chest(), view="lateral") == {"view"}
    assert kinds(chest(), view="frontal") == set()
    issues = assess_quality(
        Sample("cxr", chest(), "r", attributes={"notes": ("turned upright", "text burned into it")})
    )
    assert [(issue.kind, issue.severity, issue.message) for issue in issues] == [
        ("note", "note", "Turned upright."),
        ("text", "warning", "Text burned into it."),
    ]


def test_other_samples_are_refused() -> None:
    with pytest.raises(InputError, match="not a radiograph"):
        assess_quality(Sample("cxr", np.zeros((2, 3, 4), np.float32), "r"))


@needs_data
@pytest.mark.slow
def test_few_real_radiographs_are_flagged_and_nearly_all_inverted_ones() -> None:
    """Frontal radiographs of covid-chestxray, NIH and TBX11K; a third of them, for time."""
    folder = DATA / "cxr"
    with (folder / "covid_chestxray" / "metadata.csv").open(encoding="utf-8") as file:
        views = {row["filename"]: row["view"] for row in csv.DictReader(file)}
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in (".png", ".jpg", ".jpeg")]
    frontal = [path for path in paths if views.get(path.name, "PA").startswith(("PA", "AP"))]
    flagged = found = turned = n_read = 0
    for path in frontal[::3]:
        try:
            sample = medclip.read(path)
        except FormatError:
            continue
        n_read += 1
        # Every fourth pixel is enough for what is looked at here.
        small = np.ascontiguousarray(sample.array[::4, ::4])
        flagged += bool(kinds(small) & {"inverted", "turned", "saturated", "blank"})
        found += "inverted" in kinds(1 - small)
        turned += "turned" in kinds(np.rot90(small))
    assert n_read > 30
    assert flagged <= 0.05 * n_read
    assert found >= 0.95 * n_read
    assert turned >= 0.75 * n_read
