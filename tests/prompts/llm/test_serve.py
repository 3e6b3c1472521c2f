"""A real server of OpenAI's protocol, ``transformers serve``, with a model that knows nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_model import save_tiny_model

from medclip.core.label_set import Finding, LabelSet
from medclip.knowledge.concept import Concept, Description
from medclip.knowledge.lookup import CatalogueKnowledge
from medclip.prompts.builder import build_prompts
from medclip.prompts.llm.asking import Asking
from medclip.prompts.llm.cache import ReplyCache
from medclip.prompts.llm.endpoint import Endpoint

# Starting the server imports torch and loads the model, which takes longer than all other tests of this folder.
pytestmark = pytest.mark.slow
for package in ("openai", "fastapi", "uvicorn"):
    pytest.importorskip(package, reason="needs the extras llm and test")

_PATIENCE_S = 300


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def url(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "serve.txt"
    start = "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; sys.exit(main())"
    command = [sys.executable, "-c", start, "serve", str(model_folder), "--device", "cpu"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"transformers serve did not start: {log.read_text()[-2000:]}")


def test_babble_is_rejected_and_the_definition_serves(url: str, model_folder: Path, tmp_path: Path) -> None:
    described = Description("x", (), ("P waves before every QRS complex.",))
    knowledge = CatalogueKnowledge(
        [
            Concept("x:a", "atrial fibrillation", "A rhythm without P waves.", description=described),
            Concept("x:b", "atrial flutter", "A saw-tooth baseline."),
        ]
    )
    labels = LabelSet(
        "two",
        "none",
        (Finding("A", "atrial fibrillation", concept="x:a"), Finding("B", "atrial flutter", concept="x:b")),
    )
    endpoint = Endpoint(url, str(model_folder), timeout_s=120, n_tries=6, backoff_s=0.2)
    asking = Asking(endpoint, ReplyCache(tmp_path), max_tokens=24, n_concurrent=2)
    built = build_prompts(labels, "ckepe", knowledge=knowledge, asking=asking)
    entry = built.prompts["A"]
    assert entry.positive == ("Atrial fibrillation. A rhythm without P waves.",)
    assert entry.negative == ("P waves before every QRS complex.",)
    assert entry.fallback.startswith("definition: none of")
    assert entry.rejected
    assert asking.usage.n_asked == 2
    assert asking.usage.n_prompt_tokens > 100
    assert 0 < asking.usage.n_answer_tokens <= 48
    offline = Asking(None, ReplyCache(tmp_path), model_name=str(model_folder), max_tokens=24)
    assert build_prompts(labels, "ckepe", knowledge=knowledge, asking=offline).to_json() == built.to_json()
