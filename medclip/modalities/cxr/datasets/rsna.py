"""RSNA Pneumonia Detection Challenge 2018: 26,684 labelled NIH radiographs with boxes (https://doi.org/10.1148/ryai.2019180041)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.dataset_files import find_root
from medclip.core.errors import DatasetError
from medclip.core.files import read_json
from medclip.core.modality import DatasetFactory
from medclip.modalities.cxr.datasets._radiographs import open_radiographs
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex, folds_of
from medclip.modalities.imaging.label_columns import check_choice, labels_from_tokens
from medclip.modalities.imaging.region_masks import Box, BoxRegions, parse_box

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_rsna"]

_BOXES, _CLASSES = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
_MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
_PRESENT = {"Lung Opacity": ("Pneumonia",), "Normal": ("Normal",)}
_OTHER = "No Lung Opacity / Not Normal"
_EXTENT = ("x", "y", "width", "height")


def open_rsna(
    root: Path | str | None,
    *,
    patients: str = "nih",
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> ImageDataset:
    """Open the labelled images of the challenge's second stage in their own layout; ``regions`` come from the boxes.

    The challenge calls an image a patient. Which images are of the same patient follows from the images of NIH
    ChestX-ray14 that they are, which RSNA publishes in a file of its own.

    Args:
        root: The folder with ``stage_2_train_labels.csv``, or one that holds a single such folder.
        patients: ``nih``: as ``pneumonia-challenge-dataset-mappings_2018.json`` in the same folder has it; ``image``:
            every image counts as a patient, so that a patient may lie on both sides of a split.
        split_seed: See ``patient_split``; the challenge's test labels are not published.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, a table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    check_choice("patients", patients, ("nih", "image"))
    card = load_card("rsna")
    folder = find_root(root, _BOXES, card)
    class_of = _read_classes(folder / _CLASSES, card)
    images = list(class_of)
    boxes = _read_boxes(folder / _BOXES, card, class_of)
    patient_ids = images if patients == "image" else _read_patients(folder / _MAPPING, images)
    index = ImageIndex(
        record_ids=images,
        patient_ids=patient_ids,
        folds=folds_of(patient_ids, split_seed, split_fractions),
        paths=[f"stage_2_train_images/{image}.dcm" for image in images],
        attributes={"view": ["frontal"] * len(images)},
    )
    labels = labels_from_tokens(
        list(class_of.values()),
        "rsna-pneumonia",
        split=lambda cell: {cell},
        present=_PRESENT,
        known={*_PRESENT, _OTHER},
        table=folder / _CLASSES,
    )
    return open_radiographs(folder, card, index, labels={"rsna-pneumonia": labels}, drawn=BoxRegions(boxes))


DATASET = DatasetFactory(
    name="rsna",
    description="RSNA Pneumonia Detection 2018: 26,684 frontal chest radiographs (DICOM) with boxes",
    open=open_rsna,
)


def _read_classes(path: Path, card: DataCard) -> dict[str, str]:
    """An image with several boxes has several rows of the same class."""
    columns = read_columns(path, card, ("patientId", "class"))
    class_of: dict[str, str] = {}
    for image, name in zip(columns["patientId"], columns["class"], strict=True):
        if class_of.setdefault(image, name) != name:
            raise DatasetError(f"{path} gives an image two classes", received=image, action="copy it again")
    return class_of


def _read_boxes(path: Path, card: DataCard, class_of: Mapping[str, str]) -> dict[str, dict[str, list[Box]]]:
    columns = read_columns(path, card, ("patientId", *_EXTENT, "Target"))
    boxes: dict[str, dict[str, list[Box]]] = {}
    extents = zip(*(columns[name] for name in _EXTENT), strict=True)
    for image, target, numbers in zip(columns["patientId"], columns["Target"], extents, strict=True):
        if (target == "1") != (class_of.get(image) == "Lung Opacity"):
            raise DatasetError(
                f"{_BOXES} and {_CLASSES} of {card.title} contradict each other",
                received=image,
                action="use both tables of the second stage",
            )
        if target == "1":
            box = parse_box(numbers, where=f"{path.name}, {image},", is_extent=True)
            boxes.setdefault(image, {}).setdefault("Pneumonia", []).append(box)
    return boxes


def _read_patients(path: Path, images: Sequence[str]) -> list[str]:
    if not path.is_file():
        raise DatasetError(
            f"{path.parent} lacks {path.name}, which tells the images of a patient",
            action="fetch it from RSNA's page of the challenge, or open the set with patients=image",
        )
    try:
        # Names of NIH's images begin with the number of the patient: 00000013_005.png.
        patient_of = {row["subset_img_id"]: str(row["img_id"]).split("_")[0] for row in read_json(path)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path} cannot be read ({type(error).__name__}: {error})", action="copy it again from its source"
        ) from error
    lacking = [image for image in images if image not in patient_of]
    if lacking:
        raise DatasetError(
            f"{path} lacks images of the challenge", received=lacking, action="copy it again from its source"
        )
    return [patient_of[image] for image in images]
