from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from medclip.modalities.report.deduplicate import pair_ids, report_id


@given(st.text(), st.booleans())
def test_an_id_has_63_bits(text: str, near: bool) -> None:
    assert 0 <= report_id(text, near=near) < 2**63


def test_an_id_never_changes() -> None:
    """Packed stores hold ids: another value here breaks them."""
    assert report_id("Atrial rhythm. Broad QRS.") == report_id("atrial rhythm broad qrs")
    code = "from medclip.modalities.report import report_id; print(report_id('sinus rhythm'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == report_id("sinus rhythm")


def test_case_blanks_and_punctuation_do_not_count() -> None:
    assert len({report_id(text) for text in ("ST-T changes.", "st t  changes", "st-t\nchanges!", "ST-T: CHANGES")}) == 1


def test_words_order_and_doubts_count() -> None:
    texts = ["infarction", "infarction?", "no infarction", "old infarction", "infarction old", "infarctions"]
    assert len({report_id(text) for text in texts}) == len(texts)


def test_near_ignores_order_and_repetition_of_statements_only() -> None:
    assert report_id("a b. c d.", near=True) == report_id("c d.  a b. c d", near=True)
    assert report_id("a b. c d.", near=True) != report_id("a c. b d.", near=True)
    assert report_id("a b. c d.", near=True) != report_id("a b.", near=True)


def test_empty_texts_equal_nothing() -> None:
    ids = pair_ids(["", "normal", " .", "normal.", ""])
    assert ids[1] == ids[3]
    assert len(set(ids)) == 4


@given(st.lists(st.text(max_size=6)), st.booleans())
def test_equal_ids_mean_equal_reports(texts: list[str], near: bool) -> None:
    ids = pair_ids(texts, near=near)
    assert len(ids) == len(texts)
    assert ids == pair_ids(texts, near=near)
    for text, number in zip(texts, ids, strict=True):
        if any(character.isalnum() for character in text):
            assert number == report_id(text, near=near)
