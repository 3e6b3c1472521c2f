"""MIMIC-CXR-JPG 2.1.0: 377,110 radiographs of 65,379 patients as JPEG (https://doi.org/10.13026/jsn5-t979)."""

from __future__ import annotations

from pathlib import Path

from medclip.core.dataset_files import find_root
from medclip.core.modality import DatasetFactory
from medclip.modalities.cxr.datasets._mimic import MimicOptions, open_mimic
from medclip.modalities.imaging.image_dataset import ImageDataset

__all__ = ["DATASET", "open_mimic_cxr_jpg"]

_TABLES = ("mimic-cxr-2.0.0-split.csv.gz", "mimic-cxr-2.0.0-split.csv")


def open_mimic_cxr_jpg(
    root: Path | str | None,
    *,
    labeler: str = "chexpert",
    uncertain: str = "open",
    unmentioned: str = "open",
    views: str = "all",
    reports: str = "",
) -> ImageDataset:
    """Open MIMIC-CXR-JPG in its own layout, with its official split (``train``, ``validate``, ``test``).

    Its labels were found in the reports by a program: 1 stated, 0 denied, -1 uncertain, empty not mentioned. "No
    Finding" is 1 or empty, so that it has negatives only with ``unmentioned="absent"``.

    Args:
        root: The folder with ``files`` and the tables, or one that holds a single such folder.
        labeler: Which program: ``chexpert`` or ``negbio``.
        uncertain: What -1 becomes: ``open`` (NaN), ``absent`` (0) or ``present`` (1).
        unmentioned: What an empty cell becomes: ``open`` (NaN), or ``absent`` (0) as many papers have it.
        views: ``all``, ``frontal`` or ``lateral``.
        reports: Folder of MIMIC-CXR with ``mimic-cxr-reports.zip`` or the texts that it unpacks to; the JPEG release
            has no reports.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, a table or a column is missing, or the tables contradict each other.
    """
    from medclip.core.cards import load_card

    card = load_card("mimic_cxr_jpg")
    folder = find_root(root, _TABLES, card)
    options = MimicOptions(labeler, uncertain, unmentioned, views, Path(reports) if reports else None)
    return open_mimic(folder, folder, card, ".jpg", options)


DATASET = DatasetFactory(
    name="mimic_cxr_jpg",
    description="MIMIC-CXR-JPG 2.1.0: 377,110 chest radiographs with CheXpert and NegBio labels",
    open=open_mimic_cxr_jpg,
)
