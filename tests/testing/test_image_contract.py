"""The contract test of modalities whose recordings are images: it passes for a sound one and finds each fault."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from medclip.core.image_spec import ImageSpec
from medclip.core.input_spec import PreparedInput
from medclip.core.modality import Modality, discover
from medclip.core.sample import Sample
from medclip.core.volume_spec import VolumeSpec
from medclip.testing import ContractError, check_modality
from medclip.testing import modality as contract

NAME = next(iter(discover()))


def slope(*shape: int) -> np.ndarray:
    """Rises from 0 to 1 along all axes alike, so that no mirror image agrees with it."""
    return np.mean([places / (n - 1) for places, n in zip(np.indices(shape), shape, strict=True)], axis=0)


def picture() -> Sample:
    return Sample(NAME, slope(150, 90).astype(np.float32), "r", spacing_mm=(0.3, 0.4))


def volume() -> Sample:
    array = (2000 * slope(30, 31, 33) - 1000).astype(np.float32)
    direction = (0.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0)
    return Sample(NAME, array, "r", spacing_mm=(2.0, 1.0, 1.1), direction=direction)


SPECS = {2: ImageSpec(NAME, 48, 48, scaling="zscore"), 3: VolumeSpec(NAME, (24, 16, 20), (2.0, 2.0, 2.0))}


def checked(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    # The formats are those of another modality, and tested there.
    monkeypatch.setattr(contract, "check_format", lambda form: None)
    changes = {
        "default_input_spec": lambda: SPECS[sample.array.ndim],
        "plot": lambda sample, **options: Figure(),
        "quality": lambda sample: (),
    }
    modality: Modality = dataclasses.replace(discover()[NAME], **changes)
    check_modality(modality, sample=sample)


@pytest.mark.parametrize("sample", [picture(), volume()], ids=["image", "volume"])
def test_a_sound_modality_passes(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    checked(sample, monkeypatch)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found[:, ::-1], "puts the image elsewhere"),
        (lambda found: found[::-1], "puts the image elsewhere"),
        (lambda found: found[:-1], "gives shape"),
        (lambda found: found.astype(np.float64), "gives float64"),
        (lambda found: found * 2, "changes the value of a single cell"),
        (lambda found: found * np.nan, "changes the value of a single cell"),
    ],
)
@pytest.mark.parametrize("sample", [picture(), volume()], ids=["image", "volume"])
def test_a_wrong_way_back_is_found(sample: Sample, change: object, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(SPECS[sample.array.ndim])
    restore = kind.restore
    monkeypatch.setattr(kind, "restore", lambda spec, values, sample: change(restore(spec, values, sample)))  # type: ignore[operator]
    with pytest.raises(ContractError, match=words):
        checked(sample, monkeypatch)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: dataclasses.replace(found, mask=found.mask[0]), "the mask of prepared .* has shape"),
        (lambda found: dataclasses.replace(found, mask=found.mask.astype(np.float32)), "is float32, not bool"),
        (lambda found: dataclasses.replace(found, mask=found.mask & False), "nothing of a prepared .* is seen"),
    ],
)
def test_a_wrong_mask_is_found(change: object, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = ImageSpec.prepare

    def changed(spec: ImageSpec, sample: Sample) -> PreparedInput:
        found: PreparedInput = change(prepare(spec, sample))  # type: ignore[operator]
        return found

    monkeypatch.setattr(ImageSpec, "prepare", changed)
    with pytest.raises(ContractError, match=words):
        checked(picture(), monkeypatch)
