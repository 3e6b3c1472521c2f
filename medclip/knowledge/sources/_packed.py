"""Files as lines or JSON, packed or not, and never more in memory than a limit."""

from __future__ import annotations

import gzip
import json
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from medclip.core.errors import KnowledgeError, MissingDependencyError

__all__ = ["open_packed", "read_head", "read_json", "read_lines"]

_HEAD_BYTES = 4096
# The longest line of a published vocabulary is some 100 kB.
MOST_BYTES_OF_A_LINE = 4 << 20
# The largest ontology that is published as one JSON text unpacks to some 400 MB.
MOST_BYTES_OF_JSON = 512 << 20
_CHUNK_BYTES = 1 << 20

_ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP = b"\x1f\x8b"
_XZ = b"\xfd7zXZ\x00"


@contextmanager
def open_packed(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading its unpacked bytes.

    Raises:
        KnowledgeError: It cannot be read, or is cut off or damaged, also later while it is read.
        MissingDependencyError: It is packed by zstd and the package for that is not installed.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(6)
            file.seek(0)
            with _unpacked(file, magic, path) as stream:
                yield stream
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, MissingDependencyError):
            raise
        raise KnowledgeError(f"{path} cannot be read to its end ({error})", action="fetch it again") from error


def read_head(path: Path) -> bytes:
    """Read the first unpacked bytes of a file; the errors are those of ``open_packed``."""
    with open_packed(path) as stream:
        return stream.read(_HEAD_BYTES)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield numbered lines without their ends.

    Raises:
        KnowledgeError: As ``open_packed``; a line is no UTF-8, or longer than any vocabulary's.
    """
    with open_packed(path) as stream:
        number = 0
        while line := stream.readline(MOST_BYTES_OF_A_LINE + 1):
            number += 1
            if len(line) > MOST_BYTES_OF_A_LINE:
                raise KnowledgeError(
                    f"line {number} of {path} is too long to be one of a vocabulary",
                    received=f"more than {MOST_BYTES_OF_A_LINE} bytes",
                )
            yield number, _decoded(line, path, number)


def read_json(path: Path) -> Any:
    """Read a JSON text.

    Raises:
        KnowledgeError: As ``open_packed``; it is no JSON, or too large to be held in memory.
    """
    chunks, n_bytes = [], 0
    with open_packed(path) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            chunks.append(chunk)
            n_bytes += len(chunk)
            if n_bytes > MOST_BYTES_OF_JSON:
                raise KnowledgeError(f"{path} unpacks to more than {MOST_BYTES_OF_JSON >> 20} MiB of JSON")
    try:
        return json.loads(b"".join(chunks))
    except (ValueError, RecursionError) as error:
        raise KnowledgeError(f"{path} is no complete JSON ({error})", action="fetch it again") from error


@contextmanager
def _unpacked(file: BinaryIO, magic: bytes, path: Path) -> Iterator[BinaryIO]:
    if magic.startswith(_GZIP):
        with gzip.open(file) as stream:
            yield cast(BinaryIO, stream)
    elif magic.startswith(_XZ):
        with lzma.open(file) as stream:
            yield cast(BinaryIO, stream)
    elif magic.startswith(_ZSTD):
        with _open_zstd(file, path) as stream:
            yield stream
    else:
        yield file


@contextmanager
def _open_zstd(file: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    import io

    try:
        import zstandard
    except ImportError as error:
        raise MissingDependencyError(
            f"{path} is packed by zstd", action="pip install zstandard, or unpack it with zstd -d"
        ) from error
    try:
        with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream:
            yield cast(BinaryIO, io.BufferedReader(cast(Any, stream)))
    except zstandard.ZstdError as error:
        raise KnowledgeError(f"{path} cannot be read to its end ({error})", action="fetch it again") from error


def _decoded(line: bytes, path: Path, number: int) -> str:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise KnowledgeError(f"line {number} of {path} is no UTF-8 text ({error.reason})") from error
    return text.rstrip("\r\n")
