"""Every shipped label set has prompts, made by the builder as it is now, and they are clean."""

from __future__ import annotations

import pytest

from medclip.core.label_set import LabelSet
from medclip.core.named_files import find_label_set_file, find_prompt_set_file, label_set_names
from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.prompts.builder import build_prompts
from medclip.prompts.lint import lint
from medclip.prompts.prompt_set import PromptSet
from medclip.prompts.words import is_denial, to_words

KNOWLEDGE = CatalogueKnowledge()
NAMES = label_set_names()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_the_builder_makes_now(name: str) -> None:
    modality, path = find_prompt_set_file(name)
    assert modality == find_label_set_file(name)[0]
    strategy = PromptSet.read(path).strategy
    built = build_prompts(LabelSet.load(name), strategy, knowledge=KNOWLEDGE, name=name)
    assert path.read_text(encoding="utf-8") == built.to_json(), "run scripts/build_prompts.py"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_clean(name: str) -> None:
    path = find_prompt_set_file(name)[1]
    assert lint(path, [(LabelSet.load(name), KNOWLEDGE)]) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_sentence_has_an_origin_that_holds_it(name: str) -> None:
    concepts = {finding.code: finding.concept for finding in LabelSet.load(name).findings}
    for code, entry in PromptSet.load(name).prompts.items():
        described = KNOWLEDGE.get(concepts[code]).description
        assert set(entry.provenance) == {*entry.positive, *entry.negative}
        for side, wording in (("positive", described.wording), ("negative", described.wording_instead)):
            for text in getattr(entry, side):
                origin = entry.provenance[text].origin
                assert origin.concept == concepts[code]
                assert (origin.field == "wording") == (text in wording)


def test_sets_of_phrases_deny_nothing() -> None:
    sets = [PromptSet.load(name) for name in NAMES]
    phrases = [one for one in sets if one.strategy == "reports"]
    assert len(phrases) >= 10
    denials = [text for one in phrases for entry in one.prompts.values() for text in entry.negative if _denies(text)]
    assert denials == []


def _denies(text: str) -> bool:
    return is_denial(to_words(text))
