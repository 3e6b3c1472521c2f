"""LIDC-IDRI: 1,018 chest CTs of 1,010 patients, nodules outlined by four radiologists (https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from medclip.core.dataset_files import find_root
from medclip.core.errors import ConfigError, DatasetError
from medclip.core.modality import DatasetFactory
from medclip.core.sample import Sample
from medclip.core.xml import has_root, parse_xml
from medclip.modalities.ct.datasets._tcia import METADATA, list_series, masks_on_volume
from medclip.modalities.ct.datasets._volumes import open_volumes, read_series_folder
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex, folds_of
from medclip.modalities.imaging.label_columns import labels_from_tokens
from medclip.modalities.imaging.region_masks import outline_mask

__all__ = ["DATASET", "open_lidc_idri"]

_ROOT = "LidcReadMessage"
_N_READERS = 4
_NODULE = "nodule"
_HEAD_BYTES = 4096

# {SOPInstanceUID: [(is it part of the nodule or a hole in it, points of the outline)]} of one reader.
_Outlines = Mapping[str, Sequence[tuple[bool, np.ndarray]]]


def open_lidc_idri(
    root: Path | str | None,
    *,
    readers: int = 2,
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
) -> ImageDataset:
    """Open the CT series of LIDC-IDRI with the nodules of at least 3 mm that its four readers outlined.

    Every XML file of the readings below the folder is read once, for a minute or so, when the data set is opened.

    Args:
        root: The folder with ``metadata.csv``, which the archive's downloader writes, or one that holds a single such
            folder; the readings (``069.xml``) lie anywhere below it.
        readers: How many of the four must have outlined a nodule of at least 3 mm for it to be present, and must agree
            on a voxel for it to lie in the region, 1 to 4. The readers of a label need not mean the same nodule.
        split_seed: See ``patient_split``; the collection has no official split.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.

    Raises:
        ConfigError: ``readers`` is out of range.
        DatasetError: The folder, the table or a reading is missing or malformed.
    """
    from medclip.core.cards import load_card

    if not 1 <= readers <= _N_READERS:
        raise ConfigError("readers is out of range", received=readers, allowed=f"1 to {_N_READERS}")
    card = load_card("lidc_idri")
    folder = find_root(root, METADATA, card)
    series = list_series(folder, card)
    readings = dict(filter(None, (_read(path) for path in sorted(folder.rglob("*.xml")))))
    if not readings:
        raise DatasetError(f"{folder} holds no reading of {card.title}", action=f"fetch the XML files from {card.url}")
    patients = [one.subject for one in series]
    index = ImageIndex(
        record_ids=[one.uid for one in series],
        patient_ids=patients,
        folds=folds_of(patients, split_seed, split_fractions),
        paths=[one.path for one in series],
        attributes={"device": [one.maker for one in series]},
    )
    counts = [None if one.uid not in readings else sum(map(bool, readings[one.uid])) for one in series]
    cells = [None if count is None else (_NODULE if count >= readers else "") for count in counts]
    labels = labels_from_tokens(cells, "lidc-idri", split=lambda cell: {cell})
    return open_volumes(
        folder,
        card,
        index,
        labels={"lidc-idri": labels},
        read=read_series_folder,
        regions=_Nodules(readings, readers),
    )


DATASET = DatasetFactory(
    name="lidc_idri",
    description="LIDC-IDRI: 1,018 chest CTs (DICOM) with nodules outlined by four radiologists",
    open=open_lidc_idri,
)


@dataclass(frozen=True)
class _Nodules:
    """Voxels inside the outlines of enough readers."""

    readings: Mapping[str, Sequence[_Outlines]]
    n_needed: int

    def __call__(self, record_id: str, sample: Sample, path: Path) -> dict[str, np.ndarray]:
        readings = self.readings.get(record_id, ())
        rows, columns = sample.array.shape[1:]
        masks = {}
        for uid in {uid for outlines in readings for uid in outlines}:
            votes = sum(_filled(outlines.get(uid, ()), (rows, columns)).astype(np.int8) for outlines in readings)
            agreed = np.asarray(votes) >= self.n_needed
            if agreed.any():
                masks[uid] = {_NODULE: agreed}
        return masks_on_volume(masks, sample, path)


def _filled(outlines: Sequence[tuple[bool, np.ndarray]], shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, np.bool_)
    # Parts first, then the holes in them.
    for is_part, points in sorted(outlines, key=lambda outline: not outline[0]):
        inside = outline_mask(shape, points)
        mask = mask | inside if is_part else mask & ~inside
    return mask


def _read(path: Path) -> tuple[str, list[_Outlines]] | None:
    """Return the series and the outlines of every reader; None for a file that is no reading of a CT."""
    with path.open("rb") as file:
        if not has_root(file.read(_HEAD_BYTES), _ROOT):
            return None
    root = parse_xml(path, root=_ROOT)
    uid = (root.findtext("ResponseHeader/SeriesInstanceUid") or "").strip()
    if not uid:
        raise DatasetError(f"{path} does not say which series it reads", action="copy it again from its source")
    return uid, [_outlines(session, path) for session in root.iter("readingSession")]


def _outlines(session: Element, path: Path) -> _Outlines:
    """Return the outlines of nodules of at least 3 mm; smaller ones are single points, and have no characteristics."""
    found: dict[str, list[tuple[bool, np.ndarray]]] = {}
    for nodule in session.iter("unblindedReadNodule"):
        if nodule.find("characteristics") is None:
            continue
        for roi in nodule.iter("roi"):
            points = [_point(edge, path) for edge in roi.iter("edgeMap")]
            if len(points) > 1:
                is_part = (roi.findtext("inclusion") or "").strip().upper() == "TRUE"
                uid = (roi.findtext("imageSOP_UID") or "").strip()
                found.setdefault(uid, []).append((is_part, np.array(points)))
    return found


def _point(edge: Element, path: Path) -> tuple[int, int]:
    try:
        return int(edge.findtext("xCoord") or ""), int(edge.findtext("yCoord") or "")
    except ValueError as error:
        raise DatasetError(f"{path} holds a malformed outline", action="copy it again from its source") from error
