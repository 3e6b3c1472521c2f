"""Merlin: 25,494 abdominal CTs of 18,317 patients with their findings (https://doi.org/10.1038/s41586-026-10181-8)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.dataset import LabelTable
from medclip.core.dataset_files import find_root, how_to_fetch
from medclip.core.errors import DatasetError
from medclip.core.excel import read_sheet
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.modalities.ct.datasets._volumes import open_volumes
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex
from medclip.modalities.imaging.image_files import image_paths
from medclip.modalities.imaging.label_columns import labels_from_columns

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_merlin"]

_REPORTS = ("reports_final.xlsx", "reports_final_updated.xlsx")
_LABELS = "zero_shot_findings_disease_cls.csv"
_COLUMNS = ("study id", "Findings", "Split")
_FOLDS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}


def open_merlin(root: Path | str | None) -> ImageDataset:
    """Open Merlin's abdominal CTs in their own layout: ``reports_final.xlsx`` and ``merlin_data/ID.nii.gz``.

    The split is by patient, but the publishers do not say which studies are of one patient: every study counts as one.
    The 30 findings of ``zero_shot_findings_disease_cls.csv``, if it is there, are 1 (stated), 0 (denied) or -1, which
    means not mentioned and is NaN here.

    Args:
        root: The folder with the table of reports, or one that holds a single such folder.

    Raises:
        DatasetError: The folder, a table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    card = load_card("merlin")
    folder = find_root(root, _REPORTS, card)
    table = next(folder / name for name in _REPORTS if (folder / name).is_file())
    rows = _read_reports(table, card)
    studies = [study for study, *_ in rows]
    index = ImageIndex(
        record_ids=studies,
        patient_ids=studies,
        folds=[fold for *_, fold in rows],
        paths=image_paths(folder, [f"{study}.nii.gz" for study in studies], ("merlin_data",)),
        reports=[text for _, text, _ in rows],
    )
    labels: dict[str, LabelTable] = {}
    if (folder / _LABELS).is_file():
        labels = {"merlin": _read_labels(folder / _LABELS, card, studies)}
    return open_volumes(folder, card, index, labels=labels)


DATASET = DatasetFactory(
    name="merlin",
    description="Merlin: 25,494 abdominal CTs (NIfTI) with reports and 30 findings",
    open=open_merlin,
)


def _read_reports(path: Path, card: DataCard) -> list[tuple[str, str, str]]:
    header, *rows = read_sheet(path) or [()]
    lacking = [name for name in _COLUMNS if name not in header]
    if lacking:
        raise DatasetError(
            f"{path} lacks columns of {card.title}: {', '.join(lacking)}", received=header, action=how_to_fetch(card)
        )
    places = [header.index(name) for name in _COLUMNS]
    found = []
    for row in rows:
        study, text, split = (row[place].strip() for place in places)
        if study:
            found.append((study.removesuffix(".0"), text, _fold(split, path)))
    return found


def _fold(split: str, path: Path) -> str:
    if split.lower() not in _FOLDS:
        raise DatasetError(f"{path} has another split than it may", received=split, allowed=[*_FOLDS])
    return _FOLDS[split.lower()]


def _read_labels(path: Path, card: DataCard, studies: list[str]) -> LabelTable:
    codes = LabelSet.load("merlin").codes
    columns: Mapping[str, list[str]] = read_columns(path, card, ("study id", *codes))
    table = labels_from_columns({code: columns[code] for code in codes}, "merlin", table=path)
    row_of = {study.removesuffix(".0"): row for row, study in enumerate(columns["study id"])}
    values = np.vstack([table.values, np.full((1, len(codes)), np.nan, np.float32)])
    return LabelTable(codes, values[[row_of.get(study, -1) for study in studies]])
