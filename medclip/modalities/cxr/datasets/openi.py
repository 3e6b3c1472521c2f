"""Open-i, the Indiana University collection: 7,470 radiographs of 3,955 reports (https://openi.nlm.nih.gov/faq#collection)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from medclip.core.dataset_files import find_root, first_present
from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.xml import parse_xml
from medclip.modalities.cxr.datasets._openi_labels import codes_of
from medclip.modalities.cxr.datasets._radiographs import open_radiographs
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex, folds_of
from medclip.modalities.imaging.image_files import image_paths
from medclip.modalities.imaging.label_columns import labels_from_tokens

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_openi"]

_REPORTS = ("ecgen-radiology", "NLMCXR_reports/ecgen-radiology", "NLMCXR_reports")
_IMAGES = ("NLMCXR_png", "NLMCXR_dcm/*", "images", "images/images_normalized")
_PROJECTIONS = "indiana_projections.csv"
_UNINDEXED = "No Indexing"


@dataclass(frozen=True)
class _Study:
    """One report: its text, its indexing terms, and the images that it is about."""

    uid: str
    text: str
    terms: tuple[str, ...]
    images: tuple[str, ...]


def open_openi(
    root: Path | str | None,
    *,
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
    views: str = "all",
) -> ImageDataset:
    """Open the collection in its own layout: ``ecgen-radiology/1.xml`` and ``NLMCXR_png/CXR1_1_IM-0001-3001.png``.

    A report is one patient's only one. Its labels come from the MeSH and RadLex terms that people gave it; a finding
    without a term is absent, a report that was not indexed is not assessed. The text is that of all sections, each
    after its name; ``XXXX`` stands for words that were removed.

    Args:
        root: The folder with the reports and the images.
        split_seed: See ``patient_split``; the collection has no official split.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.
        views: ``all``, or ``frontal`` or ``lateral`` if ``indiana_projections.csv`` lies in the folder; the publishers
            do not say how an image was taken.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, a report or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    card = load_card("openi")
    folder = find_root(root, _REPORTS, card)
    studies = _read_studies(first_present(folder, _REPORTS, card), card)
    pairs = [(study, image) for study in studies for image in study.images]
    view_of = _read_views(folder / _PROJECTIONS, card)
    patients = [study.uid for study, _ in pairs]
    index = ImageIndex(
        record_ids=[image for _, image in pairs],
        patient_ids=patients,
        folds=folds_of(patients, split_seed, split_fractions),
        paths=_paths(folder, [image for _, image in pairs]),
        reports=[study.text for study, _ in pairs],
        attributes={"view": [view_of.get(_short(image), "unknown") for _, image in pairs]},
    )
    # Terms hold commas and slashes, never line breaks.
    cells = [None if _UNINDEXED in study.terms or not study.terms else "\n".join(study.terms) for study, _ in pairs]
    whole = labels_from_tokens(
        cells,
        "chexpert",
        split=lambda cell: codes_of(cell.split("\n")),
        present={code: (code,) for code in LabelSet.load("chexpert").codes},
    )
    labels = {"chexpert": whole, "chexpert-5": whole.select(LabelSet.load("chexpert-5").codes)}
    return open_radiographs(folder, card, index, labels=labels, views=views)


DATASET = DatasetFactory(
    name="openi",
    description="Open-i (Indiana University): 7,470 chest radiographs of 3,955 indexed reports",
    open=open_openi,
)


def _read_studies(folder: Path, card: DataCard) -> list[_Study]:
    paths = sorted(folder.glob("*.xml"), key=lambda path: (len(path.stem), path.stem))
    if not paths:
        raise DatasetError(f"{folder} holds no report of {card.title}", action=f"fetch them from {card.url}")
    return [_study(parse_xml(path, root="eCitation"), path) for path in paths]


def _study(root: ElementTree.Element, path: Path) -> _Study:
    uid = root.find("uId")
    if uid is None or not uid.get("id"):
        raise DatasetError(f"{path} is no report of Open-i", received=root.tag, action="copy it again from its source")
    sections = [
        (str(section.get("Label", "")), " ".join((section.text or "").split()))
        for section in root.iterfind("MedlineCitation/Article/Abstract/AbstractText")
    ]
    return _Study(
        uid=str(uid.get("id")),
        text="\n\n".join(f"{label}: {text}" for label, text in sections if text),
        terms=tuple(" ".join(term.text.split()) for term in root.iterfind("MeSH/major") if term.text),
        images=tuple(str(image.get("id")) for image in root.iterfind("parentImage") if image.get("id")),
    )


def _paths(folder: Path, images: Sequence[str]) -> list[str]:
    """Images are PNG or DICOM files called by their identifier."""
    suffix = ".dcm" if not (folder / _IMAGES[0]).is_dir() and any(folder.glob(f"{_IMAGES[1]}/*.dcm")) else ".png"
    return image_paths(folder, [f"{image}{suffix}" for image in images], _IMAGES)


def _read_views(path: Path, card: DataCard) -> dict[str, str]:
    """Read the table that a later copy of the collection comes with: 1_IM-0001-4001.dcm.png, Frontal."""
    if not path.is_file():
        return {}
    columns = read_columns(path, card, ("filename", "projection"))
    return {
        name.split(".")[0]: projection.lower()
        for name, projection in zip(columns["filename"], columns["projection"], strict=True)
        if projection in ("Frontal", "Lateral")
    }


def _short(image: str) -> str:
    """Return an identifier as that table has it: CXR1_1_IM-0001-3001 and CXR2_IM-0652-1001 lose what is doubled."""
    return re.sub(r"^(\d+)_\1_", r"\1_", image.removeprefix("CXR"))
