"""Clients against a scripted server of OpenAI's protocol."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import pytest
from chat_server import ChatServer, chat_server

from medclip.core.errors import ConfigError, DownloadError, MissingDependencyError, PromptError
from medclip.prompts.llm.endpoint import Endpoint, is_local
from medclip.prompts.llm.request import Question, Request

pytest.importorskip("openai", reason="the extra llm is not installed")

REQUEST = Request("m", Question("be brief", "Finding: a", {"type": "object"}), 0.5, 7, 64)
KEY = "sk-very-secret-0123456789"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


def _endpoint(server: ChatServer, **options: float) -> Endpoint:
    return Endpoint(server.url, "m", **({"timeout_s": 5.0, "n_tries": 4, "backoff_s": 0.01} | options))  # type: ignore[arg-type]


def test_what_is_sent_and_what_comes_back(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.answer = "hello"
    reply = _endpoint(server).answer(REQUEST)
    assert (reply.text, reply.n_prompt_tokens, reply.n_answer_tokens) == ("hello", 100, 20)
    sent = json.loads(server.bodies[0])
    assert sent["messages"] == REQUEST.messages()
    assert (sent["model"], sent["seed"], sent["temperature"], sent["max_tokens"]) == ("m", 7, 0.5, 64)
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "fault",
    [429, 500, 503, "cut", "hang up", "{not json", "[]", '{"choices": []}', '{"choices": [{"message": null}]}'],
)
def test_a_passing_fault_is_overcome(server: ChatServer, fault: object) -> None:
    server.faults = [fault, fault]
    server.answer = "at last"
    assert _endpoint(server).answer(REQUEST).text == "at last"
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("fault", "said"), [(429, "status 429"), (500, "status 500"), ("cut", "broke off"), ("{", "protocol")]
)
def test_a_lasting_fault_ends_in_one_line(server: ChatServer, fault: object, said: str) -> None:
    server.faults = [fault] * 20
    with pytest.raises(DownloadError, match=f"after 3 tries .*{said}"):
        _endpoint(server, n_tries=3).answer(REQUEST)
    assert len(server.bodies) == 3


def test_a_slow_drip_and_silence_meet_the_deadline(server: ChatServer) -> None:
    server.faults = ["drip", "silent"]
    started = time.monotonic()
    with pytest.raises(DownloadError, match="after 2 tries"):
        _endpoint(server, n_tries=2, timeout_s=0.4).answer(REQUEST)
    assert time.monotonic() - started < 3.0


def test_retry_after_is_heeded(server: ChatServer) -> None:
    server.faults = [(429, "{}", {"retry-after": "0.6"})]
    started = time.monotonic()
    _endpoint(server).answer(REQUEST)
    assert 0.6 <= time.monotonic() - started < 3.0


def test_settings_that_a_server_does_not_know_are_left_out(server: ChatServer) -> None:
    server.faults = [
        (422, '{"error": {"message": "unknown field response_format"}}', {}),
        (400, '{"error": {"message": "use max_completion_tokens instead of max_tokens"}}', {}),
    ]
    _endpoint(server).answer(REQUEST)
    sent = json.loads(server.bodies[-1])
    assert not {"response_format", "max_tokens"} & set(sent)
    assert sent["max_completion_tokens"] == 64
    assert sent["seed"] == 7


def test_a_refused_key_is_never_shown(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    endpoint = Endpoint(server.url, "m", key_variable="MY_KEY", n_tries=2, backoff_s=0.01)
    echo = json.dumps({"error": {"message": f"incorrect key {KEY}"}})
    for status in (401, 404, 400):
        server.faults = [(status, echo, {})] * 5
        with pytest.raises((PromptError, DownloadError)) as caught:
            endpoint.answer(REQUEST)
        assert KEY not in str(caught.value)
        assert KEY not in repr(caught.value.__cause__)
        if status == 401:
            assert "MY_KEY" in str(caught.value)
    assert KEY not in repr(endpoint)
    assert all(header["authorization"] == f"Bearer {KEY}" for header in server.headers)


def test_an_unreachable_server_is_one_line() -> None:
    with pytest.raises(DownloadError, match=r"no answer from http://127\.0\.0\.1:9/v1 after 2 tries"):
        Endpoint("http://127.0.0.1:9/v1", "m", n_tries=2, backoff_s=0.01).answer(REQUEST)


@pytest.mark.parametrize("url", ["", "ftp://x/v1", "127.0.0.1:80", "http://", "http://[::1", "http://h:99999"])
def test_malformed_urls(url: str) -> None:
    with pytest.raises(ConfigError, match="malformed"):
        Endpoint(url, "m")


def test_a_password_in_the_url_is_refused_unseen() -> None:
    with pytest.raises(ConfigError, match="environment") as caught:
        Endpoint(f"https://user:{KEY}@host/v1", "m")
    assert KEY not in str(caught.value)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingDependencyError, match=r"medclip-toolkit\[llm\]"):
        Endpoint("http://127.0.0.1:9/v1", "m")


def test_what_is_local() -> None:
    assert [is_local(f"http://{host}/v1") for host in ("127.0.0.9", "[::1]:80", "localhost")] == [True] * 3
    assert [is_local(f"http://{host}/v1") for host in ("10.0.0.1", "localhost.evil.org", "[2001::1]")] == [False] * 3
