"""CheXpert 1.0: 224,316 radiographs of 65,240 patients (https://stanfordmlgroup.github.io/competitions/chexpert)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.dataset_files import check_relative, find_root
from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.modalities.cxr.datasets._radiographs import ages_of, open_radiographs, sexes_of, view_columns
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex
from medclip.modalities.imaging.label_columns import labels_from_columns

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_chexpert"]

# The test set was published later, in a table with paths and labels only.
_TABLES = {"train": ("train.csv",), "valid": ("valid.csv",), "test": ("test.csv", "test_labels.csv")}
_PEOPLE = ("Sex", "Age", "Frontal/Lateral", "AP/PA")


def open_chexpert(
    root: Path | str | None, *, uncertain: str = "open", unmentioned: str = "open", views: str = "all"
) -> ImageDataset:
    """Open CheXpert, in full size or small, with the splits that it is published in: ``train``, ``valid``, ``test``.

    Labels of ``train`` were found in the reports by a program: 1 stated, 0 denied, -1 uncertain, empty not mentioned;
    those of ``valid`` and ``test`` are radiologists' and complete.

    Args:
        root: The folder with ``train.csv`` or ``valid.csv``, or one that holds a single such folder.
        uncertain: What -1 becomes: ``open`` (NaN), ``absent`` (0, the publishers' U-Zeros) or ``present`` (U-Ones).
        unmentioned: What an empty cell becomes: ``open`` (NaN), or ``absent`` (0) as many papers have it.
        views: ``all``, ``frontal`` or ``lateral``.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, a table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    card = load_card("chexpert")
    folder = find_root(root, [name for names in _TABLES.values() for name in names], card)
    codes = LabelSet.load("chexpert").codes
    columns: dict[str, list[str]] = {name: [] for name in ("Path", *codes, *_PEOPLE)}
    folds: list[str | None] = []
    for fold, names in _TABLES.items():
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is not None:
            _append(columns, read_columns(path, card, ("Path", *codes), optional=_PEOPLE))
            folds += [fold] * (len(columns["Path"]) - len(folds))
    paths = [_path(text, folder, card) for text in columns["Path"]]
    index = ImageIndex(
        record_ids=[path.split("/", 1)[1].rsplit(".", 1)[0] for path in paths],
        patient_ids=[path.split("/")[1] for path in paths],
        folds=folds,
        paths=paths,
        attributes={
            **view_columns(columns["AP/PA"], are_frontal=["lateral" not in path.lower() for path in paths]),
            "age": ages_of(columns["Age"]),
            "sex": sexes_of(columns["Sex"]),
        },
    )
    table = labels_from_columns(
        {code: columns[code] for code in codes},
        "chexpert",
        table=folder,
        uncertain=uncertain,
        unmentioned=unmentioned,
    )
    labels = {"chexpert": table, "chexpert-5": table.select(LabelSet.load("chexpert-5").codes)}
    return open_radiographs(folder, card, index, labels=labels, views=views)


DATASET = DatasetFactory(
    name="chexpert",
    description="CheXpert 1.0: 224,316 chest radiographs with 14 findings, uncertain ones marked",
    open=open_chexpert,
)


def _append(columns: Mapping[str, list[str]], more: Mapping[str, list[str]]) -> None:
    n_rows = len(more["Path"])
    for name, cells in columns.items():
        cells.extend(more.get(name, [""] * n_rows))


def _path(text: str, folder: Path, card: DataCard) -> str:
    """Leave out the name of the release that paths begin with: ``CheXpert-v1.0-small/train/...``."""
    parts = check_relative(text, folder).split("/")
    inner = parts[1:] if parts[0].lower().startswith("chexpert") else parts
    if len(inner) < 4 or not inner[1].startswith("patient"):
        raise DatasetError(
            f"a table of {card.title} holds another path than it may",
            received=text,
            allowed="train/patient00001/study1/view1_frontal.jpg",
            action="copy the table again from its source",
        )
    return "/".join(inner)
