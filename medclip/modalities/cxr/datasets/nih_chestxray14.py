"""NIH ChestX-ray14: 112,120 frontal radiographs of 30,805 patients (https://nihcc.app.box.com/v/ChestXray-NIHCC)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medclip.core.dataset_files import find_root, first_present
from medclip.core.errors import ConfigError, DatasetError
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.core.splits import patient_split
from medclip.modalities.cxr.datasets._radiographs import ages_of, open_radiographs, sexes_of, view_columns
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex, folds_of
from medclip.modalities.imaging.image_files import image_paths
from medclip.modalities.imaging.label_columns import check_choice, labels_from_tokens
from medclip.modalities.imaging.region_masks import Box, BoxRegions, parse_box

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["DATASET", "open_nih_chestxray14"]

_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_BOXES = "BBox_List_2017.csv"
_NORMAL = "No Finding"
# The table of boxes shortens one finding.
_BOX_NAMES = {"Infiltrate": "Infiltration"}
_FOLDERS = ("images", "images_*/images", "images_*")


def open_nih_chestxray14(
    root: Path | str | None,
    *,
    split: str = "official",
    validation_share: float = 0.125,
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
    views: str = "all",
) -> ImageDataset:
    """Open NIH ChestX-ray14 in its own layout; a record that some boxes were drawn on has ``regions``.

    The labels were found in the reports by a program; every finding counts as assessed. The images of RSNA's and
    SIIM's challenges and of ChestX-Det10 are among these.

    Args:
        root: The folder with ``Data_Entry_2017_v2020.csv`` or ``Data_Entry_2017.csv``, gzipped or not, or one that
            holds a single such folder.
        split: ``official`` (``test_list.txt``, patients of which are in no other list) or ``patients`` (by hash).
        validation_share: Share of the patients outside the official test list, 0 to less than 1, that are
            ``validation``; the publishers name none.
        split_seed: See ``patient_split``.
        split_fractions: Shares for ``split="patients"``; None for 70, 10 and 20 %.
        views: ``all`` or ``frontal``, which is the same here.

    Raises:
        ConfigError: An option is out of range.
        DatasetError: The folder, a table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    check_choice("split", split, ("official", "patients"))
    if not 0 <= validation_share < 1:
        raise ConfigError("validation_share is out of range", received=validation_share, allowed="0 to less than 1")
    card = load_card("nih_chestxray14")
    names = [f"{table}{suffix}" for table in _TABLES for suffix in ("", ".gz")]
    folder = find_root(root, names, card)
    table = first_present(folder, names, card)
    wanted = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "Patient Gender", "View Position")
    columns = read_columns(table, card, wanted, declared_as="Data_Entry_2017.csv")
    images, patients = columns["Image Index"], columns["Patient ID"]
    shares = {"train": 1 - validation_share, "validation": validation_share}
    index = ImageIndex(
        record_ids=images,
        patient_ids=patients,
        folds=folds_of(patients, split_seed, split_fractions)
        if split == "patients"
        else _official(folder, card, images, patients, {name: share for name, share in shares.items() if share}),
        paths=image_paths(folder, images, _FOLDERS),
        attributes={
            **view_columns(columns["View Position"]),
            "age": ages_of(columns["Patient Age"]),
            "sex": sexes_of(columns["Patient Gender"]),
        },
    )
    codes = LabelSet.load("nih-chestxray14").codes
    labels = labels_from_tokens(
        columns["Finding Labels"],
        "nih-chestxray14",
        split=lambda cell: cell.split("|"),
        known={*codes, _NORMAL},
        table=table,
    )
    boxes = BoxRegions(_read_boxes(folder, card, set(images), codes))
    return open_radiographs(
        folder, card, index, labels={"nih-chestxray14": labels}, views=views, drawn=boxes if boxes.boxes else None
    )


DATASET = DatasetFactory(
    name="nih_chestxray14",
    description="NIH ChestX-ray14: 112,120 frontal chest radiographs with 14 findings and 984 boxes",
    open=open_nih_chestxray14,
)


def _official(
    folder: Path, card: DataCard, images: Sequence[str], patients: Sequence[str], shares: Mapping[str, float]
) -> list[str | None]:
    path = first_present(folder, ("test_list.txt", "test_list_NIH.txt"), card)
    try:
        tested = set(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read ({error})", action="copy it again from its source") from error
    unknown = sorted(tested - set(images))
    if unknown or not tested:
        raise DatasetError(
            f"{path} and the table of {card.title} do not belong together",
            received=unknown or "an empty list",
            action="copy both again from their source",
        )
    # The list holds whole patients; should a copy tear one apart, all of the patient's images are tested.
    held_out = {patient for image, patient in zip(images, patients, strict=True) if image in tested}
    fold_of = {patient: patient_split(patient, fractions=shares) for patient in set(patients)}
    return ["test" if patient in held_out else fold_of[patient] for patient in patients]


def _read_boxes(
    folder: Path, card: DataCard, images: set[str], codes: Sequence[str]
) -> dict[str, dict[str, list[Box]]]:
    path = next((folder / name for name in (_BOXES, f"{_BOXES}.gz") if (folder / name).is_file()), None)
    boxes: dict[str, dict[str, list[Box]]] = {}
    if path is None:
        return boxes
    # "Bbox [x,y,w,h]" is one heading of four columns.
    columns = read_columns(path, card, ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]"), declared_as=_BOXES)
    for image, finding, *numbers in zip(*columns.values(), strict=True):
        code = _BOX_NAMES.get(finding, finding)
        if image not in images or code not in codes:
            raise DatasetError(
                f"{path} names an image or finding that {card.title} does not have", received=f"{image}, {finding}"
            )
        box = parse_box(numbers, where=f"{path.name}, {image},", is_extent=True)
        boxes.setdefault(image, {}).setdefault(code, []).append(box)
    return boxes
