"""What is denied, doubted or past, and how far a cue reaches."""

from __future__ import annotations

import pytest

from medclip.modalities.report.cues import CUES, FORWARD_STOPS, OPENERS, STOPS
from medclip.modalities.report.negation import status_of, statuses
from medclip.modalities.report.phrases import PhraseIndex, tokens_of


@pytest.mark.parametrize(
    ("sentence", "phrase", "status"),
    [
        ("No pleural effusion.", "effusion", "absent"),
        ("There is no evidence of pneumothorax.", "pneumothorax", "absent"),
        ("Without focal consolidation.", "consolidation", "absent"),
        ("The effusion has resolved.", "effusion", "absent"),
        ("The pleura is unremarkable.", "pleura", "absent"),
        ("Pneumonia cannot be excluded.", "pneumonia", "uncertain"),
        ("Opacity may represent pneumonia.", "pneumonia", "uncertain"),
        ("Opacity may represent pneumonia.", "opacity", "present"),
        ("Rule out pneumonia.", "pneumonia", "uncertain"),
        ("Lungs are free of nodules.", "nodules", "absent"),
        ("No change in the right effusion.", "effusion", "present"),
        ("No increase in the nodule.", "nodule", "present"),
        ("Not only atelectasis but also effusion.", "atelectasis", "present"),
        ("Not only atelectasis but also effusion.", "effusion", "present"),
        ("No pneumothorax, but there is an effusion.", "effusion", "present"),
        ("No effusion, pneumothorax, or edema.", "edema", "absent"),
        ("History of pneumonia.", "pneumonia", "historical"),
        ("Pleural effusion was not observed.", "effusion", "absent"),
        ("Effusion and thickening were not detected.", "effusion", "absent"),
        ("There is atelectasis in the left lung and effusion was not detected.", "atelectasis", "present"),
        ("There is atelectasis in the left lung and effusion was not detected.", "effusion", "absent"),
        ("Effusion is seen and pneumothorax was not detected.", "effusion", "present"),
        ("Small effusion, no pneumothorax.", "effusion", "present"),
        ("Cardiomegaly without edema.", "cardiomegaly", "present"),
        ("Consolidation (infection?).", "consolidation", "present"),
        ("Consolidation (infection?).", "infection", "uncertain"),
        ("Consolidation (?).", "consolidation", "uncertain"),
        ("Neither effusion nor pneumothorax.", "pneumothorax", "absent"),
        ("No evidence for acute pneumonia; small effusion.", "effusion", "present"),
        ("Negative for pneumothorax.", "pneumothorax", "absent"),
        ("No pneumothorax is seen and a nodule is present.", "nodule", "present"),
        ("Pneumothorax is no longer seen.", "pneumothorax", "absent"),
        ("Interval removal of the catheter.", "catheter", "absent"),
        ("Mild edema versus atelectasis.", "edema", "uncertain"),
        ("Suspicious for pneumonia.", "pneumonia", "uncertain"),
        ("No appearance compatible with infiltration was detected.", "infiltration", "absent"),
        ("Heart size is normal, effusion is present.", "effusion", "present"),
        ("Nodule not seen on the previous study.", "nodule", "present"),
        ("Correlate clinically for pneumonia.", "pneumonia", "uncertain"),
        ("Pneumonia is unlikely.", "pneumonia", "absent"),
        ("Effusion is not excluded.", "effusion", "uncertain"),
        ("Nodules are not significantly changed.", "nodules", "present"),
        ("No longer any effusion.", "effusion", "absent"),
        ("Unlikely to represent pneumonia.", "pneumonia", "absent"),
        ("Possible small effusion, clear lungs", "effusion", "uncertain"),
        ("No definite pneumothorax.", "pneumothorax", "absent"),
        ("The patient denies fever, has effusion", "fever", "absent"),
        ("No consolidation except for a nodule.", "nodule", "present"),
        ("Pneumothorax has been ruled out.", "pneumothorax", "absent"),
        ("Without significant change in the effusion.", "effusion", "present"),
        ("The lungs are clear of consolidation.", "consolidation", "absent"),
        ("Effusion is unchanged.", "effusion", "present"),
        ("No new effusion.", "effusion", "absent"),
        ("Effusion is probable.", "effusion", "uncertain"),
        ("No nodule is present; effusion could be present.", "effusion", "uncertain"),
        ("No typical findings of edema.", "edema", "absent"),
    ],
)
def test_status(sentence: str, phrase: str, status: str) -> None:
    assert status_of(sentence, phrase) == status


def test_every_mention_has_its_own_status() -> None:
    index: PhraseIndex[str] = PhraseIndex()
    for phrase in ("effusion", "nodule", "edema", "fracture"):
        index.add(phrase, phrase)
    tokens = tokens_of("No effusion, but a nodule is seen; possible edema, and no fracture.")
    hits = index.find(tokens)
    found = dict(zip((hit.value for hit in hits), statuses(tokens, hits), strict=True))
    assert found == {"effusion": "absent", "nodule": "present", "edema": "uncertain", "fracture": "absent"}


def test_no_mention_no_status() -> None:
    assert statuses(tokens_of("No effusion."), []) == []
    with pytest.raises(ValueError, match="not in the sentence"):
        status_of("Clear lungs.", "effusion")


@pytest.mark.parametrize(
    "phrase", [phrase for (status, _), many in CUES.items() if status == "absent" for phrase in many]
)
def test_every_word_of_denial_denies(phrase: str) -> None:
    """Each cue, written out with the first of its alternatives, makes a mention absent on its own side."""
    words = " ".join(word.split("|")[0] for word in phrase.split())
    side = "before" if phrase in CUES["absent", "before"] else "after"
    sentence = f"{words} effusion" if side == "before" else f"effusion {words}"
    assert status_of(sentence, "effusion") == "absent"


def test_no_cue_is_listed_for_two_meanings() -> None:
    listed = [(phrase, side) for (_, side), many in CUES.items() for phrase in many]
    assert len(listed) == len(set(listed))
    both = set(STOPS) & set(FORWARD_STOPS) | set(STOPS) & set(OPENERS)
    assert not both
