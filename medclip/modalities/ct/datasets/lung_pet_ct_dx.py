"""Lung-PET-CT-Dx: CTs of 355 patients with lung cancer, with boxes (https://doi.org/10.7937/TCIA.2020.NNC2-0461)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

import numpy as np

from medclip.core.dataset_files import find_root
from medclip.core.errors import DatasetError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.core.xml import parse_xml
from medclip.modalities.ct.datasets._tcia import METADATA, Series, list_series, masks_on_volume
from medclip.modalities.ct.datasets._volumes import open_volumes, read_series_folder
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex, folds_of
from medclip.modalities.imaging.label_columns import labels_from_tokens
from medclip.modalities.imaging.region_masks import Box, box_mask, parse_box

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_lung_pet_ct_dx"]

_PREFIX = "Lung_Dx-"
_ANNOTATIONS = ("Annotation", "annotations")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def open_lung_pet_ct_dx(
    root: Path | str | None, *, split_seed: int = 0, split_fractions: Mapping[str, float] | None = None
) -> ImageDataset:
    """Open the CT series of the collection as its downloader and its archive of annotations leave them.

    That is ``metadata.csv``, the folders it names, and ``Annotation/A0001/SOPINSTANCEUID.xml``. The letter in a
    patient's name is the kind of tumour, which is the label of all of the patient's series; a series with boxes has
    ``regions``.

    Args:
        root: The folder with ``metadata.csv``, or one that holds a single such folder.
        split_seed: See ``patient_split``; the collection has no official split.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.

    Raises:
        DatasetError: The folder, the table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    card = load_card("lung_pet_ct_dx")
    folder = find_root(root, METADATA, card)
    series = list_series(folder, card)
    patients = [one.subject for one in series]
    index = ImageIndex(
        record_ids=[one.uid for one in series],
        patient_ids=patients,
        folds=folds_of(patients, split_seed, split_fractions),
        paths=[one.path for one in series],
        attributes={"device": [one.maker for one in series], "description": [one.description for one in series]},
    )
    labels = labels_from_tokens([_kind(one, card) for one in series], "lung-pet-ct-dx", split=lambda cell: {cell})
    annotations = next((folder / name for name in _ANNOTATIONS if (folder / name).is_dir()), None)
    regions = _Tumours(annotations, {one.uid: one.subject.removeprefix(_PREFIX) for one in series})
    return open_volumes(
        folder, card, index, labels={"lung-pet-ct-dx": labels}, read=read_series_folder, regions=regions
    )


DATASET = DatasetFactory(
    name="lung_pet_ct_dx",
    description="Lung-PET-CT-Dx: chest CTs (DICOM) of 355 patients with lung cancer, with boxes",
    open=open_lung_pet_ct_dx,
)


def _kind(series: Series, card: DataCard) -> str:
    name = series.subject.removeprefix(_PREFIX)
    codes = LabelSet.load("lung-pet-ct-dx").codes
    if name[:1] not in codes:
        raise DatasetError(
            f"{card.title} names a patient otherwise than it may",
            received=series.subject,
            allowed=[f"{_PREFIX}{code}0001" for code in codes],
        )
    return name[0]


@dataclass(frozen=True)
class _Tumours:
    """The boxes of a patient's images, one file an image, read when a series is."""

    folder: Path | None
    patient_of: Mapping[str, str]

    def __call__(self, record_id: str, sample: Sample, path: Path) -> dict[str, np.ndarray]:
        if self.folder is None:
            return {}
        files = sorted((self.folder / self.patient_of[record_id]).glob("*.xml"))
        return masks_on_volume({file.stem: _masks(file) for file in files}, sample, path)


def _masks(path: Path) -> dict[str, np.ndarray]:
    """Read boxes as PASCAL VOC has them."""
    root = parse_xml(path, root="annotation")
    shape = (_number(root, "size/height", path), _number(root, "size/width", path))
    codes = LabelSet.load("lung-pet-ct-dx").codes
    boxes: dict[str, list[Box]] = {}
    for drawn in root.iter("object"):
        code = (drawn.findtext("name") or "").strip().upper()
        if code not in codes:
            raise DatasetError(f"{path} names another kind of tumour than it may", received=code, allowed=codes)
        numbers = [(drawn.findtext(f"bndbox/{name}") or "").strip() for name in _CORNERS]
        boxes.setdefault(code, []).append(parse_box(numbers, where=str(path), is_extent=False))
    return {code: box_mask(shape, found) for code, found in boxes.items()}


def _number(root: Element, name: str, path: Path) -> int:
    text = (root.findtext(name) or "").strip()
    if not text.isdigit() or not 0 < int(text) <= 1 << 14:
        raise DatasetError(f"{path} states no usable size of its image", received=text, action="copy it again")
    return int(text)
