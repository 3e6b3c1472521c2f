"""A real HTTP server that speaks OpenAI's protocol as well as its script says."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class ChatServer(http.server.ThreadingHTTPServer):
    """Answers with ``answer``; ``faults`` are used up first, one a request.

    Faults: a number is a status; ``(status, body, headers)`` too; ``drip`` sends a byte at a time; ``cut`` announces
    more than it sends; ``hang up`` closes at once; ``silent`` waits; other texts are sent as the whole body.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Any = {"subtypes": [], "attributes": [], "appearance": []}
        self.answers: dict[str, Any] = {}
        self.faults: list[Any] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.n_open = self.n_open_most = 0
        self.delay_s = 0.0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that have gone."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ChatServer

    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        with server.lock:
            server.bodies.append(body)
            server.headers.append({key.lower(): value for key, value in self.headers.items()})
            fault = server.faults.pop(0) if server.faults else None
            server.n_open += 1
            server.n_open_most = max(server.n_open_most, server.n_open)
        try:
            time.sleep(server.delay_s)
            self._answer(fault, json.loads(body))
        finally:
            with server.lock:
                server.n_open -= 1

    def _answer(self, fault: Any, request: dict[str, Any]) -> None:
        finding = request["messages"][-1]["content"].splitlines()[0].removeprefix("Finding: ")
        content = self.server.answers.get(finding, self.server.answer)
        message = content if isinstance(content, str) else json.dumps(content)
        good = json.dumps(
            {
                "id": "1",
                "object": "chat.completion",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": message}}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20},
            }
        ).encode()
        if fault is None:
            self._send(200, good)
        elif isinstance(fault, int):
            self._send(fault, b'{"error": {"message": "scripted"}}')
        elif isinstance(fault, tuple):
            self._send(fault[0], fault[1].encode(), fault[2])
        elif fault == "drip":
            self._head(200, len(good))
            for sign in good:
                self.wfile.write(bytes([sign]))
                self.wfile.flush()
                time.sleep(0.05)
        elif fault == "cut":
            self._head(200, len(good))
            self.wfile.write(good[: len(good) // 2])
            self.close_connection = True
        elif fault == "hang up":
            self.close_connection = True
        elif fault == "silent":
            time.sleep(3)
        else:
            self._send(200, fault.encode())

    def _head(self, status: int, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(length),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._head(status, len(body), headers)
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Keep the output of the tests clean."""


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """Serve for the time of a block."""
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
