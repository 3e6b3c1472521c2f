"""CXR-LT 2.0.0: labels of common and rare findings for MIMIC-CXR-JPG (https://doi.org/10.13026/a4kg-am74)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.dataset_files import check_relative, find_folder, find_root
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.modalities.cxr.datasets._radiographs import open_radiographs, view_columns
from medclip.modalities.imaging.columns import header_of, read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex
from medclip.modalities.imaging.label_columns import check_choice, labels_from_columns

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_cxr_lt"]

_TABLES = {
    "2023": {"train": "train.csv", "development": "development.csv", "test": "test.csv"},
    "2024": {
        "train": "train_labeled.csv",
        "development": "development_labeled_task2.csv",
        "test": "test_labeled_task2.csv",
    },
}
_IDS = ("dicom_id", "subject_id", "study_id")
# The tables of 2024 call the normal radiograph otherwise, and the path too.
_NORMAL = ("No Finding", "Normal")
_PATHS = ("path", "fpath")


def open_cxr_lt(
    root: Path | str | None, *, images: str = "", release: str = "2023", views: str = "all"
) -> ImageDataset:
    """Open the 26 findings of CXR-LT over the images of MIMIC-CXR-JPG, with its split by patient.

    The split (``train``, ``development``, ``test``) is not that of MIMIC-CXR: its test patients are training patients
    there.

    Args:
        root: The folder with ``cxr-lt-2023`` and ``cxr-lt-2024``, or one of these.
        images: Folder of MIMIC-CXR-JPG, which holds ``files``; by default ``root``.
        release: ``2023``, or ``2024`` for the tables of that year's second task, which have the same 26 findings.
        views: ``all``, ``frontal`` or ``lateral``.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, a table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    check_choice("release", release, tuple(_TABLES))
    card = load_card("cxr_lt")
    names = _TABLES[release]
    folder = find_root(root, list(names.values()), card)
    codes = LabelSet.load("cxr-lt").codes
    columns: dict[str, list[str]] = {name: [] for name in (*_IDS, "path", "ViewPosition", *codes)}
    folds: list[str | None] = []
    for fold, name in names.items():
        if (folder / name).is_file():
            _append(columns, folder / name, card)
            folds += [fold] * (len(columns["path"]) - len(folds))
    index = ImageIndex(
        record_ids=columns["dicom_id"],
        patient_ids=[subject.removesuffix(".0") for subject in columns["subject_id"]],
        folds=folds,
        paths=[check_relative(path, folder) for path in columns["path"]],
        attributes={**view_columns(columns["ViewPosition"]), "study_id": columns["study_id"]},
    )
    labels = labels_from_columns({code: columns[code] for code in codes}, "cxr-lt", table=folder)
    where = find_folder(images or folder, card)
    return open_radiographs(where, card, index, labels={"cxr-lt": labels}, views=views)


DATASET = DatasetFactory(
    name="cxr_lt",
    description="CXR-LT 2.0.0: 26 common and rare findings of 377,110 chest radiographs of MIMIC-CXR-JPG",
    open=open_cxr_lt,
)


def _append(columns: dict[str, list[str]], path: Path, card: DataCard) -> None:
    header = header_of(path, card)
    normal, where = (next((name for name in names if name in header), names[0]) for names in (_NORMAL, _PATHS))
    named = {"path": where, _NORMAL[0]: normal}
    found = read_columns(
        path, card, [named.get(name, name) for name in columns if name != "ViewPosition"], optional=("ViewPosition",)
    )
    n_rows = len(found[where])
    for name, cells in columns.items():
        cells.extend(found.get(named.get(name, name), [""] * n_rows))
