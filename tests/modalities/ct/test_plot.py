"""Pictures of a chest CT: which side is where, how large, in which window, and what lies on top."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from medclip.core.errors import InputError
from medclip.core.sample import Sample

SHAPE, SPACING = (8, 20, 30), (5.0, 1.0, 2.0)


def volume(**changes: Any) -> Sample:
    """Axes foot to head, front to back, right to left; one bright voxel nearest to head, front and right."""
    array = np.full(SHAPE, -600.0, np.float32)
    array[-1, 0, 0] = 1000.0
    fields: dict[str, Any] = {
        "spacing_mm": SPACING,
        "origin_mm": (0.0, 0.0, 0.0),
        "direction": (0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0),
    }
    return Sample("ct", array, "r1", **(fields | changes))


def axes_of(figure: Any) -> dict[str, Any]:
    return {axes.get_gid(): axes for axes in figure.axes}


def test_the_patients_right_is_on_the_left_and_the_head_above() -> None:
    panels = axes_of(volume().plot(at=(7, 0, 0)))
    assert set(panels) == {
        f"{plane} {window}" for plane in ("axial", "coronal", "sagittal") for window in ("lung", "mediastinum")
    }
    for axes in panels.values():
        shown = np.asarray(axes.images[0].get_array())
        assert np.unravel_index(np.argmax(shown), shown.shape) == (0, 0)
        # Row 0 is drawn above and column 0 on the left.
        left, right, bottom, top = axes.images[0].get_extent()
        assert left < right
        assert bottom > top
    sizes = {name: tuple(axes.images[0].get_extent()[1:3]) for name, axes in panels.items() if "lung" in name}
    assert sizes == {"axial lung": (60, 20), "coronal lung": (60, 40), "sagittal lung": (20, 40)}
    assert panels["axial lung"].images[0].get_clim() == (-1350, 150)
    assert panels["axial mediastinum"].images[0].get_clim() == (-160, 240)


def test_a_montage_goes_from_head_to_foot_and_shows_both_ends() -> None:
    figure = volume().plot(layout="montage")
    assert [axes.get_gid() for axes in figure.axes] == [f"slice {number}" for number in range(7, -1, -1)]
    tall = volume(spacing_mm=(1.0, 1.0, 1.0)).replace(array=np.zeros((100, 5, 5), np.float32))
    shown = [axes.get_gid() for axes in tall.plot(layout="montage").axes]
    assert (len(shown), shown[0], shown[-1]) == (15, "slice 99", "slice 0")


def test_a_map_is_drawn_where_it_is_and_planes_cross_at_its_maximum() -> None:
    heat = np.full(SHAPE, np.nan, np.float32)
    heat[2:6, 4:16, 5:25] = 0.1
    heat[3, 6, 7] = 0.9
    panels = axes_of(volume().plot(heat=heat))
    for name, index in (("axial lung", (6, 7)), ("coronal lung", (4, 7)), ("sagittal lung", (4, 6))):
        overlay = panels[name].images[1]
        assert np.unravel_index(np.nanargmax(overlay.get_array().filled(np.nan)), overlay.get_array().shape) == index
        alpha = np.asarray(overlay.get_alpha())
        assert alpha[0, 0] == 0
        assert alpha[index] == pytest.approx(0.65)
        assert overlay.get_extent() == panels[name].images[0].get_extent()
    assert "highest at slice 4" in " ".join(text.get_text() for text in panels["axial lung"].figure.texts)


def test_regions_are_outlined_where_they_are() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[2:6, 4:16, 5:25] = True
    panels = axes_of(volume(regions={"nodule": mask}).plot(at=(3, 10, 10)))
    outline = panels["axial lung"].collections[0].get_paths()[0].vertices
    np.testing.assert_allclose([outline.min(axis=0), outline.max(axis=0)], [[10, 4], [50, 16]], atol=1.01)
    assert not axes_of(volume(regions={"nodule": mask}).plot(at=(0, 10, 10)))["axial lung"].collections


def test_words_on_the_picture() -> None:
    findings = [(f"finding {number}", number / 20) for number in range(15)]
    figure = volume().plot(findings=findings, title="A very " + "long " * 40)
    texts = [text.get_text() for text in figure.texts]
    assert "Research use only. Not for diagnosis." in texts
    assert "The patient's right is on the left of the picture." in texts
    assert "finding 11" in texts
    assert "and 3 more" in texts
    assert "0.05" in texts
    assert max(map(len, texts)) < 120
    with io.BytesIO() as file:
        figure.savefig(file, dpi=50)
        assert file.tell() > 5000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "3x4"}, "unknown layout"),
        ({"at": (8, 0, 0)}, "cross outside"),
        ({"at": (0, -1, 0)}, "cross outside"),
        ({"at": (0, 0)}, "cross outside"),
        ({"heat": np.zeros((2, 2, 2))}, "does not lie on the volume"),
        ({"heat": np.full(SHAPE, np.nan)}, "does not lie on the volume"),
        ({"dpi": 10}, "dpi is out of range"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        volume().plot(**options)


def test_what_is_no_volume_is_refused() -> None:
    with pytest.raises(InputError, match="no volume"):
        Sample("ct", np.zeros((4, 4), np.float32), "x").plot()
