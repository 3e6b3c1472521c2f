"""Many questions, each asked once."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from medclip.core.errors import DownloadError, OutputError, PromptError
from medclip.prompts.llm.asking import Asking
from medclip.prompts.llm.cache import ReplyCache
from medclip.prompts.llm.request import Question, Reply, Request

QUESTIONS = {str(number): Question("s", f"Finding: {number}", {}) for number in range(8)}


class Model:
    """Answers with the question; counts how many ask at once."""

    name = "m"

    def __init__(self, fails_on: str = "") -> None:
        self.n_asked = self.n_at_once = self.n_at_once_most = 0
        self._fails_on = fails_on
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        with self._lock:
            self.n_asked += 1
            self.n_at_once += 1
            self.n_at_once_most = max(self.n_at_once_most, self.n_at_once)
        time.sleep(0.02)
        with self._lock:
            self.n_at_once -= 1
        if request.question.user == self._fails_on:
            raise DownloadError("gone")
        return Reply(request.question.user, 3, 2)


def test_answers_come_in_order_from_several_at_once(tmp_path: Path) -> None:
    model, steps = Model(), []
    asking = Asking(model, ReplyCache(tmp_path), n_concurrent=4, progress=steps.append)
    answers = asking.ask(QUESTIONS)
    assert list(answers) == list(QUESTIONS)
    assert all(answers[key].text == asked.user for key, asked in QUESTIONS.items())
    assert 2 <= model.n_at_once_most <= 4
    assert sum(steps) == 8
    assert (asking.usage.n_prompt_tokens, asking.usage.n_answer_tokens) == (24, 16)
    assert asking.usage.cost(per_million_sent=1e6, per_million_received=2e6) == pytest.approx(24 + 32)


def test_a_second_time_nothing_is_asked_and_other_settings_are_another_question(tmp_path: Path) -> None:
    model = Model()
    Asking(model, ReplyCache(tmp_path)).ask(QUESTIONS)
    again = Asking(model, ReplyCache(tmp_path))
    again.ask(QUESTIONS)
    assert (model.n_asked, again.usage.n_cached, again.usage.n_prompt_tokens) == (8, 8, 0)
    for other in ({"seed": 1}, {"temperature": 0.3}, {"max_tokens": 9}, {"model_name": "n"}):
        asked = model.n_asked
        Asking(model, ReplyCache(tmp_path), **other).ask(dict([next(iter(QUESTIONS.items()))]))  # type: ignore[arg-type]
        assert model.n_asked == asked + 1


def test_what_was_answered_before_a_failure_is_kept(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="gone"):
        Asking(Model("Finding: 5"), ReplyCache(tmp_path), n_concurrent=1).ask(QUESTIONS)
    assert len(list(tmp_path.rglob("*.json"))) >= 5
    model = Model()
    Asking(model, ReplyCache(tmp_path)).ask(QUESTIONS)
    assert model.n_asked <= 3


def test_offline_asks_nobody(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="the cache has no answer of m"):
        Asking(None, ReplyCache(tmp_path), model_name="m").ask(QUESTIONS)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PromptError, match="whose answers"):
        Asking(None, ReplyCache(tmp_path))


def test_a_damaged_answer_is_named(tmp_path: Path) -> None:
    cache, asked = ReplyCache(tmp_path), dict([next(iter(QUESTIONS.items()))])
    Asking(Model(), cache).ask(asked)
    (path,) = tmp_path.rglob("*.json")
    for content in ("", "[]", '{"request": {}, "reply": {"text": "x"}}'):
        path.write_text(content)
        with pytest.raises(PromptError, match=path.name):
            Asking(Model(), cache).ask(asked)


def test_a_changed_answer_of_another_request_is_refused(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    one, other = (Request("m", Question("s", text, {})) for text in "ab")
    cache.put(one, Reply("x"))
    (path,) = tmp_path.rglob("*.json")
    content = json.loads(path.read_text())
    content["request"]["question"]["user"] = "b"
    path.write_text(json.dumps(content))
    with pytest.raises(PromptError, match="another request"):
        cache.get(one)
    assert cache.get(other) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_stops_before_the_first_question(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    model = Model()
    with pytest.raises(OutputError, match="cannot be written"):
        Asking(model, ReplyCache(tmp_path)).ask(QUESTIONS)
    assert model.n_asked == 0


def test_a_cache_that_is_a_file_stops_before_the_first_question(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    model = Model()
    with pytest.raises(OutputError, match="cannot write"):
        Asking(model, ReplyCache(tmp_path / "cache")).ask(QUESTIONS)
    assert model.n_asked == 0
