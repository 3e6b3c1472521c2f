"""RAD-ChestCT: 3,630 public chest CTs of Duke University with 84 findings (https://doi.org/10.5281/zenodo.6406114)."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.dataset import LabelTable
from medclip.core.dataset_files import find_root
from medclip.core.errors import DatasetError, FormatError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.modalities.ct.datasets._volumes import open_volumes
from medclip.modalities.imaging.columns import header_of, read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex
from medclip.modalities.imaging.image_files import image_paths
from medclip.modalities.imaging.label_columns import labels_from_columns

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_rad_chestct", "read_npz"]

_TABLES = {
    "train": "imgtrain_Abnormality_and_Location_Labels.csv",
    "valid": "imgvalid_Abnormality_and_Location_Labels.csv",
    "test": "imgtest_Abnormality_and_Location_Labels.csv",
}
_METADATA = "CT_Scan_Metadata_Complete_35747.csv"
# The publishers resampled every volume to this (https://github.com/rachellea/ct-volume-preprocessing).
_SPACING_MM = 0.8
# The findings of the tables that each of the 16 findings is, after the evaluation of CT-CLIP (arXiv 2403.17834).
_PARTS: Mapping[str, tuple[str, ...]] = {
    "Medical material": (
        *("catheter_or_port", "chest_tube", "clip", "gi_tube", "hardware", "heart_valve_replacement"),
        *("pacemaker_or_defib", "staple", "stent", "sternotomy", "suture", "tracheal_tube"),
    ),
    "Calcification": ("calcification",),
    "Cardiomegaly": ("cardiomegaly",),
    "Pericardial effusion": ("pericardial_effusion",),
    "Hiatal hernia": ("hernia",),
    "Lymphadenopathy": ("lymphadenopathy",),
    "Emphysema": ("emphysema",),
    "Atelectasis": ("atelectasis",),
    "Lung nodule": ("nodule", "nodulegr1cm"),
    "Lung opacity": ("opacity",),
    "Pulmonary fibrotic sequela": ("fibrosis",),
    "Pleural effusion": ("pleural_effusion",),
    "Peribronchial thickening": ("bronchial_wall_thickening",),
    "Consolidation": ("consolidation",),
    "Bronchiectasis": ("bronchiectasis",),
    "Interlobular septal thickening": ("septal_thickening",),
}


def open_rad_chestct(root: Path | str | None) -> ImageDataset:
    """Open RAD-ChestCT in its own layout, with the splits that it is published in: ``train``, ``valid``, ``test``.

    Its tables have a column for each finding at each place, ``nodule*right_upper_lobe``; a finding is present if it is
    at any place. The labels were found in the reports by a program.

    Args:
        root: The folder with a table of labels, or one that holds a single such folder; ``trn00001.npz`` and the like
            lie beside it or in a folder inside it.

    Raises:
        DatasetError: The folder, a table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    card = load_card("rad_chestct")
    folder = find_root(root, list(_TABLES.values()), card)
    patient_of = _read_patients(folder / _METADATA, card)
    scans: list[str] = []
    folds: list[str | None] = []
    tables = []
    for fold, name in _TABLES.items():
        if (folder / name).is_file():
            found, table = _read_labels(folder / name, card)
            scans += found
            folds += [fold] * len(found)
            tables.append(table.values)
    unknown = [scan for scan in scans if scan not in patient_of]
    if unknown:
        raise DatasetError(
            f"{_METADATA} lacks scans of {card.title}", received=unknown, action="copy it again from its source"
        )
    index = ImageIndex(
        record_ids=scans,
        patient_ids=[patient_of[scan] for scan in scans],
        folds=folds,
        paths=image_paths(folder, [f"{scan}.npz" for scan in scans], (".", "*")),
    )
    labels = LabelTable(LabelSet.load("rad-chestct").codes, np.concatenate(tables))
    return open_volumes(folder, card, index, labels={"rad-chestct": labels}, read=read_npz)


DATASET = DatasetFactory(
    name="rad_chestct",
    description="RAD-ChestCT: 3,630 chest CTs (NPZ, 0.8 mm) with 16 of 84 findings",
    open=open_rad_chestct,
)


def read_npz(path: Path) -> Sample:
    """Read a volume as its publishers store it: ``ct``, head to foot, front to back, right to left, from -1000 to 800.

    Its position in the patient was not kept: ``position_is_known`` is False, and the origin is that of the file.

    Raises:
        FormatError: It is damaged, or no such volume.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            stored = archive["ct"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(
            f"{path} is truncated or no volume of RAD-ChestCT", action="copy it again from its source"
        ) from error
    if stored.ndim != 3 or stored.dtype.kind not in "fi" or 0 in stored.shape:
        raise FormatError(
            f"{path} is no volume of RAD-ChestCT",
            received=f"{stored.dtype} of shape {stored.shape}",
            allowed="three axes of whole or decimal numbers",
        )
    return Sample(
        modality="ct",
        array=np.ascontiguousarray(stored[::-1], np.float32),
        record_id=path.stem,
        spacing_mm=(_SPACING_MM,) * 3,
        origin_mm=(0.0, 0.0, 0.0),
        direction=(0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0),
        attributes={"position_is_known": False},
        source=path.name,
    )


def _read_patients(path: Path, card: DataCard) -> dict[str, str]:
    columns = read_columns(path, card, ("NoteAcc_DEID", "MRN_DEID"))
    return dict(zip(columns["NoteAcc_DEID"], columns["MRN_DEID"], strict=True))


def _read_labels(path: Path, card: DataCard) -> tuple[list[str], LabelTable]:
    header = header_of(path, card)
    columns_of = {
        code: [name for name in header if name.split("*")[0] in parts and "*" in name] for code, parts in _PARTS.items()
    }
    lacking = [code for code, names in columns_of.items() if not names]
    if lacking:
        raise DatasetError(
            f"{path} has no column for some findings", received=lacking, action="copy it again from its source"
        )
    columns = read_columns(path, card, ("NoteAcc_DEID", *(name for names in columns_of.values() for name in names)))
    flags = {
        code: ["1" if "1" in cells else "0" for cells in _places(columns, names, path)]
        for code, names in columns_of.items()
    }
    return columns["NoteAcc_DEID"], labels_from_columns(flags, "rad-chestct", table=path)


def _places(columns: Mapping[str, list[str]], names: list[str], path: Path) -> list[set[str]]:
    """Return the flags of every scan, over all places."""
    flags = [
        {cell.removesuffix(".0") for cell in cells} for cells in zip(*(columns[name] for name in names), strict=True)
    ]
    odd = sorted({flag for found in flags for flag in found} - {"0", "1"})
    if odd:
        raise DatasetError(f"{path} holds another label than 0 and 1", received=odd, action="copy the table again")
    return flags
