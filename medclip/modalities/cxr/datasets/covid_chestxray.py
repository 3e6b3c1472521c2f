"""COVID-19 image data collection: radiographs from publications, with notes (https://github.com/ieee8023/covid-chestxray-dataset)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from medclip.core.dataset_files import check_relative, find_root
from medclip.core.label_set import LabelSet
from medclip.core.modality import DatasetFactory
from medclip.modalities.cxr.datasets._radiographs import ages_of, open_radiographs, sexes_of, view_columns
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageDataset, ImageIndex, folds_of
from medclip.modalities.imaging.label_columns import labels_from_tokens

__all__ = ["DATASET", "open_covid_chestxray"]

_COLUMNS = ("patientid", "sex", "age", "finding", "view", "modality", "folder", "filename", "license", "clinical_notes")
_TOKENS = re.compile(r"\s*[/,]\s*")
# Later tables write "Pneumonia/Viral/COVID-19" where earlier ones have the germ alone.
_VIRAL = ("COVID-19", "SARS", "MERS-CoV", "Varicella", "Influenza", "Herpes", "H1N1")
_BACTERIAL = (
    *("Streptococcus", "Klebsiella", "Legionella", "Mycoplasma", "Mycoplasma Bacterial Pneumonia", "E.Coli"),
    *("Nocardia", "Chlamydophila", "Staphylococcus", "MRSA"),
)
_FUNGAL = ("Pneumocystis", "Aspergillosis")
_OTHER_PNEUMONIA = ("Lipoid", "Aspiration")


def open_covid_chestxray(
    root: Path | str | None,
    *,
    split_seed: int = 0,
    split_fractions: Mapping[str, float] | None = None,
    views: str = "all",
) -> ImageDataset:
    """Open the radiographs of the collection: ``metadata.csv`` and ``images``; its slices of tomograms are left out.

    The text of a record is its clinical notes, a case history that often names the diagnosis. A finding that reads
    "todo" or "Unknown" is not assessed.

    Args:
        root: The folder with ``metadata.csv``, or one that holds a single such folder.
        split_seed: See ``patient_split``; the collection has no official split.
        split_fractions: Shares of train, validation and test; None for 70, 10 and 20 %.
        views: ``all``, ``frontal`` or ``lateral``.

    Raises:
        ConfigError: An option is none of those allowed.
        DatasetError: The folder, the table, a column or a value is missing or malformed.
    """
    from medclip.core.cards import load_card

    card = load_card("covid_chestxray")
    folder = find_root(root, "metadata.csv", card)
    columns = dict(read_columns(folder / "metadata.csv", card, _COLUMNS))
    rows = [row for row, modality in enumerate(columns["modality"]) if modality == "X-ray"]
    columns = {name: [cells[row] for row in rows] for name, cells in columns.items()}
    files = [check_relative(name, folder / "metadata.csv") for name in columns["filename"]]
    index = ImageIndex(
        record_ids=files,
        patient_ids=columns["patientid"],
        folds=folds_of(columns["patientid"], split_seed, split_fractions),
        paths=[f"{inner or 'images'}/{file}" for inner, file in zip(columns["folder"], files, strict=True)],
        reports=columns["clinical_notes"],
        attributes={
            **view_columns(columns["view"]),
            "age": ages_of(columns["age"]),
            "sex": sexes_of(columns["sex"]),
            "licence": columns["license"],
        },
    )
    cells = [None if cell.strip().lower() in ("", "todo", "unknown") else cell for cell in columns["finding"]]
    labels = labels_from_tokens(
        cells, "covid-chestxray", split=lambda cell: _TOKENS.split(cell.strip()), present=_meanings(), table=folder
    )
    return open_radiographs(folder, card, index, labels={"covid-chestxray": labels}, views=views)


DATASET = DatasetFactory(
    name="covid_chestxray",
    description="COVID-19 image data collection: chest radiographs from publications, with clinical notes",
    open=open_covid_chestxray,
)


def _meanings() -> dict[str, tuple[str, ...]]:
    """Return the codes that a token makes present: a germ makes its kind of pneumonia present, and pneumonia."""
    codes = LabelSet.load("covid-chestxray").codes
    meanings: dict[str, tuple[str, ...]] = {code: (code,) for code in codes}
    kinds = {"Viral": _VIRAL, "Bacterial": _BACTERIAL, "Fungal": _FUNGAL}
    for kind, germs in kinds.items():
        meanings[kind] = ("Pneumonia", kind)
        meanings |= {germ: ("Pneumonia", kind, *((germ,) if germ in codes else ())) for germ in germs}
    meanings |= dict.fromkeys(_OTHER_PNEUMONIA, ("Pneumonia",))
    return meanings
