"""What the data sets of radiographs share: how a file is read, and what a stated view means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medclip.core.dataset import LabelTable
from medclip.core.demographics import sex_of
from medclip.core.sample import Sample
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex
from medclip.modalities.imaging.label_columns import check_choice

if TYPE_CHECKING:
    from medclip.core.cards import DataCard

__all__ = ["VIEWS", "Drawn", "ages_of", "open_radiographs", "read_radiograph", "sexes_of", "view_columns"]

VIEWS = ("all", "frontal", "lateral")
Drawn = Callable[[str, tuple[int, int]], Mapping[str, np.ndarray]]
"""``(record_id, (height, width)) -> {code: bool mask}`` on the picture as it is stored."""

_RASTER = (".png", ".jpg", ".jpeg")
_FRONTAL = {"PA": "PA", "AP": "AP", "AP SUPINE": "AP", "APS": "AP", "AP ERECT": "AP", "PA ERECT": "PA"}
_FRONTAL |= {"POSTEROANTERIOR": "PA", "ANTEROPOSTERIOR": "AP", "AP_HORIZONTAL": "AP", "AP HORIZONTAL": "AP"}
_LATERAL = {"LL": "LL", "RL": "RL", "L": None, "LATERAL": None, "LLO": "LL"}


def read_radiograph(path: Path) -> Sample:
    """Read a DICOM, PNG or JPEG file.

    Raises:
        FormatError: It is damaged or no radiograph.
    """
    from medclip.modalities.cxr.formats import dicom, raster

    form = raster.FORMAT if path.suffix.lower() in _RASTER else dicom.FORMAT
    return form.read(path)


def view_columns(projections: Sequence[str], *, are_frontal: Sequence[bool] | None = None) -> dict[str, Sequence[Any]]:
    """Return the attributes ``view`` and ``projection`` of every record.

    Args:
        projections: As the data set writes them: PA, AP, LL, LATERAL and the like; anything else is unknown.
        are_frontal: Whether each record is frontal, where the data set says so beside the projection.
    """
    known = {text: _view(text) for text in set(projections)}
    views = [known[text][0] for text in projections]
    if are_frontal is not None:
        views = ["frontal" if is_frontal else "lateral" for is_frontal in are_frontal]
    return {"view": views, "projection": [known[text][1] for text in projections]}


def _view(text: str) -> tuple[str, str | None]:
    text = text.strip().upper()
    if text in _FRONTAL:
        return "frontal", _FRONTAL[text]
    return ("lateral", _LATERAL[text]) if text in _LATERAL else ("unknown", None)


def sexes_of(cells: Sequence[str]) -> list[str | None]:
    """Return ``male``, ``female`` or None for every cell."""
    known = {cell: sex_of(cell) for cell in set(cells)}
    return [known[cell] for cell in cells]


def ages_of(cells: Sequence[str]) -> list[float | None]:
    """Return ages in years; what is no number from 0 to 120 is not stated."""
    known = {cell: _age(cell) for cell in set(cells)}
    return [known[cell] for cell in cells]


def _age(cell: str) -> float | None:
    text = cell.strip().removesuffix("Y").lstrip("0") or cell.strip()
    try:
        age = float(text)
    except ValueError:
        return None
    # Some sets write 0 for an age that was removed, and numbers such as 412 for one that was mistyped.
    return age if 0 < age <= 120 else None


@dataclass(frozen=True)
class _Turned:
    """Regions that were drawn on the stored picture, turned as its reader turns the picture."""

    drawn: Drawn

    def __call__(self, record_id: str, sample: Sample, path: Path) -> Mapping[str, np.ndarray]:
        if path.suffix.lower() in _RASTER:
            return self.drawn(record_id, (sample.array.shape[0], sample.array.shape[1]))
        from medclip.modalities.cxr.formats._view import turned_upright
        from medclip.modalities.imaging.dicom_file import open_dicom

        header = open_dicom(path).header
        regions = self.drawn(record_id, (int(header.Rows), int(header.Columns)))
        view = str(sample.attributes["view"])
        return {code: turned_upright(mask, header, path, view=view)[0] for code, mask in regions.items()}


def open_radiographs(
    folder: Path,
    card: DataCard,
    index: ImageIndex,
    *,
    labels: Mapping[str, LabelTable],
    views: str = "all",
    drawn: Drawn | None = None,
) -> ImageDataset:
    """Make the data set of an index, or of its frontal or lateral records only.

    Args:
        folder: Folder of the data set.
        card: Its data card.
        index: Its records; with the attribute ``view`` if ``views`` is not ``all``.
        labels: Its labels by label set.
        views: One of ``VIEWS``.
        drawn: Finds what annotators drew on the stored picture of a record.

    Raises:
        ConfigError: ``views`` is none of ``VIEWS``.
        DatasetError: No record is left, or two have the same identifier.
    """
    check_choice("views", views, VIEWS)
    if views != "all":
        rows = [row for row, view in enumerate(index.attributes["view"]) if view == views]
        index = index.select(rows)
        labels = {name: table.rows(rows) for name, table in labels.items()}
    return ImageDataset(
        folder, card, "cxr", index, labels=labels, read=read_radiograph, regions=_Turned(drawn) if drawn else None
    )
