"""Earlier examinations and removed words are taken out, and what is seen stays."""

from __future__ import annotations

import time

import pytest

from medclip.modalities.report.priors import mentions_prior, without_masks, without_priors


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("Small right effusion.", "Small right effusion."),
        ("Stable cardiomegaly.", "Cardiomegaly."),
        ("Moderate cardiomegaly is unchanged.", "Moderate cardiomegaly."),
        ("A large effusion, unchanged from the prior study.", "A large effusion."),
        ("There is an unchanged effusion.", "There is an effusion."),
        ("There is a stable opacity.", "There is an opacity."),
        ("Compared to the previous radiograph, there is a new opacity.", "There is an opacity."),
        ("As compared to the previous study dated 3/4/2012, the left effusion has increased.", "The left effusion."),
        ("Interval increase in the small left effusion.", "Small left effusion."),
        ("There has been interval improvement of the pulmonary edema.", "Pulmonary edema."),
        ("Worsening bibasilar atelectasis.", "Bibasilar atelectasis."),
        ("The heart is stable and within normal limits.", "The heart is within normal limits."),
        ("The heart is enlarged, similar to prior exam.", "The heart is enlarged."),
        ("The right effusion has resolved.", "No right effusion."),
        ("Resolution of the previously seen left effusion.", "No left effusion."),
        ("The pneumothorax is no longer seen.", "No pneumothorax."),
        ("The catheter is again noted.", "The catheter is noted."),
        ("The heart size is stable.", ""),
        ("No change.", ""),
        ("No significant interval change since the prior study.", ""),
        ("No new consolidation.", ""),
        ("Interval removal of the endotracheal tube.", ""),
        ("The chest tube has been removed.", ""),
        ("No comparison.", ""),
        ("An earlier study, if there is one, would help.", ""),
    ],
)
def test_without_priors(sentence: str, left: str) -> None:
    assert without_priors(sentence) == left
    assert not mentions_prior(left)


@pytest.mark.parametrize(
    "sentence",
    [
        "The lungs are clear.",
        "Degenerative changes of the spine.",
        "Healed rib fracture.",
        "Chronic interstitial changes.",
    ],
)
def test_what_is_seen_is_not_touched(sentence: str) -> None:
    assert not mentions_prior(sentence)
    assert without_priors(sentence) == sentence


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("We see no XXXX of a hydrothorax.", "We see no hydrothorax."),
        ("XXXX sternotomy XXXX are intact.", "sternotomy are intact."),
        ("Compared with ___, clear lungs.", "Compared with, clear lungs."),
        ("Discussed with Dr. ___ by ___ at ___.", "Discussed with."),
        ("Catheter placed on [**2101-3-4**].", "Catheter placed."),
        ("A [**Known lastname 12**] of ___ cm.", "A of cm."),
        ("Normal chest x-XXXX.", "Normal chest."),
        ("Clear lungs.", "Clear lungs."),
        ("XX is a chromosome.", "XX is a chromosome."),
        ("XXXX", ""),
    ],
)
def test_without_masks(sentence: str, left: str) -> None:
    assert without_masks(sentence) == left


@pytest.mark.parametrize(
    "text", ["on " + "_" * 2000 + "q", "X" * 2000 + "y", "[**" * 600, "on ___, " * 200, "is stable and " * 140]
)
def test_hostile_sentences_take_no_time(text: str) -> None:
    start = time.process_time()
    without_priors(without_masks(text))
    assert time.process_time() - start < 1
