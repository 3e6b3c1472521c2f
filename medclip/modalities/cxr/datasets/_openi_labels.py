"""What the indexing terms of Open-i say in CheXpert's findings."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

from medclip.core.label_set import LabelSet

__all__ = ["codes_of"]

# A term is "heading/where/how"; these headings say the same wherever it is.
_HEADINGS = {
    "normal": "No Finding",
    "Cardiomegaly": "Cardiomegaly",
    "Pulmonary Atelectasis": "Atelectasis",
    "Pleural Effusion": "Pleural Effusion",
    "Hydropneumothorax": "Pneumothorax",
    "Hemopneumothorax": "Pneumothorax",
    "Hemothorax": "Pleural Effusion",
    "Pneumothorax": "Pneumothorax",
    "Pneumonia": "Pneumonia",
    "Consolidation": "Consolidation",
    "Pulmonary Edema": "Edema",
    "Airspace Disease": "Lung Opacity",
    "Infiltrate": "Lung Opacity",
    "Nodule": "Lung Lesion",
    "Mass": "Lung Lesion",
    "Granuloma": "Lung Lesion",
    "Calcified Granuloma": "Lung Lesion",
    "Cavitation": "Lung Lesion",
    "Fractures, Bone": "Fracture",
    "Catheters, Indwelling": "Support Devices",
    "Implanted Medical Device": "Support Devices",
    "Medical Device": "Support Devices",
    "Tube, Inserted": "Support Devices",
    "Stents": "Support Devices",
    "Spinal Fusion": "Support Devices",
}
# These only in one place, or of one kind.
_QUALIFIED = {
    ("Opacity", "lung"): "Lung Opacity",
    ("Density", "lung"): "Lung Opacity",
    ("Markings", "lung"): "Lung Opacity",
    ("Thickening", "pleura"): "Pleural Other",
    ("Cardiac Shadow", "enlarged"): "Cardiomegaly",
    ("Mediastinum", "prominent"): "Enlarged Cardiomediastinum",
    ("Mediastinum", "enlarged"): "Enlarged Cardiomediastinum",
}
# A second finding that two headings name.
_FURTHER = {"Hydropneumothorax": "Pleural Effusion", "Hemopneumothorax": "Pleural Effusion"}


def codes_of(terms: Iterable[str]) -> set[str]:
    """Return the findings that terms name, and the broader findings that these are part of."""
    found = set()
    for term in terms:
        heading, *qualifiers = (part.strip() for part in term.split("/"))
        found |= {table[heading] for table in (_HEADINGS, _FURTHER) if heading in table}
        found |= {_QUALIFIED[heading, one] for one in qualifiers if (heading, one) in _QUALIFIED}
    parent_of = _parents()
    for code in tuple(found):
        while code := parent_of[code]:
            found.add(code)
    return found


@functools.cache
def _parents() -> Mapping[str, str]:
    return {finding.code: finding.parent for finding in LabelSet.load("chexpert").findings}
