"""MIMIC-CXR 2.1.0: 377,110 DICOM radiographs of 227,835 studies with their reports (https://doi.org/10.13026/4jqj-jw95)."""

from __future__ import annotations

from pathlib import Path

from medclip.core.dataset_files import find_root
from medclip.core.errors import DatasetError
from medclip.core.modality import DatasetFactory
from medclip.modalities.cxr.datasets._mimic import MimicOptions, open_mimic
from medclip.modalities.imaging.image_dataset import ImageDataset

__all__ = ["DATASET", "open_mimic_cxr"]


def open_mimic_cxr(
    root: Path | str | None,
    *,
    tables: str = "",
    labeler: str = "chexpert",
    uncertain: str = "open",
    unmentioned: str = "open",
    views: str = "all",
    with_reports: bool = True,
) -> ImageDataset:
    """Open MIMIC-CXR in its own layout; split, views and labels come from the tables of MIMIC-CXR-JPG.

    Args:
        root: The folder with ``files``, or one that holds a single such folder.
        tables: Folder with the tables of MIMIC-CXR-JPG; by default the same folder.
        labeler: See ``open_mimic_cxr_jpg``.
        uncertain: See ``open_mimic_cxr_jpg``.
        unmentioned: See ``open_mimic_cxr_jpg``.
        views: ``all``, ``frontal`` or ``lateral``.
        with_reports: Read the reports, from ``mimic-cxr-reports.zip`` or beside the studies; all at once when the data
            set is opened, about 200 MB.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, a table or a column is missing, or the tables contradict each other.
    """
    from medclip.core.cards import load_card

    card = load_card("mimic_cxr")
    folder = find_root(root, "files", card)
    where = Path(tables).expanduser() if tables else folder
    if not any(where.glob("mimic-cxr-2.0.0-split.csv*")):
        raise DatasetError(
            f"{where} lacks the official split of {card.title}",
            action="fetch the tables of MIMIC-CXR-JPG and give their folder as the option tables",
        )
    reports = folder if with_reports else None
    return open_mimic(folder, where, card, ".dcm", MimicOptions(labeler, uncertain, unmentioned, views, reports))


DATASET = DatasetFactory(
    name="mimic_cxr",
    description="MIMIC-CXR 2.1.0: 377,110 chest radiographs (DICOM) with reports",
    open=open_mimic_cxr,
)
