"""The linter on files with one fault each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medclip.core.errors import PromptError
from medclip.core.label_set import Finding, LabelSet
from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.prompts.builder import build_prompts
from medclip.prompts.lint import Problem, lint


def _lint(tmp_path: Path, content: object, *labels: object) -> list[Problem]:
    path = tmp_path / "prompts.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")
    return lint(path, labels)  # type: ignore[arg-type]


def _own(**classes: tuple[list[object], list[object]]) -> dict[str, object]:
    return {
        "schema": 2,
        "name": "n",
        "label_set": "l",
        "prompts": {code: {"positive": sides[0], "negative": sides[1]} for code, sides in classes.items()},
    }


def _checks(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.code, problem.check) for problem in problems]


def test_a_clean_file(tmp_path: Path) -> None:
    assert _lint(tmp_path, _own(A=(["a wave."], ["no a wave."]), B=([{"text": "b wave."}], ["no b wave."]))) == []


@pytest.mark.parametrize(
    ("classes", "found"),
    [
        ({"A": (["x wave"], ["no"]), "B": (["X-waves."], ["no"])}, [("A", "shared"), ("B", "shared")]),
        ({"A": (["x wave", "X waves (x)"], ["no"])}, [("A", "repeated")]),
        ({"A": (["x wave"], ["x wave"])}, [("A", "repeated")]),
        ({"A": (["ST elevation", "ST depression"], ["no"])}, [("A", "opposites")]),
        ({"A": (["Here are the subtypes"], ["no"])}, [("A", "talk")]),
        ({"A": (["x wave. Assistant: y"], ["no"])}, [("A", "talk")]),
        ({"A": (["in lead V1"], ["no"])}, [("A", "form")]),
        ({"A": (["wave " * 300], ["no"])}, [("A", "form")]),
        ({"A": ([], ["no"])}, [("A", "coverage")]),
        ({"A": (["x wave"], [])}, [("A", "coverage")]),
    ],
)
def test_faults_that_need_no_label_set(
    tmp_path: Path, classes: dict[str, tuple[list[object], list[object]]], found: list[tuple[str, str]]
) -> None:
    assert _checks(_lint(tmp_path, _own(**classes))) == found


def test_a_sentence_may_start_with_a_preposition(tmp_path: Path) -> None:
    assert (
        _lint(tmp_path, _own(A=(["In V1 there is an R wave.", "At least one lead."], ["For example, no wave."]))) == []
    )


def test_line_and_column_point_at_the_phrase(tmp_path: Path) -> None:
    text = '{\n  "A": "good wave, \\"b\\u00e4d\\" wave, ST elevation, \\ud83d\\ude00, ST depression."\n}'
    problems = _lint(tmp_path, text)
    by_check = {problem.check: problem for problem in problems}
    line = text.splitlines()[1]
    assert (by_check["opposites"].line, by_check["opposites"].column) == (2, line.index("ST depression") + 1)
    assert (by_check["form"].line, by_check["form"].column) == (2, line.index("\\ud83d") + 1)


def test_a_class_twice_is_found_though_json_hides_it(tmp_path: Path) -> None:
    problems = _lint(tmp_path, '{"A": "x wave",\n "A": "y wave"}')
    assert ("A", "repeated") in _checks(problems)


def test_siblings_and_missing_classes_by_label_set(
    tmp_path: Path, labels: LabelSet, knowledge: CatalogueKnowledge
) -> None:
    flat = {"AFIB": "atrial fibrillation, atrial flutter", "SVARR": "atrial flutter", "AFLT": "flutter wave"}
    problems = _lint(tmp_path, flat, (labels, knowledge))
    siblings = [problem for problem in problems if problem.check == "sibling"]
    assert [(problem.code, problem.phrase) for problem in siblings] == [("AFIB", "atrial flutter")]
    assert siblings[0].suggestion == "remove it, or move it to AFLT"
    missing = [problem.reason for problem in problems if problem.check == "coverage"]
    assert len(missing) == 3
    assert "class NORM" in " ".join(missing)


def test_a_parent_may_share_with_its_kind(tmp_path: Path, labels: LabelSet, knowledge: CatalogueKnowledge) -> None:
    flat = {
        "SVARR": "atrial fibrillation",
        "AFIB": "atrial fibrillation",
        "AFLT": "fibrillation",
        "LBBB": "fibrillation",
    }
    shared = [problem.code for problem in _lint(tmp_path, flat, (labels, knowledge)) if problem.check == "shared"]
    assert shared == ["AFLT", "LBBB"]


def test_codes_match_without_their_final_underscore(tmp_path: Path) -> None:
    labels = LabelSet("x", "x", (Finding("NST_", "st change"), Finding("B", "b wave")))
    problems = _lint(tmp_path, {"NST": "b wave", "B": "b"}, (labels, CatalogueKnowledge(())))
    assert ("NST", "sibling") in _checks(problems)
    assert not [problem for problem in problems if problem.check == "coverage"]


@pytest.mark.parametrize("strategy", ["name", "templates", "definition", "synonyms", "composed"])
def test_what_the_builder_writes_is_clean(
    strategy: str, tmp_path: Path, labels: LabelSet, knowledge: CatalogueKnowledge
) -> None:
    built = build_prompts(labels, strategy, knowledge=knowledge)
    assert _lint(tmp_path, built.to_json(), (labels, knowledge)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"A": "x"', r"prompts\.json is no JSON: line 1, column 10"),
        ("[1]", "is no prompt set"),
        ("{}", "is no prompt set"),
        ('{"A": 3}', "is no prompt set"),
        ('{"prompts": {"A": "x"}}', "class A is no object"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_unusable_files_are_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        _lint(tmp_path, content)
    with pytest.raises(PromptError, match="cannot be read"):
        lint(tmp_path / "none.json")
