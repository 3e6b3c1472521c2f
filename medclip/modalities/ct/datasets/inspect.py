"""INSPECT: 23,248 CT pulmonary angiographies of 19,402 patients with impressions (https://arxiv.org/abs/2311.10798)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.dataset_files import check_relative, find_root
from medclip.core.errors import DatasetError
from medclip.core.modality import DatasetFactory
from medclip.modalities.ct.datasets._volumes import open_volumes
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex
from medclip.modalities.imaging.label_columns import labels_from_columns

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_inspect"]

_SPLITS, _MAPPING = "splits_20250611.tsv", "study_mapping_20250611.tsv"
_LABELS, _IMPRESSIONS = "labels_20250611.tsv", "impressions_20250611.tsv"
# The label sets' codes and the columns that hold them; a program found them in the impressions.
_COLUMN_OF = {
    "pe_positive": "pe_positive_nlp",
    "pe_acute": "pe_acute",
    "pe_subsegmentalonly": "pe_subsegmentalonly",
}
_FLAGS = {"true": "1", "false": "0", "censored": "", "censor": ""}


def open_inspect(root: Path | str | None) -> ImageDataset:
    """Open INSPECT in its own layout: four tables and ``CTPA/IMAGE.nii.gz``, with its splits by patient.

    Args:
        root: The folder with ``splits_20250611.tsv``, or one that holds a single such folder.

    Raises:
        DatasetError: The folder, a table, a column or a value is missing, or the tables contradict each other.
    """
    from medclip.core.cards import load_card

    card = load_card("inspect")
    folder = find_root(root, _SPLITS, card)
    fold_of = _by_impression(folder / _SPLITS, card, ("split",))
    about = _by_impression(folder / _MAPPING, card, ("person_id", "image_id"))
    texts = _by_impression(folder / _IMPRESSIONS, card, ("impressions",))
    flags = _by_impression(folder / _LABELS, card, tuple(_COLUMN_OF.values()))
    impressions = [name for name in fold_of if name in about]
    if not impressions:
        raise DatasetError(
            f"{_SPLITS} and {_MAPPING} of {card.title} share no impression", action="use both tables of one version"
        )
    for (fold,) in set(fold_of.values()):
        card.check_split(fold)
    images = [about[name][1].removesuffix(".nii.gz") for name in impressions]
    index = ImageIndex(
        record_ids=images,
        patient_ids=[about[name][0].removesuffix(".0") for name in impressions],
        folds=[fold_of[name][0] for name in impressions],
        paths=[check_relative(f"CTPA/{image}.nii.gz", folder / _MAPPING) for image in images],
        reports=[f"IMPRESSION: {texts[name][0]}" if name in texts else None for name in impressions],
    )
    cells = {
        code: [_flag(flags[name][position]) if name in flags else "" for name in impressions]
        for position, code in enumerate(_COLUMN_OF)
    }
    labels = labels_from_columns(cells, "inspect", table=folder / _LABELS)
    return open_volumes(folder, card, index, labels={"inspect": labels})


DATASET = DatasetFactory(
    name="inspect",
    description="INSPECT: 23,248 CT pulmonary angiographies (NIfTI) with impressions and embolism",
    open=open_inspect,
)


def _flag(cell: str) -> str:
    return _FLAGS.get(cell.strip().lower(), cell)


def _by_impression(path: Path, card: DataCard, columns: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Return the cells of every impression; a few are listed twice, which is no harm if both rows say the same."""
    found = read_columns(path, card, ("impression_id", *columns), delimiter="\t")
    rows: dict[str, tuple[str, ...]] = {}
    cells = zip(*(found[name] for name in columns), strict=True)
    for name, row in zip(found["impression_id"], cells, strict=True):
        if rows.setdefault(name.removesuffix(".0"), row) != row:
            raise DatasetError(f"{path} describes an impression in two ways", received=name, action="copy it again")
    return rows
