"""CT-RATE: 50,188 reconstructions of 25,692 chest CTs with reports (https://huggingface.co/datasets/ibrahimhamamci/CT-RATE)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.dataset_files import find_root
from medclip.core.demographics import device_of, sex_of
from medclip.core.errors import DatasetError, FormatError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.modalities.ct.datasets._volumes import age_of, open_volumes, read_nifti
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex
from medclip.modalities.imaging.label_columns import check_choice, labels_from_columns
from medclip.modalities.report.sections import table_sections

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "check_hounsfield", "open_ct_rate"]

_LABELS = {
    "train": "multi_abnormality_labels/train_predicted_labels.csv",
    "valid": "multi_abnormality_labels/valid_predicted_labels.csv",
}
_REPORTS = {
    "train": "radiology_text_reports/train_reports.csv",
    "valid": "radiology_text_reports/validation_reports.csv",
}
_METADATA = {"train": "metadata/train_metadata.csv", "valid": "metadata/validation_metadata.csv"}
_SECTIONS = ("ClinicalInformation_EN", "Technique_EN", "Findings_EN", "Impressions_EN")
_NAME = re.compile(r"((train|valid)_\d+)_([a-z]+)_(\d+)\.nii\.gz")
# Air makes up more than a hundredth of a chest CT, and what is denser than lung more than a tenth.
_AIR_AT_MOST, _TISSUE_AT_LEAST = -200.0, -500.0


def open_ct_rate(root: Path | str | None, *, release: str = "fixed", reconstructions: str = "all") -> ImageDataset:
    """Open CT-RATE in its own layout, with the splits ``train`` and ``valid``.

    ``train_12_a_2`` is the second reconstruction of examination ``a`` of patient ``train_12``; all reconstructions of
    an examination have one report and the same labels. Labels of ``train`` were found in the reports by a network.

    The table of metadata states a rescale intercept, -8192 for many volumes. The fixed release is in Hounsfield units
    already and must not be rescaled by it; the original release must. Whichever is read, a volume whose values cannot
    be Hounsfield units of a chest is refused.

    Args:
        root: The folder ``dataset``, or the one around it.
        release: ``fixed`` (folders ``train_fixed`` and ``valid_fixed``), or ``original`` (``train`` and ``valid``),
            which needs the metadata: slope, intercept and spacing are taken from there, and the position in the
            patient is not known.
        reconstructions: ``all``, or ``first`` for one reconstruction of each examination.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, a table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    check_choice("release", release, ("fixed", "original"))
    check_choice("reconstructions", reconstructions, ("all", "first"))
    card = load_card("ct_rate")
    folder = find_root(root, list(_LABELS.values()), card)
    codes = LabelSet.load("ct-rate").codes
    columns = _join(folder, _LABELS, card, ("VolumeName", *codes))
    names = [_parse(name, card) for name in columns["VolumeName"]]
    metadata = _rows_by_volume(
        folder,
        _METADATA,
        card,
        (
            "PatientSex",
            "PatientAge",
            "Manufacturer",
            "ManufacturerModelName",
            "RescaleSlope",
            "RescaleIntercept",
            "XYSpacing",
            "ZSpacing",
        ),
    )
    about = [metadata.get(name, {}) for name in columns["VolumeName"]]
    reports = _rows_by_volume(folder, _REPORTS, card, _SECTIONS)
    suffix = "_fixed" if release == "fixed" else ""
    index = ImageIndex(
        record_ids=[name.removesuffix(".nii.gz") for name in columns["VolumeName"]],
        patient_ids=[patient for patient, *_ in names],
        folds=[fold for _, fold, *_ in names],
        paths=[
            f"{fold}{suffix}/{patient}/{patient}_{examination}/{patient}_{examination}_{number}.nii.gz"
            for patient, fold, examination, number in names
        ],
        reports=[_text(reports[name]) if name in reports else None for name in columns["VolumeName"]],
        attributes={
            "sex": [sex_of(row.get("PatientSex", "")) for row in about],
            "age": [age_of(row.get("PatientAge", "")) for row in about],
            "device": [device_of(row.get("Manufacturer", ""), row.get("ManufacturerModelName", "")) for row in about],
            "study_id": [f"{patient}_{examination}" for patient, _, examination, _ in names],
        },
    )
    labels = labels_from_columns({code: columns[code] for code in codes}, "ct-rate", table=folder)
    if reconstructions == "first":
        rows = list({study: row for row, study in reversed(list(enumerate(index.attributes["study_id"])))}.values())
        index, labels = index.select(sorted(rows)), labels.rows(sorted(rows))
    read = read_fixed if release == "fixed" else _ReadOriginal(metadata)
    return open_volumes(folder, card, index, labels={"ct-rate": labels}, read=read)


