"""Fetching one file over HTTP: resumed where it broke off, verified, and put in place in one step."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import ssl
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from medclip.core.errors import DownloadError, OutputError

__all__ = ["Fetcher", "has_checksum"]

_CHUNK_BYTES = 1 << 16
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT_S = 300.0


class _PassingError(Exception):
    """A failure that may be gone at the next attempt; ``wait_s`` is what the server asks for."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass
class _Part:
    """What is there of a file, and the server's mark of the version that it is a part of, if that is known."""

    path: Path
    validator: str | None = None

    @property
    def size(self) -> int:
        """Number of bytes, 0 if there is no file."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


class _StaySecure(urllib.request.HTTPRedirectHandler):
    """Follow no redirect from HTTPS to anything else, and none to another kind of address."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        allowed = ("https://",) if req.full_url.startswith("https://") else ("https://", "http://")
        if not newurl.startswith(allowed):
            raise DownloadError(f"{req.full_url} redirects to an address that is not secure", received=newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True, eq=False)
class Fetcher:
    """Fetches files; one instance may serve several threads.

    Args:
        n_attempts: Attempts without any progress after which a file is given up, >= 1.
        first_wait_s: Seconds before the second attempt; each further wait is twice as long, less up to a half at
            random so that parallel downloads do not return at once.
        timeout_s: Seconds without a byte after which a connection counts as broken.
        stop: Set it to end all transfers.
    """

    n_attempts: int
    first_wait_s: float
    timeout_s: float
    stop: threading.Event

    def fetch(self, url: str, target: Path, *, sha256: str | None) -> None:
        """Fetch a file to ``target``; until it is complete and verified it is ``target`` with ``.part`` appended.

        Raises:
            DownloadError: The server refuses it, breaks off too often, or sends another content than announced.
            OutputError: It cannot be written.
        """
        part = _Part(target.with_name(f"{target.name}.part"))
        n_failures = 0
        while True:
            if self.stop.is_set():
                raise DownloadError(f"the download of {url} was stopped", action="start it again: it continues")
            n_bytes = part.size
            try:
                self._transfer(url, part)
                if sha256 is None or has_checksum(part.path, sha256):
                    _write(os.replace, part.path, target)
                    return
                _write(part.path.unlink)
                raise _PassingError("its checksum is not the one announced")
            except _PassingError as error:
                n_failures = 1 if part.size > n_bytes else n_failures + 1
                if n_failures >= self.n_attempts:
                    raise DownloadError(
                        f"{url} could not be fetched",
                        received=f"{error}, {n_failures} times in a row",
                        action="check the connection and start the download again: it continues where it stopped",
                    ) from error
                wait_s = self.first_wait_s * 2 ** (n_failures - 1) * random.uniform(0.5, 1.0)
                self.stop.wait(min(max(wait_s, error.wait_s), _LONGEST_WAIT_S))

    def _transfer(self, url: str, part: _Part) -> None:
        """Fetch what ``part`` lacks of a file."""
        n_present = part.size
        request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "medclip"})
        if n_present:
            request.add_header("Range", f"bytes={n_present}-")
            if part.validator:
                request.add_header("If-Range", part.validator)
        try:
            with urllib.request.build_opener(_StaySecure).open(request, timeout=self.timeout_s) as response:
                etag = str(response.headers.get("ETag", "W/"))
                part.validator = None if etag.startswith("W/") else etag
                continues = _continues(response, n_present)
                with _write(part.path.open, "ab" if continues else "wb") as file:
                    self._copy(response, file)
        except urllib.error.HTTPError as error:
            _judge(error, url, n_present)
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            raise _reason(error, url) from error

    def _copy(self, response: Any, file: IO[bytes]) -> None:
        announced = response.headers.get("Content-Length")
        n_copied = 0
        while chunk := response.read(_CHUNK_BYTES):
            _write(file.write, chunk)
            n_copied += len(chunk)
            if self.stop.is_set():
                raise _PassingError("it was stopped")
        _write(file.flush)
        if announced is not None and n_copied != int(announced):
            raise _PassingError(f"the connection broke off after {n_copied} of {announced} bytes")


def has_checksum(path: Path, sha256: str) -> bool:
    """Tell whether a file exists and has this SHA-256, given in hexadecimal digits."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256.lower()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OutputError(f"{path} cannot be read ({error.strerror})", action="check its rights") from error


def _continues(response: Any, n_present: int) -> bool:
    """Tell whether the server sends the rest of the file; it may as well ignore the range and send all of it."""
    if response.status != 206:
        return False
    sent = str(response.headers.get("Content-Range", ""))
    if not sent.startswith(f"bytes {n_present}-"):
        raise _PassingError(f"the server sent another part than asked for ({sent or 'unnamed'})")
    return True


def _judge(error: urllib.error.HTTPError, url: str, n_present: int) -> None:
    """Raise what an HTTP error means; return if it only says that all bytes are already there."""
    if error.code == 416 and n_present:
        return
    if error.code in _PASSING_STATUSES:
        asked = error.headers.get("Retry-After", "")
        raise _PassingError(f"the server answered {error.code}", float(asked) if asked.isdigit() else 0.0) from error
    actions = {401: "log in and ask for access on its page", 403: "ask for access on its page"}
    raise DownloadError(
        f"the server refuses {url}",
        received=f"{error.code} {error.reason}",
        action=actions.get(error.code, "check the address and the version of the data set"),
    ) from error


def _reason(error: Exception, url: str) -> Exception:
    cause = getattr(error, "reason", error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return DownloadError(
            f"the certificate of {url} cannot be verified ({cause.verify_message})",
            action="ask whoever runs your network for its certificate, and set SSL_CERT_FILE to it",
        )
    return _PassingError(f"the connection failed ({cause or type(error).__name__})")


def _write(operation: Any, *arguments: Any) -> Any:
    """Do something to the disk, so that its errors are not taken for those of the network."""
    try:
        return operation(*arguments)
    except OSError as error:
        raise OutputError(
            f"the download cannot be written ({error.strerror}: {error.filename or 'disk'})",
            action="make room or give another folder, and start again: it continues",
        ) from error
