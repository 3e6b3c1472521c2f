from __future__ import annotations

import pytest

from medclip.knowledge.folding import fold, is_abbreviation


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("First-degree AV block", "1st degree AV blocks"),
        ("Premature atrial contraction", "premature atrial contractions"),
        ("T-wave abnormalities", "T wave abnormality"),
        ("QRS complexes", "QRS complex"),
        ("Anaemia", "anemia"),
        ("Haemothorax", "hemothorax"),
        ("lung tumour", "Lung tumor"),
        ("Ménière's disease", "Meniere disease"),
    ],
)
def test_one_name_in_two_spellings(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mass", "MAS"),
        ("atelectasis", "atelectasi"),
        ("ST elevation", "ST depression"),
        ("left bundle branch block", "right bundle branch block"),
        ("Mobitz I", "Mobitz II"),
        ("pneumothorax", "pneumothoraces"),
    ],
)
def test_two_names_stay_two(one: str, other: str) -> None:
    assert fold(one) != fold(other)


def test_abbreviations_are_short_and_capital() -> None:
    assert all(map(is_abbreviation, ("STD", "ALS", "ARS", "JEB", "DIG", "AF", "MAS", "AFib", "V1", "A.F.")))
    assert not any(map(is_abbreviation, ("Mass", "Gout", "LVQRS", "Acute MI", "ST depression", "croup")))