DATASET = DatasetFactory(
    name="ct_rate",
    description="CT-RATE: 50,188 chest CT reconstructions (NIfTI) with reports and 18 findings",
    open=open_ct_rate,
)


def read_fixed(path: Path) -> Sample:
    """Read a volume that is in Hounsfield units already."""
    return check_hounsfield(read_nifti(path), path)


@dataclass(frozen=True)
class _ReadOriginal:
    """Reads a volume of stored values with what the table of metadata says of it."""

    metadata: Mapping[str, Mapping[str, str]]

    def __call__(self, path: Path) -> Sample:
        row = self.metadata.get(path.name, {})
        try:
            slope, intercept = float(row["RescaleSlope"]), float(row["RescaleIntercept"])
            in_plane = [float(number) for number in row["XYSpacing"].strip("[] ").split(",")]
            spacing = (float(row["ZSpacing"]), in_plane[0], in_plane[-1])
        except (KeyError, ValueError) as error:
            raise DatasetError(
                f"the metadata of CT-RATE lack slope, intercept or spacing of {path.name}",
                action="fetch metadata/train_metadata.csv and metadata/validation_metadata.csv",
            ) from error
        sample = read_nifti(path, scaling=(slope, intercept))
        attributes = {**sample.attributes, "position_is_known": False}
        return check_hounsfield(sample.replace(spacing_mm=spacing, attributes=attributes), path)


def check_hounsfield(sample: Sample, path: Path) -> Sample:
    """Return a chest CT whose values can be Hounsfield units.

    Raises:
        FormatError: It holds no air, or hardly anything else: it was not rescaled, or twice.
    """
    # Every 8th voxel along each axis; the percentiles of what is left differ by a few units.
    seen = sample.array[::8, ::8, ::8] if min(sample.array.shape) >= 64 else sample.array
    air, tissue = np.nanpercentile(seen, (1, 90))
    if air > _AIR_AT_MOST or tissue < _TISSUE_AT_LEAST:
        raise FormatError(
            f"the values of {path} are no Hounsfield units of a chest",
            received=f"1 % of the voxels below {air:.0f} and 10 % above {tissue:.0f}",
            allowed=f"1 % below {_AIR_AT_MOST:.0f} and 10 % above {_TISSUE_AT_LEAST:.0f}",
            action="open the data set with the other release: the original needs rescaling, the fixed one must not be",
        )
    return sample


def _parse(name: str, card: DataCard) -> tuple[str, str, str, str]:
    matched = _NAME.fullmatch(name)
    if matched is None:
        raise DatasetError(
            f"a table of {card.title} holds another name than it may", received=name, allowed="train_1_a_1.nii.gz"
        )
    return matched[1], matched[2], matched[3], matched[4]


def _join(folder: Path, tables: Mapping[str, str], card: DataCard, columns: Sequence[str]) -> dict[str, list[str]]:
    """Return the rows of the tables that are there, one after the other."""
    joined: dict[str, list[str]] = {name: [] for name in columns}
    for table in tables.values():
        if (folder / table).is_file():
            found = read_columns(folder / table, card, columns, declared_as=table)
            for name, cells in joined.items():
                cells += found[name]
    return joined


def _rows_by_volume(
    folder: Path, tables: Mapping[str, str], card: DataCard, columns: Sequence[str]
) -> dict[str, dict[str, str]]:
    joined = _join(folder, tables, card, ("VolumeName", *columns))
    rows = zip(*(joined[name] for name in columns), strict=True)
    return {
        volume: dict(zip(columns, row, strict=True)) for volume, row in zip(joined["VolumeName"], rows, strict=True)
    }


def _text(row: Mapping[str, str]) -> str:
    return table_sections(row).to_text()
