"""CheXpert Plus: CheXpert's radiographs with their 187,711 reports (https://doi.org/10.48550/arXiv.2405.19538)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from medclip.core.dataset import LabelTable
from medclip.core.dataset_files import check_relative, find_root
from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.modalities.cxr.datasets._radiographs import ages_of, open_radiographs, sexes_of, view_columns
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex
from medclip.modalities.imaging.label_columns import check_choice, labels_from_columns

__all__ = ["DATASET", "open_chexpert_plus"]

_TABLE = "df_chexpert_plus_240401.csv"
_LABELS = "chexbert_labels"
_TEXTS = ("report", "findings", "impression")
_COLUMNS = ("path_to_image", "frontal_lateral", "ap_pa", "deid_patient_id", "report", "age", "sex", "split")


def open_chexpert_plus(
    root: Path | str | None,
    *,
    labels_from: str = "report",
    uncertain: str = "open",
    unmentioned: str = "open",
    views: str = "all",
) -> ImageDataset:
    """Open CheXpert Plus: ``df_chexpert_plus_240401.csv``, ``PNG/`` and, if there, ``chexbert_labels/``.

    Without the labels, which are published apart, it carries reports only. Its splits are those of CheXpert.

    Args:
        root: The folder with the table, or one that holds a single such folder.
        labels_from: The part of the report that the labels were found in: ``report``, ``findings`` or ``impression``.
        uncertain: What -1 becomes: ``open`` (NaN), ``absent`` (0) or ``present`` (1).
        unmentioned: What is not mentioned becomes: ``open`` (NaN) or ``absent`` (0).
        views: ``all``, ``frontal`` or ``lateral``.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, the table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    check_choice("labels_from", labels_from, _TEXTS)
    card = load_card("chexpert_plus")
    folder = find_root(root, _TABLE, card)
    columns = read_columns(folder / _TABLE, card, _COLUMNS)
    for name in set(columns["split"]):
        card.check_split(name)
    images = [check_relative(text, folder / _TABLE) for text in columns["path_to_image"]]
    index = ImageIndex(
        record_ids=[image.split("/", 1)[-1].rsplit(".", 1)[0] for image in images],
        patient_ids=columns["deid_patient_id"],
        folds=columns["split"],
        paths=[f"PNG/{image.rsplit('.', 1)[0]}.png" for image in images],
        reports=columns["report"],
        attributes={
            **view_columns(
                columns["ap_pa"], are_frontal=[text.lower() == "frontal" for text in columns["frontal_lateral"]]
            ),
            "age": ages_of(columns["age"]),
            "sex": sexes_of(columns["sex"]),
        },
    )
    path = folder / _LABELS / f"{labels_from}_fixed.json"
    labels: dict[str, LabelTable] = {}
    if path.is_file():
        cells = _read_labels(path, images)
        whole = labels_from_columns(cells, "chexpert", table=path, uncertain=uncertain, unmentioned=unmentioned)
        labels = {"chexpert": whole, "chexpert-5": whole.select(LabelSet.load("chexpert-5").codes)}
    return open_radiographs(folder, card, index, labels=labels, views=views)


DATASET = DatasetFactory(
    name="chexpert_plus",
    description="CheXpert Plus: 223,228 chest radiographs with 187,711 reports",
    open=open_chexpert_plus,
)


def _read_labels(path: Path, images: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Read one JSON object per line and return its values for every image, by finding."""
    codes = LabelSet.load("chexpert").codes
    found: dict[str, list[str]] = {}
    try:
        with path.open(encoding="utf-8") as file:
            for line in filter(str.strip, file):
                row = json.loads(line)
                found[row["path_to_image"]] = [_cell(row[code]) for code in codes]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(
            f"{path} cannot be read as labels ({type(error).__name__}: {error})", action="copy it again"
        ) from error
    lacking = [image for image in images if image not in found]
    if lacking:
        raise DatasetError(
            f"{path} labels other images than {_TABLE} lists",
            received=f"{len(lacking)} images without labels, the first {lacking[0]}",
            action="use both files of the same version",
        )
    table = np.array([found[image] for image in images], dtype=object)
    return {code: table[:, position].tolist() for position, code in enumerate(codes)}


def _cell(value: object) -> str:
    return "" if value is None else str(value)
