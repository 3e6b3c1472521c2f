from __future__ import annotations

import pytest

from medclip.modalities.report.places import Places
from medclip.modalities.report.words import cut_words

NAMES = [
    (("limb", "leads"), "limb leads"),
    (("chest", "leads"), "chest leads"),
    *[((name,), name) for name in ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")],
    (("f",), "avf"),
]


def read(text: str, *, may_omit_comma: bool = True) -> str | None:
    places = Places(NAMES, and_words={"and", "&"}, to_words={"to"}, may_omit_comma=may_omit_comma)
    words, _ = cut_words(places.spell_out(text))
    found = places.find(words, [word.text for word in words], 0)
    return f"{found.text}|{len(words) - found.end}" if found else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v4,5,6", "v4-v6|0"),
        ("v4-6", "v4-v6|0"),
        ("v4 - v6", "v4-v6|0"),
        ("v4 to v6", "v4-v6|0"),
        ("v 4, 5", "v4, v5|0"),
        ("v5,6", "v5, v6|0"),
        ("v1,3,5", "v1, v3, v5|0"),
        ("v2-3-4", "v2-v4|0"),
        ("v6, i and avl", "i, avl, v6|0"),
        ("ii,iii,f", "ii, iii, avf|0"),
        ("i-iii", "i, ii, iii|0"),
        ("i - avf", "i, avf|0"),
        ("i avl", "i|1"),
        ("ii avl v2-v6", "ii, avl, v2-v6|0"),
        ("i,,avl", "i, avl|0"),
        ("ii/iii", "ii, iii|0"),
        ("limb leads and v5,6", "limb leads, v5, v6|0"),
        ("chest leads, limb leads", "limb and chest leads|0"),
        ("v1 and elsewhere", "v1|2"),
        ("f-wave", None),
        ("v9", None),
        ("leads", None),
    ],
)
def test_lists_have_one_spelling(text: str, expected: str | None) -> None:
    assert read(text) == expected


def test_prose_needs_its_commas() -> None:
    assert read("ii avl", may_omit_comma=False) == "ii|1"


def test_dates_and_measures_after_a_name_are_no_series() -> None:
    assert read("v5, 12.9.91") == "v5|1"
    assert read("v2,30") == "v2|1"


def test_no_names_at_all() -> None:
    places = Places([], and_words=set(), to_words=set(), may_omit_comma=True)
    assert places.spell_out("v4,5") == "v4,5"
    assert places.find(cut_words("v4")[0], ["v4"], 0) is None
