"""Prompt sets are checked when they are read, and bound to the codes of their label set."""

from __future__ import annotations

import json

import pytest

from medclip.core.errors import PromptError
from medclip.core.label_set import Finding, LabelSet
from medclip.core.modality import discover
from medclip.prompts.prompt_set import Prompts, PromptSet

LABELS = LabelSet("two", "demo", (Finding("A", "a"), Finding("B", "b")))
SIDES = {"positive": ["it is there", "so it is"], "negative": ["it is not there"]}
WHOLE = {"schema": 1, "name": "p", "label_set": "two", "prompts": {"B": SIDES, "A": SIDES, "C": SIDES}}
SHIPPED = [
    (modality.name, name, path)
    for modality in discover().values()
    for name, path in modality.prompt_set_files().items()
]


def read(tmp_path, content) -> PromptSet:
    path = tmp_path / "p.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return PromptSet.load(str(path))


def test_a_file_is_read_and_its_blanks_are_made_even(tmp_path) -> None:
    sides = {"positive": ["  two\nlines  "], "negative": ["no"], "origin": "written by hand"}
    prompts = read(tmp_path, WHOLE | {"prompts": {"A": sides}})
    assert prompts == PromptSet("p", "two", {"A": Prompts(("two lines",), ("no",))})


def test_labels_choose_codes_and_their_order(tmp_path) -> None:
    chosen = read(tmp_path, WHOLE).for_labels(LABELS)
    assert tuple(chosen.prompts) == ("A", "B")
    assert chosen.label_set == "two"
    assert chosen.texts == ("it is there", "so it is", "it is not there")


def test_a_set_for_other_labels_is_refused_by_name_of_the_code(tmp_path) -> None:
    content = WHOLE | {"prompts": {"A": SIDES}, "label_set": "other"}
    with pytest.raises(PromptError, match=r"p \(for other\) lacks findings of two: .*add B"):
        read(tmp_path, content).for_labels(LABELS)


def test_the_digest_depends_on_codes_and_sentences_alone(tmp_path) -> None:
    base = read(tmp_path, WHOLE)
    renamed = read(tmp_path, WHOLE | {"name": "q", "label_set": "other"})
    reordered = read(tmp_path, WHOLE | {"prompts": dict(sorted(WHOLE["prompts"].items()))})
    assert base.digest() == renamed.digest() == reordered.digest()
    for sides in (
        SIDES | {"positive": ["it is there"]},
        {"positive": SIDES["negative"], "negative": SIDES["positive"]},
    ):
        assert read(tmp_path, WHOLE | {"prompts": WHOLE["prompts"] | {"A": sides}}).digest() != base.digest()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is no prompt set"),
        ("{", "is no prompt set"),
        ("[" * 100_000, "is no prompt set"),
        ([1], "is no prompt set"),
        (WHOLE | {"prompts": ["A"]}, "is no prompt set"),
        (WHOLE | {"schema": 3}, "another schema: received 3; allowed: 1, 2"),
        ({key: value for key, value in WHOLE.items() if key != "name"}, "lacks name"),
        (WHOLE | {"label_set": 3}, "lacks label_set: received 3"),
        (WHOLE | {"prompts": {"A": SIDES, "B": ["x"]}}, "class B is malformed: received list"),
        (WHOLE | {"prompts": {"A": {"positive": ["x"]}}}, "class A needs negative sentences"),
        (WHOLE | {"prompts": {"A": SIDES | {"positive": []}}}, "class A needs positive sentences"),
        (WHOLE | {"prompts": {"A": SIDES | {"positive": "x"}}}, "class A needs positive sentences"),
        (WHOLE | {"prompts": {"A": SIDES | {"positive": [" "]}}}, "class A needs positive sentences"),
        (WHOLE | {"prompts": {"A": SIDES | {"negative": [1]}}}, "class A needs negative sentences"),
    ],
    ids=str,
)
def test_a_malformed_file_is_named_with_the_class(content, words, tmp_path) -> None:
    with pytest.raises(PromptError, match=words) as raised:
        read(tmp_path, content)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_and_a_name_that_is_unknown(tmp_path) -> None:
    with pytest.raises(PromptError, match="does not exist"):
        PromptSet.load(str(tmp_path / "p.json"))
    with pytest.raises(PromptError, match=r"unknown prompt set: received none; allowed: .*ptbxl-all"):
        PromptSet.load("none")


@pytest.mark.parametrize(("modality", "name", "path"), SHIPPED, ids=[name for _, name, _ in SHIPPED])
def test_every_shipped_set_covers_its_labels_and_never_says_both_sides(modality, name, path) -> None:
    prompts = PromptSet.read(path)
    labels = LabelSet.load(prompts.label_set)
    assert (prompts.name, labels.modality) == (name, modality)
    assert set(prompts.prompts) == set(labels.codes)
    for sides in prompts.prompts.values():
        assert not set(sides.positive) & set(sides.negative)
