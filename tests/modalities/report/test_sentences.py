"""Where a sentence ends, and where a stop ends none."""

from __future__ import annotations

import time

import pytest

from medclip.modalities.report.sentences import sentences_of


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Seen by Dr. Doe at noon. Clear.", ["Seen by Dr. Doe at noon.", "Clear."]),
        ("Read by J. Doe. Clear.", ["Read by J. Doe.", "Clear."]),
        ("A 1.5 cm nodule. Clear.", ["A 1.5 cm nodule.", "Clear."]),
        ("See image No. 3. Clear.", ["See image No. 3.", "Clear."]),
        ("Effusion? No. Heart is big.", ["Effusion?", "No.", "Heart is big."]),
        ("1. Effusion.\n2. Nodule of\n   the lung.\n3) Clear", ["Effusion.", "Nodule of the lung.", "Clear"]),
        ("Normal. 2. Small effusion. 3. Clear.", ["Normal.", "Small effusion.", "Clear."]),
        ("- Effusion\n- Nodule", ["Effusion", "Nodule"]),
        ("The heart is\nof normal size.\nClear.", ["The heart is of normal size.", "Clear."]),
        ("No stop here\n\nNew paragraph", ["No stop here", "New paragraph"]),
        ("heart is normal.The lungs are clear.", ["heart is normal.", "The lungs are clear."]),
        ("the heart is normal. the lungs are clear.", ["the heart is normal.", "the lungs are clear."]),
        ("Opacity (scar?, tumor?) is seen. Clear.", ["Opacity (scar?, tumor?) is seen.", "Clear."]),
        ("Edema vs. pneumonia, e.g. viral. Clear.", ["Edema vs. pneumonia, e.g. viral.", "Clear."]),
        ("Done at 3 p.m. in bed. Clear.", ["Done at 3 p.m. in bed.", "Clear."]),
        ("Clear; no effusion!", ["Clear;", "no effusion!"]),
        (" \n\n . \r\n -- ", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert sentences_of(text) == sentences


def test_no_word_is_lost() -> None:
    text = "Seen by Dr. Doe.\n\n1. A 2.5 x 3 cm mass (image 3, No. 12) is seen, vs. scar?\n2. No change; stable.The end"
    words = [word for sentence in sentences_of(text) for word in sentence.split()]
    marks = {"1.", "2."}
    assert "".join(words) == "".join(word for word in text.split() if word not in marks)


@pytest.mark.parametrize(
    "text", ["a. " * 60_000, "." * 200_000, " " * 200_000, "Dr. " * 40_000, "?(" * 50_000, "\n " * 60_000]
)
def test_hostile_text_takes_no_time(text: str) -> None:
    start = time.process_time()
    found = sentences_of(text)
    assert time.process_time() - start < 2
    assert max(map(len, found), default=0) <= 2000
