"""The tables and reports that MIMIC-CXR and MIMIC-CXR-JPG share: views, official split, labels, texts."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medclip.core.dataset import LabelTable
from medclip.core.dataset_files import find_folder, first_present
from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.modalities.cxr.datasets._radiographs import open_radiographs, view_columns
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex
from medclip.modalities.imaging.label_columns import check_choice, labels_from_columns

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["MimicOptions", "open_mimic"]

_SPLIT, _METADATA = "mimic-cxr-2.0.0-split.csv", "mimic-cxr-2.0.0-metadata.csv"
_LABELS = {"chexpert": "mimic-cxr-2.0.0-chexpert.csv", "negbio": "mimic-cxr-2.0.0-negbio.csv"}
_REPORTS_ARCHIVE = "mimic-cxr-reports.zip"
_N_READERS = 8


@dataclass(frozen=True)
class MimicOptions:
    """How the tables are read; see ``open_mimic_cxr_jpg``."""

    labeler: str
    uncertain: str
    unmentioned: str
    views: str
    reports: Path | None


def open_mimic(folder: Path, tables: Path, card: DataCard, suffix: str, options: MimicOptions) -> ImageDataset:
    """Join the tables by identifier and make the data set.

    Args:
        folder: Folder that holds ``files``.
        tables: Folder that holds the tables of MIMIC-CXR-JPG, gzipped or not.
        card: Card of the data set.
        suffix: Of the image files, ``.dcm`` or ``.jpg``.
        options: How they are read.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: A table, a column or a record is missing, or the tables contradict each other.
    """
    check_choice("labeler", options.labeler, tuple(_LABELS))
    split = _read(tables, _SPLIT, card, ("dicom_id", "study_id", "subject_id", "split"))
    for name in set(split["split"]):
        card.check_split(name)
    dicom_ids, studies, subjects = split["dicom_id"], split["study_id"], split["subject_id"]
    metadata = _read(tables, _METADATA, card, ("dicom_id", "ViewPosition"))
    projection_of = dict(zip(metadata["dicom_id"], metadata["ViewPosition"], strict=True))
    projections = [projection_of.get(dicom_id, "") for dicom_id in dicom_ids]
    index = ImageIndex(
        record_ids=dicom_ids,
        patient_ids=subjects,
        folds=split["split"],
        paths=[
            f"files/p{subject[:2]}/p{subject}/s{study}/{dicom_id}{suffix}"
            for dicom_id, study, subject in zip(dicom_ids, studies, subjects, strict=True)
        ],
        reports=() if options.reports is None else _reports(options.reports, studies, subjects, card),
        attributes={**view_columns(projections), "study_id": studies},
    )
    labels = _labels(tables, card, options, studies, subjects)
    return open_radiographs(folder, card, index, labels=labels, views=options.views)


def _read(folder: Path, name: str, card: DataCard, columns: Sequence[str]) -> Mapping[str, list[str]]:
    path = first_present(folder, (f"{name}.gz", name), card)
    return read_columns(path, card, columns, declared_as=f"{name}.gz")


def _labels(
    folder: Path, card: DataCard, options: MimicOptions, studies: Sequence[str], subjects: Sequence[str]
) -> dict[str, LabelTable]:
    """Labels are written by study; a study without a row was not assessed."""
    name = _LABELS[options.labeler]
    columns = _read(folder, name, card, ("subject_id", "study_id", *LabelSet.load("chexpert").codes))
    table = labels_from_columns(
        columns, "chexpert", table=folder / name, uncertain=options.uncertain, unmentioned=options.unmentioned
    )
    row_of = {study: row for row, study in enumerate(columns["study_id"])}
    if len(row_of) < len(columns["study_id"]):
        raise DatasetError(f"{folder / name} describes a study more than once", action="copy it again from its source")
    owner_of = dict(zip(columns["study_id"], columns["subject_id"], strict=True))
    torn = [study for study, subject in zip(studies, subjects, strict=True) if owner_of.get(study, subject) != subject]
    if torn:
        raise DatasetError(
            f"{_SPLIT} and {name} give the same study to different patients",
            received=f"{len(set(torn))} studies",
            action="use both tables of the same version",
        )
    values = np.vstack([table.values, np.full((1, len(table.codes)), np.nan, np.float32)])
    whole = LabelTable(table.codes, values[[row_of.get(study, -1) for study in studies]])
    return {"chexpert": whole, "chexpert-5": whole.select(LabelSet.load("chexpert-5").codes)}


def _reports(root: Path, studies: Sequence[str], subjects: Sequence[str], card: DataCard) -> list[str | None]:
    """Read each study's text once, from the published archive or the folders that it unpacks to."""
    folder = find_folder(root, card)
    names = {
        study: f"files/p{subject[:2]}/p{subject}/s{study}.txt" for study, subject in zip(studies, subjects, strict=True)
    }
    archive = folder / _REPORTS_ARCHIVE
    texts = _from_archive(archive, names) if archive.is_file() else _from_folder(folder, names)
    if not any(texts.values()):
        raise DatasetError(
            f"{folder} holds no report of {card.title}",
            action=f"fetch {_REPORTS_ARCHIVE} of MIMIC-CXR, or open it without reports",
        )
    return [texts[study] for study in studies]


def _from_archive(path: Path, names: Mapping[str, str]) -> dict[str, str | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            held = set(archive.namelist())
            return {
                study: archive.read(name).decode("utf-8") if name in held else None for study, name in names.items()
            }
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read ({error})", action="copy it again from its source") from error


def _from_folder(folder: Path, names: Mapping[str, str]) -> dict[str, str | None]:
    base = folder / "mimic-cxr-reports" if (folder / "mimic-cxr-reports").is_dir() else folder
    with ThreadPoolExecutor(_N_READERS) as pool:
        texts = pool.map(lambda name: _text(base / name), names.values(), chunksize=256)
        return dict(zip(names, texts, strict=True))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read ({error})", action="copy it again from its source") from error
