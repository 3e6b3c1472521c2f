"""A rendered chest: tissues, places and masks of findings, and what stays the same."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from medclip.core.errors import InputError
from medclip.core.simulated_keys import RecordKey
from medclip.modalities.imaging.phantom.disease import KINDS, LOBES
from medclip.modalities.imaging.phantom.grid import Grid
from medclip.modalities.imaging.phantom.lesions import nodule_radius_mm
from medclip.modalities.imaging.phantom.radiograph import (
    attenuation_per_mm,
    line_integrals,
    project_masks,
    projection_grid,
)
from medclip.modalities.imaging.phantom.scene import draw_scene
from medclip.modalities.imaging.phantom.volume import render

GRID = Grid((66, 80, 96), (5.0, 4.0, 4.0), (-15.0, 0.0, 0.0))
FILLING = ("effusion", "consolidation", "nodule", "aortic_calcification", "coronary_calcification")


def scene_with(kind, seed=0, posture="supine", **wanted):
    """The first patient whose finding has the wanted side or lobe."""
    for patient in range(200):
        scene = draw_scene(RecordKey(seed, patient), posture=posture, kinds=[kind])
        lesion = scene.lesion(kind)
        if all(getattr(lesion, name) == value for name, value in wanted.items()):
            return scene
    raise AssertionError(wanted)


def at(phantom, z, y, x):
    grid = phantom.grid
    index = [int(np.abs(grid.axis(axis) - value).argmin()) for axis, value in enumerate((z, y, x))]
    # The median of the voxels around, because a vessel may run through any one of them.
    return float(np.median(phantom.hounsfield[tuple(slice(max(place - 1, 0), place + 2) for place in index)]))


@pytest.mark.parametrize("patient", range(4))
def test_tissues_lie_where_they_should_with_published_attenuation(patient):
    scene = draw_scene(RecordKey(2, patient), posture="supine", kinds=[])
    body, phantom = scene.anatomy, render(scene, GRID)
    lungs = phantom.hounsfield[(phantom.hounsfield > -1000 + 20) & (phantom.hounsfield < -600)]
    assert -900 < np.median(lungs) < -780
    assert at(phantom, body.dome_mm - 60, 0, -0.5 * body.half_width_mm) == pytest.approx(62, abs=8)  # liver
    heart = at(phantom, body.dome_mm + 45, -0.24 * body.half_depth_mm, 0.16 * body.half_width_mm)
    assert 30 <= heart <= body.blood_hounsfield + 5
    assert at(phantom, 30, -0.2 * body.half_depth_mm, 0.55 * body.half_width_mm) < -500
    assert at(phantom, 30, -0.2 * body.half_depth_mm, -0.55 * body.half_width_mm) < -500
    assert at(phantom, 0, -150, 190) == -1000
    skin = body.half_width_mm + 11 + body.muscle_mm + 0.5 * body.fat_mm
    assert body.fat_mm < 12 or -125 < at(phantom, -90, 6, skin * 0.985) < -60
    assert np.quantile(phantom.hounsfield, 0.999) > 300


@pytest.mark.parametrize("kind", FILLING)
def test_masks_are_where_the_finding_changes_the_volume(kind):
    scene = scene_with(kind, seed=3)
    ill, well = render(scene, GRID), render(scene.without(kind), GRID)
    changed = np.abs(ill.hounsfield - well.hounsfield) > 2  # a thousandth of the way from air to calcium
    mask = ill.masks[kind]
    assert mask.any()
    assert not well.masks
    share = ill.shares[kind]
    assert changed[share < 1e-3].sum() == 0
    strong = np.abs(ill.hounsfield - well.hounsfield)[mask]
    assert np.median(strong) > (40 if kind == "effusion" else 200)


def test_pneumothorax_empties_its_rim_of_vessels():
    scene = scene_with("pneumothorax", seed=3, side="right")
    ill = render(scene, GRID)
    rim = ill.shares["pneumothorax"] > 0.99
    assert rim.sum() > 100
    assert np.median(ill.hounsfield[rim]) == -1000
    assert GRID.x[0, 0, np.flatnonzero(rim.any(axis=(0, 1)))].max() < 0
    # Lying, air rises to the front.
    assert (rim * GRID.y).sum() / rim.sum() < -10


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", ["effusion", "pneumothorax"])
def test_sides_are_the_patients_own(kind, side):
    mask = render(scene_with(kind, seed=4, side=side), GRID).masks[kind]
    x = np.broadcast_to(GRID.x, mask.shape)[mask]
    assert (x > 0).mean() > 0.95 if side == "left" else (x < 0).mean() > 0.95


@pytest.mark.parametrize("lobe", [*LOBES["right"], *LOBES["left"]])
def test_a_consolidation_lies_in_its_lobe(lobe):
    mask = render(scene_with("consolidation", seed=5, lobe=lobe), GRID).masks["consolidation"]
    z, y, x = (np.broadcast_to(axis, mask.shape)[mask].mean() for axis in (GRID.z, GRID.y, GRID.x))
    assert (x < 0) == lobe.startswith("right")
    assert (z > 10) == lobe.endswith("upper lobe")
    assert lobe.endswith("upper lobe") or (y > 0) == lobe.endswith("lower lobe")


def test_a_nodule_has_the_volume_of_a_ball_of_its_size():
    scene = scene_with("nodule", seed=6, lobe="right upper lobe")
    share = render(scene, GRID).shares["nodule"]
    radius = nodule_radius_mm(scene.lesion("nodule"))
    assert share.sum() * 5 * 4 * 4 == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.1)


def test_an_effusion_replaces_the_share_of_the_lung_that_it_says():
    scene = scene_with("effusion", seed=7, side="right")
    well = render(scene.without("effusion"), GRID)
    share = render(scene, GRID).shares["effusion"]
    right_lung = (well.hounsfield < -500) & (well.hounsfield > -990) & (GRID.x < -5)
    expected = 0.07 + 0.38 * scene.lesion("effusion").extent ** 1.5
    assert share.sum() / right_lung.sum() == pytest.approx(expected, rel=0.2)
    # Lying, fluid layers at the back.
    assert (share * GRID.y).sum() / share.sum() > 20


def test_emphysema_darkens_the_lungs_and_flattens_the_diaphragm():
    ill, well = (draw_scene(RecordKey(8, 1), posture="supine", kinds=kinds) for kinds in (["emphysema"], []))
    assert ill.anatomy.dome_mm < well.anatomy.dome_mm - 10
    below = []
    for scene in (ill, well):
        values = render(scene, GRID).hounsfield
        lungs = (values > -1000 + 5) & (values < -600)
        below.append((values[lungs] < -920).mean())
    assert below[0] > 0.15 > 0.08 > below[1]


def test_the_same_key_gives_the_same_chest_and_another_does_not():
    one, again, other = (render(draw_scene(RecordKey(9, n), posture="supine"), GRID).hounsfield for n in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_another_grid_shows_the_same_patient():
    scene = draw_scene(RecordKey(10), posture="supine", kinds=["nodule", "effusion"])
    coarse = render(scene, Grid((20, 40, 50), (6.0, 8.0, 8.0)))
    fine = render(scene, Grid((60, 120, 150), (2.0, 8 / 3, 8 / 3)))
    merged = fine.hounsfield.reshape(20, 3, 40, 3, 50, 3).mean(axis=(1, 3, 5))
    assert np.corrcoef(merged.ravel(), coarse.hounsfield.ravel())[0, 1] > 0.99
    assert abs(float((merged - coarse.hounsfield).mean())) < 8


def test_unknown_findings_are_refused():
    with pytest.raises(InputError, match="stroke"):
        draw_scene(RecordKey(0), posture="supine", kinds=["stroke"])
    with pytest.raises(InputError, match="findings"):
        draw_scene(RecordKey(0), posture="supine", kinds="nodule")


def test_every_finding_is_drawn_often_enough_to_be_learned_from():
    drawn = [draw_scene(RecordKey(11, patient), posture="supine").disease for patient in range(600)]
    counts = {kind: sum(lesion.kind == kind for disease in drawn for lesion in disease) for kind in KINDS}
    assert min(counts.values()) > 60
    assert 0.2 < sum(not disease for disease in drawn) / len(drawn) < 0.55


# Radiographs of the same chest.


def radiograph(scene, size=100):
    grid = projection_grid(size, 400.0, view="frontal")
    phantom = render(scene, grid)
    return phantom, line_integrals(attenuation_per_mm(phantom.hounsfield), grid, view="frontal")


@pytest.mark.parametrize("kind", ["effusion", "consolidation", "nodule", "pneumothorax"])
def test_masks_on_the_radiograph_cover_the_visible_difference(kind):
    scene = scene_with(kind, seed=12, posture="upright")
    phantom, ill = radiograph(scene)
    _, well = radiograph(scene.without(kind))
    mask = project_masks(phantom, view="frontal")[kind]
    difference = np.abs(ill - well)
    visible = difference > 0.25 * np.quantile(difference[difference > 0], 0.995)
    overlap = 2 * (mask & visible).sum() / (mask.sum() + visible.sum())
    assert overlap > (0.6 if kind == "pneumothorax" else 0.85)


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_effusion_blunts_the_corner_of_its_own_side(side):
    scene = scene_with("effusion", seed=13, posture="upright", side=side)
    _, ill = radiograph(scene)
    _, well = radiograph(scene.without("effusion"))
    rows = np.arange(400 / 2 - 2, -200, -4.0)  # mm, head first
    columns = np.arange(-198.0, 200, 4.0)
    body = scene.anatomy
    is_low = (rows < body.dome_mm + 10) & (rows > body.dome_mm - 40)
    changes = {}
    for name, sign in (("right", -1), ("left", 1)):
        is_lateral = (sign * columns > 0.6 * body.half_width_mm) & (sign * columns < 0.95 * body.half_width_mm)
        changes[name] = float((ill - well)[np.ix_(is_low, is_lateral)].mean())
    other = "left" if side == "right" else "right"
    assert changes[side] > 0.3
    assert abs(changes[other]) < 0.01


def cardiothoracic_ratio(image):
    """Largest distances of the heart's borders from the midline over the largest inner width between the lungs."""
    middle = image.shape[1] // 2
    lung, bone = np.quantile(image[30:60, 25:75], 0.3), np.quantile(image[:, middle], 0.5)
    rows = []
    for row in image:
        borders = []
        for half in (row[middle - 48 : middle][::-1], row[middle : middle + 48]):
            wall = 26 + int(np.argmax(half[26:]))  # rays along the chest wall are absorbed more than those beside
            dark = np.flatnonzero(half[:wall] < lung + 0.2 * (bone - lung))
            borders.append((dark[0], dark[-1] + 1) if len(dark) > 3 else (0, 0))
        rows.append((*borders[0], *borders[1]))
    width = max(right + left for _, right, _, left in rows)
    # Down to the right dome, where no lung is left a quarter of the width from the midline.
    above = [(right, left) for right, _, left, _ in itertools.takewhile(lambda row: 0 < row[0] < width / 4, rows[40:])]
    right_border, left_border = (max(found) for found in zip(*above, strict=True))
    return (right_border + left_border) / width


@pytest.mark.parametrize(("kinds", "is_large"), [([], False), (["cardiomegaly"], True)])
def test_cardiothoracic_ratio_measured_on_the_radiograph(kinds, is_large):
    measured = []
    for patient in range(12):
        scene = draw_scene(RecordKey(14, patient), posture="upright", kinds=kinds)
        if scene.anatomy.sex == "male":  # breasts hide the borders from so simple a measurement
            measured.append(cardiothoracic_ratio(radiograph(scene)[1]))
    assert len(measured) > 3
    assert all((ratio > 0.5) == is_large for ratio in measured), measured
