"""VinDr-CXR 1.0.0: 18,000 radiographs read by radiologists, with boxes (https://doi.org/10.13026/3akn-b287)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.dataset import LabelTable
from medclip.core.dataset_files import find_root
from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.splits import patient_split
from medclip.modalities.cxr.datasets._radiographs import open_radiographs
from medclip.modalities.imaging.columns import header_of, read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex
from medclip.modalities.imaging.label_columns import check_choice, labels_from_columns
from medclip.modalities.imaging.region_masks import Box, BoxRegions, parse_box

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_vindr_cxr"]

_NEEDED = {"any": 1, "majority": 2, "all": 3}
_CONSENSUS = "consensus"
_CORNERS = ("x_min", "y_min", "x_max", "y_max")
# The two tables of labels spell one column differently.
_SPELLINGS = {"Other diseases": ("Other diseases", "Other disease")}


def open_vindr_cxr(
    root: Path | str | None, *, readers: str = "majority", validation_share: float = 0.1, split_seed: int = 0
) -> ImageDataset:
    """Open VinDr-CXR in its own layout: ``train`` and ``test`` with DICOM files, ``annotations`` with four tables.

    Each image of ``train`` was read by 3 of 17 radiologists independently, each image of ``test`` by five until they
    agreed. The publishers name no patients: every image counts as one patient.

    Args:
        root: The folder with ``annotations``, or one that holds a single such folder.
        readers: How many of the three must have seen a finding for it to be present, and drawn over a pixel for it to
            lie in the region: ``any``, ``majority`` (two) or ``all``.
        validation_share: Share of the published training images that are ``validation``; the publishers name none.
        split_seed: Of the choice of those.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, a table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    check_choice("readers", readers, tuple(_NEEDED))
    card = load_card("vindr_cxr")
    folder = find_root(root, ("annotations/image_labels_train.csv", "annotations/image_labels_test.csv"), card)
    shares = {"train": 1 - validation_share, "validation": validation_share}
    images: list[str] = []
    folds: list[str | None] = []
    paths: list[str] = []
    values: list[np.ndarray] = []
    drawn: dict[str, dict[str, dict[str, list[Box]]]] = {}
    for part in ("train", "test"):
        if not (folder / f"annotations/image_labels_{part}.csv").is_file():
            continue
        found, table = _read_labels(folder, part, card, _NEEDED[readers])
        images += found
        values.append(table)
        paths += [f"{part}/{image}.dicom" for image in found]
        folds += [part if part == "test" else patient_split(image, split_seed, fractions=shares) for image in found]
        drawn |= _read_boxes(folder / f"annotations/annotations_{part}.csv", card, set(found))
    index = ImageIndex(images, images, folds, paths, attributes={"view": ["frontal"] * len(images)})
    labels = LabelTable(LabelSet.load("vindr-cxr").codes, np.concatenate(values))
    return open_radiographs(
        folder, card, index, labels={"vindr-cxr": labels}, drawn=_VotedRegions(drawn, _NEEDED[readers])
    )


DATASET = DatasetFactory(
    name="vindr_cxr",
    description="VinDr-CXR 1.0.0: 18,000 frontal chest radiographs (DICOM) with 28 findings and boxes by radiologists",
    open=open_vindr_cxr,
)


@dataclass(frozen=True)
class _VotedRegions:
    """Pixels that enough readers drew a box over; boxes by record, code and reader."""

    boxes: Mapping[str, Mapping[str, Mapping[str, list[Box]]]]
    n_needed: int

    def __call__(self, record_id: str, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        masks = {}
        for code, of_reader in self.boxes.get(record_id, {}).items():
            of_readers = [
                BoxRegions({record_id: {code: boxes}})(record_id, shape)[code] for boxes in of_reader.values()
            ]
            n_needed = 1 if _CONSENSUS in of_reader else self.n_needed
            mask = np.sum(of_readers, axis=0) >= n_needed
            if mask.any():
                masks[code] = mask
        return masks


def _read_labels(folder: Path, part: str, card: DataCard, n_needed: int) -> tuple[list[str], np.ndarray]:
    """Return the images in order of appearance and one row of labels for each."""
    path = folder / f"annotations/image_labels_{part}.csv"
    header = header_of(path, card)
    codes = LabelSet.load("vindr-cxr").codes
    column_of = {code: next((name for name in _SPELLINGS.get(code, (code,)) if name in header), code) for code in codes}
    columns = read_columns(path, card, ("image_id", *column_of.values()))
    rows = labels_from_columns(columns, "vindr-cxr", table=path, column_of=column_of).values
    images = list(dict.fromkeys(columns["image_id"]))
    position = {image: row for row, image in enumerate(images)}
    votes = np.zeros((len(images), len(codes)), np.float32)
    np.add.at(votes, [position[image] for image in columns["image_id"]], rows)
    n_rows = np.bincount([position[image] for image in columns["image_id"]], minlength=len(images))
    expected = 3 if part == "train" else 1
    if (n_rows != expected).any():
        raise DatasetError(
            f"{path} has another number of rows for an image than it may",
            received=f"{n_rows[n_rows != expected][0]} for {images[int(np.flatnonzero(n_rows != expected)[0])]}",
            allowed=expected,
            action="copy the table again from its source",
        )
    needed = n_needed if part == "train" else 1
    return images, np.where(np.isnan(votes), np.nan, votes >= needed).astype(np.float32)


def _read_boxes(path: Path, card: DataCard, images: set[str]) -> dict[str, dict[str, dict[str, list[Box]]]]:
    columns = read_columns(path, card, ("image_id", "class_name", *_CORNERS), optional=("rad_id",))
    readers = columns.get("rad_id") or [_CONSENSUS] * len(columns["image_id"])
    codes = set(LabelSet.load("vindr-cxr").codes)
    boxes: dict[str, dict[str, dict[str, list[Box]]]] = {}
    corners = zip(*(columns[name] for name in _CORNERS), strict=True)
    for image, finding, reader, numbers in zip(
        columns["image_id"], columns["class_name"], readers, corners, strict=True
    ):
        if not any(numbers):
            continue
        if image not in images or finding not in codes:
            raise DatasetError(
                f"{path} names an image or finding that {card.title} does not have", received=f"{image}, {finding}"
            )
        box = parse_box(numbers, where=f"{path.name}, {image},", is_extent=False)
        boxes.setdefault(image, {}).setdefault(finding, {}).setdefault(reader, []).append(box)
    return boxes
