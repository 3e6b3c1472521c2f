"""PadChest: 160,861 radiographs of 67,625 patients with Spanish reports (https://doi.org/10.1016/j.media.2020.101797)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from medclip.core.dataset_files import find_root, first_present
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.modalities.cxr.datasets._radiographs import open_radiographs, sexes_of, view_columns
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex, folds_of
from medclip.modalities.imaging.image_files import image_paths
from medclip.modalities.imaging.label_columns import check_choice, labels_from_tokens

__all__ = ["DATASET", "open_padchest"]

_TABLES = (
    "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
    "PADCHEST_chest_x_ray_images_labels_160K.csv",
)
_COLUMNS = (
    *("ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth", "PatientSex_DICOM"),
    *("Projection", "Report", "MethodLabel", "Labels"),
)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def open_padchest(
    root: Path | str | None,
    *,
    labelled_by: str = "all",
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
    views: str = "all",
) -> ImageDataset:
    """Open PadChest in its own layout: the table, and the images in the folders 0 to 54 or side by side.

    A record whose labels are missing, or say that the study was excluded, suboptimal or only "unchanged", is not
    assessed. The report is the publishers' text, in Spanish, without stop words and accents.

    Args:
        root: The folder with the table, gzipped or not, or one that holds a single such folder.
        labelled_by: ``all``, or ``physicians`` for the 27 % of the records that people labelled; the other labels are
            a network's.
        split_seed: See ``patient_split``; PadChest has no official split.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.
        views: ``all``, ``frontal`` or ``lateral``.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, the table, a column or a record is missing or malformed.
    """
    from medclip.core.cards import load_card

    check_choice("labelled_by", labelled_by, ("all", "physicians"))
    card = load_card("padchest")
    names = [f"{table}{suffix}" for table in _TABLES for suffix in ("", ".gz")]
    folder = find_root(root, names, card)
    table = first_present(folder, names, card)
    columns = read_columns(table, card, _COLUMNS, declared_as=_TABLES[0])
    if labelled_by == "physicians":
        rows = [row for row, method in enumerate(columns["MethodLabel"]) if method == "Physician"]
        columns = {name: [cells[row] for row in rows] for name, cells in columns.items()}
    index = ImageIndex(
        record_ids=columns["ImageID"],
        patient_ids=columns["PatientID"],
        folds=folds_of(columns["PatientID"], split_seed, split_fractions),
        paths=image_paths(folder, columns["ImageID"], ("*", "."), given=columns["ImageDir"]),
        reports=columns["Report"],
        attributes={
            **view_columns(columns["Projection"]),
            "age": _ages(columns["StudyDate_DICOM"], columns["PatientBirth"]),
            "sex": sexes_of(columns["PatientSex_DICOM"]),
            "study_id": columns["StudyID"],
        },
    )
    present = {finding.code: (finding.code,) for finding in LabelSet.load("padchest").findings}
    cells = [None if _is_unassessed(cell) else cell for cell in columns["Labels"]]
    labels = labels_from_tokens(cells, "padchest", split=_tokens, present=present, table=table)
    return open_radiographs(folder, card, index, labels={"padchest": labels}, views=views)


DATASET = DatasetFactory(
    name="padchest",
    description="PadChest: 160,861 chest radiographs with Spanish reports and 89 of 174 findings",
    open=open_padchest,
)


def _tokens(cell: str) -> set[str]:
    """Parts a Python list of texts, without evaluating it; the publishers' blanks vary."""
    return {(single or double).strip() for single, double in _QUOTED.findall(cell)} - {""}


def _is_unassessed(cell: str) -> bool:
    tokens = _tokens(cell)
    return not tokens or bool(tokens & {"exclude", "suboptimal study"}) or tokens == {"unchanged"}


def _ages(dates: Sequence[str], births: Sequence[str]) -> list[float | None]:
    return [_age(date, birth) for date, birth in zip(dates, births, strict=True)]


def _age(date: str, birth: str) -> float | None:
    """Years between a date as YYYYMMDD and a year of birth, both of which the table may write as 2014.0."""
    if not (date[:4].isdigit() and birth[:4].isdigit()):
        return None
    age = int(date[:4]) - int(birth[:4])
    return float(age) if 0 <= age <= 120 else None
