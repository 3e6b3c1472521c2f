"""Prompt sets as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medclip.core.errors import OutputError, PromptError
from medclip.core.label_set import Finding, LabelSet
from medclip.prompts.prompt_set import Prompts, PromptSet
from medclip.prompts.provenance import KnowledgeOrigin, LanguageModelOrigin, Provenance, Rejected

KNOWN = Provenance(KnowledgeOrigin("x:a", "term", "medclip", "1", "Apache-2.0"), ("length",))
ASKED = Provenance(LanguageModelOrigin("m", "ab12", "x:a", "definition"), ("chat", "known"))
SET = PromptSet(
    "mine",
    "demo",
    {
        "A": Prompts(("Ä is there.", "By hand."), ("No Ä.",), {"Ä is there.": KNOWN, "No Ä.": ASKED}),
        'B"/': Prompts(("B.",), ("No b.",), {}, (Rejected("c", "names C"),), "definition: nothing survived"),
    },
    "ckepe",
    {"llm": "m", "seed": 1, "temperature": 0.5},
)


def test_a_set_survives_a_file_byte_for_byte(tmp_path: Path) -> None:
    SET.write(tmp_path / "one.json")
    again = PromptSet.read(tmp_path / "one.json")
    assert again == SET
    again.write(tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_the_file_is_plain_json_with_a_sentence_a_line() -> None:
    text = SET.to_json()
    content = json.loads(text)
    assert content["schema"] == 2
    assert content["prompts"]["A"]["positive"][0] == {
        "text": "Ä is there.",
        "origin": {"concept": "x:a", "field": "term", "source": "medclip", "version": "1", "licence": "Apache-2.0"},
        "checks": ["length"],
    }
    assert content["prompts"]["A"]["negative"][0]["origin"] == {
        "llm": "m",
        "request_sha256": "ab12",
        "verified_against": "x:a",
        "field": "definition",
    }
    assert content["prompts"]["A"]["positive"][1] == "By hand."
    assert all(line.count('"text"') <= 1 for line in text.splitlines())


def test_hand_written_files_of_both_schemas_are_read(tmp_path: Path) -> None:
    for schema in (1, 2):
        content = {"schema": schema, "name": "n", "label_set": "l"}
        content["prompts"] = {"A": {"positive": ["a  is\nthere", "a is there"], "negative": ["no a"]}}
        (tmp_path / "p.json").write_text(json.dumps(content), encoding="utf-8")
        entry = PromptSet.read(tmp_path / "p.json").prompts["A"]
        assert entry == Prompts(("a is there", "a is there"), ("no a",))


def test_the_digest_is_of_the_sentences_alone() -> None:
    plain = {code: Prompts(entry.positive, entry.negative) for code, entry in SET.prompts.items()}
    assert PromptSet("other", "demo", plain).digest() == SET.digest()


def test_a_selection_keeps_where_sentences_come_from() -> None:
    chosen = SET.for_labels(LabelSet("few", "x", (Finding("A", "a"),)))
    assert chosen.prompts == {"A": SET.prompts["A"]}
    assert (chosen.strategy, chosen.label_set) == ("ckepe", "few")


@pytest.mark.parametrize(
    "sentence",
    [
        {"text": "a", "origin": {"concept": "x:a"}},
        {"text": "a", "origin": "somewhere"},
        {"text": "a", "origin": {"llm": "m", "field": "f", "source": "s"}},
        {"text": "a", "origin": KNOWN.to_dict()["origin"], "checks": "length"},
        {"text": 3},
        {"origin": KNOWN.to_dict()["origin"]},
    ],
)
def test_a_malformed_sentence_names_the_class(sentence: object) -> None:
    prompts = {"AFIB": {"positive": [sentence], "negative": ["no"]}}
    content = {"schema": 2, "name": "n", "label_set": "l", "prompts": prompts}
    with pytest.raises(PromptError, match=r"p\.json, class AFIB"):
        PromptSet.from_dict(content, source="p.json")


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        SET.write(path)
    assert path.read_text() == "precious"
    SET.write(path, overwrite=True)
    assert PromptSet.read(path) == SET
    assert [found.name for found in tmp_path.iterdir()] == ["p.json"]
