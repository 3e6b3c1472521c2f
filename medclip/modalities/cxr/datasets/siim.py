"""SIIM-ACR Pneumothorax Segmentation 2019: NIH radiographs with masks (https://kaggle.com/c/siim-acr-pneumothorax-segmentation)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.dataset_files import find_root, first_present
from medclip.core.errors import DatasetError
from medclip.core.modality import DatasetFactory
from medclip.modalities.cxr.datasets._radiographs import open_radiographs
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex, folds_of
from medclip.modalities.imaging.label_columns import labels_from_tokens
from medclip.modalities.imaging.region_masks import run_length_mask

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_siim"]

_TABLES = ("stage_2_train.csv", "train-rle.csv")
_NONE = "-1"


def open_siim(
    root: Path | str | None, *, split_seed: int = 0, split_fractions: Mapping[str, float] | None = None
) -> ImageDataset:
    """Open the labelled images of the challenge in their own layout; ``regions`` come from the run-length masks.

    The publishers name no patients: every image counts as one.

    Args:
        root: The folder with ``stage_2_train.csv`` or ``train-rle.csv``, or one that holds a single such folder; the
            DICOM files lie anywhere below it, as ``STUDY/SERIES/IMAGE.dcm`` or side by side.
        split_seed: See ``patient_split``; the challenge's test labels are not published.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.

    Raises:
        DatasetError: The folder, the table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    card = load_card("siim")
    folder = find_root(root, _TABLES, card)
    table = first_present(folder, _TABLES, card)
    runs = _read_runs(table, card)
    images = list(runs)
    path_of = {path.stem: path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.dcm"))}
    index = ImageIndex(
        record_ids=images,
        patient_ids=images,
        folds=folds_of(images, split_seed, split_fractions),
        paths=[path_of.get(image, f"dicom-images-train/{image}.dcm") for image in images],
        attributes={"view": ["frontal"] * len(images)},
    )
    labels = labels_from_tokens(
        ["Pneumothorax" if runs[image] else "" for image in images], "siim-pneumothorax", split=lambda cell: {cell}
    )
    return open_radiographs(
        folder, card, index, labels={"siim-pneumothorax": labels}, drawn=_RunLengths(runs, table.name)
    )


DATASET = DatasetFactory(
    name="siim",
    description="SIIM-ACR Pneumothorax 2019: 12,047 frontal chest radiographs (DICOM) with masks",
    open=open_siim,
)


@dataclass(frozen=True)
class _RunLengths:
    runs: Mapping[str, list[str]]
    table: str

    def __call__(self, record_id: str, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        masks = [run_length_mask(runs, shape, where=f"{self.table}, {record_id},") for runs in self.runs[record_id]]
        return {"Pneumothorax": np.logical_or.reduce(masks)} if masks else {}


def _read_runs(path: Path, card: DataCard) -> dict[str, list[str]]:
    """Return the masks of every image; an image without pneumothorax has one row with -1."""
    columns = read_columns(path, card, ("ImageId", "EncodedPixels"), declared_as=_TABLES[0])
    runs: dict[str, list[str]] = {}
    n_rows: dict[str, int] = {}
    for image, cell in zip(columns["ImageId"], columns["EncodedPixels"], strict=True):
        found = runs.setdefault(image, [])
        n_rows[image] = n_rows.get(image, 0) + 1
        if cell.strip() != _NONE:
            found.append(cell.strip())
        if len(found) not in (0, n_rows[image]):
            raise DatasetError(
                f"{path} says of one image that it has a mask and that it has none",
                received=image,
                action="copy it again",
            )
    return runs
