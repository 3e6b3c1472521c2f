"""A real HTTP server with the faults that servers and networks have."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``; ``faults[path]`` is a list of faults for the next requests of that path, used up in order.

    Faults: a number is a status; ``break`` sends half of what it announced and closes; ``hang up`` closes at once;
    ``wrong`` sends other bytes; ``whole`` ignores the range; ``shifted`` sends another range than asked for;
    ``silent`` sends nothing for two seconds; ``elsewhere`` redirects to a local file. Any fault followed by ``*`` is
    for ever.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(files)
        self.faults: dict[str, list[Any]] = defaultdict(list)
        self.requests: list[tuple[str, str | None, str | None]] = []
        self.delay_s = 0.0
        self.sends_etag = True
        self.n_open = self.n_open_most = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Address of the folder with the files."""
        return f"http://127.0.0.1:{self.server_address[1]}/files/set/1.0/"

    def list_checksums(self) -> None:
        """Add the list of checksums of all files."""
        lines = [f"{hashlib.sha256(content).hexdigest()} {name}" for name, content in self.files.items()]
        self.files["SHA256SUMS.txt"] = ("\n".join(lines) + "\n").encode()

    def requests_of(self, name: str) -> list[str | None]:
        """Return the ranges asked for, one per request of a file."""
        return [asked for path, asked, _ in self.requests if path == name]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that are killed on purpose."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET with ranges, and with faults."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer one request."""
        server = self.server
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        name = path.removeprefix("/files/set/1.0/")
        with server.lock:
            server.requests.append((name, self.headers.get("Range"), self.headers.get("If-Range")))
            faults = server.faults[name]
            fault = faults[0] if faults else None
            if faults and faults[-1] != "*":
                faults.pop(0)
            server.n_open += 1
            server.n_open_most = max(server.n_open_most, server.n_open)
        try:
            self._answer(name, fault)
        finally:
            with server.lock:
                server.n_open -= 1

    def _answer(self, name: str, fault: Any) -> None:
        content = self.server.files.get(name)
        if fault == "hang up":
            self._close()
        elif fault == "silent":
            time.sleep(2)
        elif fault == "elsewhere":
            self._send(302, {"Location": "file:///etc/hostname"})
        elif isinstance(fault, int):
            self._send(fault, {"Retry-After": "0"} if fault == 503 else {})
        elif content is None:
            self._send(404, {})
        else:
            self._send_content(content, fault)

    def _send_content(self, content: bytes, fault: Any) -> None:
        headers = {"ETag": f'"{hashlib.md5(content).hexdigest()}"'} if self.server.sends_etag else {}
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        status = 200
        if fault == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if start >= len(content) > 0:
            self._send(416, {"Content-Range": f"bytes */{len(content)}"})
            return
        asked = self.headers.get("If-Range")
        if start and fault != "whole" and (asked is None or asked == headers.get("ETag")):
            start += 3 if fault == "shifted" else 0
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, status = content[start:], 206
        self._send(status, headers, content, len(content) // 2 if fault == "break" else None)
        if fault == "break":
            self._close()

    def _send(self, status: int, headers: Mapping[str, str], content: bytes = b"", n_sent: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        for start in range(0, n_sent if n_sent is not None else len(content), 4096):
            self.wfile.write(content[start : min(start + 4096, n_sent or len(content))])
            if self.server.delay_s:
                self.wfile.flush()
                time.sleep(self.server.delay_s)

    def _close(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[Server]:
    """Serve files and the list of their checksums on a free port."""
    server = Server(files)
    server.list_checksums()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
