"""Warnings that a model may have seen what it is evaluated on."""

from __future__ import annotations

import pytest

from medclip.core.cards import have_recordings_in_common
from medclip.evaluation.seen_data import seen_data_warnings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rsna", "nih_chestxray14"),
        ("siim", "NIH-ChestXray14"),
        ("mimic_cxr_jpg", "mimic_cxr"),
        ("cxr_lt", "mimic_cxr_jpg"),
        ("chexpert", "chexpert_plus"),
        ("ptbxl", "cinc2021"),
    ],
)
def test_what_is_declared_holds_both_ways(one: str, other: str) -> None:
    assert have_recordings_in_common(one, other)
    assert have_recordings_in_common(other, one)


def test_sets_without_a_declaration_or_a_card() -> None:
    assert not have_recordings_in_common("chexpert", "nih_chestxray14")
    assert not have_recordings_in_common("simulated", "nih_chestxray14")


def test_other_sets_with_the_same_recordings() -> None:
    training = {"dataset": "nih_chestxray14", "train_folds": ["train"]}
    (warning,) = seen_data_warnings(training, "rsna", ["test"])
    assert warning.startswith("the model was trained on nih_chestxray14, which has recordings in common with rsna")
    assert seen_data_warnings(training, "chexpert", ["test"]) == ()
    (warning,) = seen_data_warnings({"dataset": "simulated", "earlier_datasets": ["mimic_cxr"]}, "cxr_lt")
    assert "trained on mimic_cxr" in warning


def test_the_same_set() -> None:
    training = {"dataset": "ptbxl", "train_folds": ["1", "2"]}
    assert seen_data_warnings(training, "ptbxl", ["10"]) == ()
    assert seen_data_warnings(training, "ptbxl", ["2", "10"]) == (
        "the model was trained on fold 2 of ptbxl, which is evaluated: name other folds",
    )
    assert "fold 1, 2 of ptbxl" in seen_data_warnings(training, "ptbxl")[0]
    held_out = {"dataset": "ptbxl", "train_folds": "all but the held-out ones"}
    assert seen_data_warnings(held_out, "ptbxl", ["10"]) == ()
    assert "a part of ptbxl" in seen_data_warnings(held_out, "ptbxl")[0]
    assert seen_data_warnings({"earlier_datasets": ["ptbxl"]}, "ptbxl", ["10"]) == (
        "the model began with weights that were trained on ptbxl",
    )
    assert seen_data_warnings({}, "ptbxl") == ()
