from __future__ import annotations

import pytest

from medclip.modalities.report.spelling import SlipIndex


@pytest.fixture(scope="module")
def index() -> SlipIndex:
    return SlipIndex(["senkung", "anterior", "inferior", "typisch", "links", "hypokalie"])


@pytest.mark.parametrize("word", ["senkun", "senkungg", "sencung", "sneknug", "senkung", "senuknge"])
def test_one_slip_is_corrected_and_two_are_not(index: SlipIndex, word: str) -> None:
    slips = {"senkun": 1, "senkungg": 1, "sencung": 1, "senkung": 0}
    assert (index.find(word) == "senkung") == (word in slips)


def test_swapped_neighbours_are_one_slip(index: SlipIndex) -> None:
    assert index.find("senkugn") == "senkung"


@pytest.mark.parametrize("word", ["atypisch", "lnks", "linke", "hyperkalie", "nferior"])
def test_no_correction_where_it_could_change_the_meaning(index: SlipIndex, word: str) -> None:
    assert index.find(word) is None
