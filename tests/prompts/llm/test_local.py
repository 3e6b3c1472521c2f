"""A model in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_model import save_tiny_model

from medclip.core.errors import PromptError
from medclip.core.label_set import Finding, LabelSet
from medclip.knowledge.concept import Concept
from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.prompts.builder import build_prompts
from medclip.prompts.llm.asking import Asking
from medclip.prompts.llm.cache import ReplyCache
from medclip.prompts.llm.local import LocalModel
from medclip.prompts.llm.request import Question, Request

QUESTION = Question("be brief", "Finding: atrial fibrillation", {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


def test_equal_seeds_give_equal_answers(folder: Path) -> None:
    import torch

    model = LocalModel(folder)
    state = torch.random.get_rng_state()
    answers = [model.answer(Request(model.name, QUESTION, 1.0, seed, 12)).text for seed in (1, 1, 2)]
    assert answers[0] == answers[1] != answers[2]
    assert torch.equal(state, torch.random.get_rng_state())
    greedy = [model.answer(Request(model.name, QUESTION, 0.0, seed, 12)) for seed in (1, 2)]
    assert greedy[0].text == greedy[1].text
    assert 0 < greedy[0].n_answer_tokens <= 12 < greedy[0].n_prompt_tokens


def test_the_name_changes_with_the_files(folder: Path, tmp_path: Path) -> None:
    other = save_tiny_model(tmp_path / folder.name)
    assert LocalModel(other).name == LocalModel(folder).name
    (other / "generation_config.json").write_text("{}")
    assert LocalModel(other).name != LocalModel(folder).name


def test_babble_is_rejected_and_the_definition_serves(folder: Path, tmp_path: Path) -> None:
    knowledge = CatalogueKnowledge([Concept("x:a", "atrial fibrillation", "A rhythm without P waves.")])
    labels = LabelSet("one", "none", (Finding("A", "atrial fibrillation", concept="x:a"),))
    asking = Asking(LocalModel(folder), ReplyCache(tmp_path), max_tokens=16)
    entry = build_prompts(labels, "ckepe", knowledge=knowledge, asking=asking).prompts["A"]
    assert entry.fallback.startswith("definition")
    assert entry.positive == ("Atrial fibrillation. A rhythm without P waves.",)
    assert entry.rejected[0].reason == "the answer is no JSON"


def test_folders_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="holds no language model"):
        LocalModel(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(PromptError, match="no usable language model"):
        LocalModel(tmp_path).answer(Request("m", QUESTION))
