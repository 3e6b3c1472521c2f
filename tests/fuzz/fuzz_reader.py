"""Give a reader damaged copies of sound files, and note whatever is neither a sample nor one clear line.

Every damaged copy follows from a seed and a number alone, so that a failure is repeated by
``damage(contents, seed, number)``.
"""

from __future__ import annotations

import contextlib
import random
import re
import signal
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import numpy as np

from medclip.core.errors import MedclipError
from medclip.core.modality import Format
from medclip.core.sample import Sample

LONGEST_S = 5.0
LARGEST_BYTES = 1 << 30
LONGEST_MESSAGE = 1500


@dataclass
class FuzzResult:
    """What came of a run.

    Args:
        n_samples: How many damaged files were read all the same.
        n_refusals: How many were refused with one of medclip's errors.
        failures: ``"NUMBER: what happened"`` for all others; the number repeats it.
        mutations: How often each kind of damage was done.
        slowest_s: Longest time that a file took, in seconds.
        largest_bytes: Most memory that a file took while it was read.
    """

    n_samples: int = 0
    n_refusals: int = 0
    failures: list[str] = field(default_factory=list)
    mutations: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    largest_bytes: int = 0


def fuzz_reader(
    form: Format,
    recordings: Sequence[Sequence[Path]],
    n: int,
    seed: int,
    *,
    folder: Path,
    secrets: Sequence[str] = (),
) -> FuzzResult:
    """Read ``n`` damaged copies of recordings.

    Args:
        form: The format whose ``sniff`` and ``read`` are called.
        recordings: Files of each recording; the first one is the one to read, the others lie beside it.
        n: Number of damaged copies.
        seed: What they follow from.
        folder: Where they are written; in memory if possible.
        secrets: Words of the sound files that no message may hold.
    """
    contents = [{path.name: path.read_bytes() for path in files} for files in recordings]
    result = FuzzResult()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(n):
            damaged, kind = damage(contents, seed, number)
            result.mutations[kind] += 1
            for name, content in damaged.items():
                (folder / name).write_bytes(content)
            said = _read_once(form, folder / next(iter(damaged)), result, secrets)
            if said:
                result.failures.append(f"{number}: {kind} of {next(iter(damaged))}: {said}")
    return result


def damage(contents: Sequence[Mapping[str, bytes]], seed: int, number: int) -> tuple[dict[str, bytes], str]:
    """Return one damaged recording, its files by name, and the kind of damage."""
    source = random.Random(f"{seed}-{number}")
    recording = dict(source.choice(contents))
    name = source.choice(list(recording))
    kind, mutate = source.choice(MUTATIONS)
    content = recording[name]
    for _ in range(source.choice((1, 1, 1, 2, 5))):
        content = mutate(content, source)
    recording[name] = content
    return recording, kind


def _read_once(form: Format, path: Path, result: FuzzResult, secrets: Sequence[str]) -> str:
    """Return what is wrong with how a file was taken; empty if nothing is."""
    start, before = time.perf_counter(), _reset_peak()
    try:
        with _time_limit():
            form.sniff(path, path.read_bytes()[:4096])
            said = _check_sample(form.read(path))
            result.n_samples += not said
    except MedclipError as error:
        said = _check_message(str(error).replace(str(path), ""), secrets)
        result.n_refusals += not said
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        said = f"{type(error).__name__}: {error}"
    took_s, took_bytes = time.perf_counter() - start, _peak() - before
    result.slowest_s, result.largest_bytes = max(result.slowest_s, took_s), max(result.largest_bytes, took_bytes)
    if took_s > LONGEST_S or took_bytes > LARGEST_BYTES:
        said = said or f"took {took_s:.1f} s and {took_bytes / 1e6:.0f} MB"
    return said


def _check_sample(sample: object) -> str:
    if not isinstance(sample, Sample):
        return f"a {type(sample).__name__} instead of a sample"
    if np.isinf(sample.array).any():
        return "infinite samples"
    if sample.array.size == 0:
        return "a sample without samples"
    return ""


def _check_message(message: str, secrets: Sequence[str]) -> str:
    if "\n" in message or not message.isprintable() or len(message) > LONGEST_MESSAGE:
        return f"a message that is no clear line: {message[:200]!r}"
    told = [secret for secret in secrets if secret in message]
    return f"a message that tells {told}" if told else ""


class _TooSlow(BaseException):
    """Not an ``Exception``, so that no reader can take it for damage of the file."""


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooSlow(f"more than {LONGEST_S:g} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _reset_peak() -> int:
    """Let the system forget the largest memory of this process, and return the present one; 0 where it cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return _peak()
    return _peak()


def _peak() -> int:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) * 1024


def _flip_bits(content: bytes, source: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(source.choice((1, 2, 8, 64)) if changed else 0):
        changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
    return bytes(changed)


def _flip_bits_at_the_beginning(content: bytes, source: random.Random) -> bytes:
    return _flip_bits(content[:2048], source) + content[2048:]


def _truncate(content: bytes, source: random.Random) -> bytes:
    return content[: source.randrange(len(content) + 1)]


def _block(content: bytes, source: random.Random) -> tuple[int, int]:
    length = min(len(content), source.choice((1, 4, 64, 1024, 16384)))
    start = source.randrange(len(content) - length + 1)
    return start, start + length


def _cut_out(content: bytes, source: random.Random) -> bytes:
    start, stop = _block(content, source)
    return content[:start] + content[stop:]


def _swap_blocks(content: bytes, source: random.Random) -> bytes:
    (a, b), (c, d) = sorted((_block(content, source), _block(content, source)))
    return content if b > c else content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def _repeat_block(content: bytes, source: random.Random) -> bytes:
    start, stop = _block(content, source)
    return content[:stop] + content[start:stop] * source.choice((1, 2, 20)) + content[stop:]


def _overwrite_block(content: bytes, source: random.Random) -> bytes:
    start, stop = _block(content, source)
    filling = source.choice((b"\0", b"\xff", b" ", b"9", source.randbytes(1)))
    return content[:start] + filling * (stop - start) + content[stop:]


def _insert_noise(content: bytes, source: random.Random) -> bytes:
    start, _ = _block(content, source)
    return content[:start] + source.randbytes(source.choice((1, 16, 300))) + content[start:]


def _change_a_number(content: bytes, source: random.Random) -> bytes:
    """Replace a number that is written out, of which text formats are full; binary ones get an odd word."""
    found = [(match.start(), match.end()) for match in re.finditer(rb"-?\d+(?:\.\d+)?", content[:200_000])]
    odd = (b"0", b"-1", b"1e9", b"99999999999", b"nan", b"0.00001", b"65536", b"", b"2147483648", b"1e-300", b"7")
    if len(found) < 10:
        start, stop = _block(content, source)
        return content[:start] + source.choice((b"\0", b"\xff")) * min(8, stop - start) + content[start + 8 :]
    start, stop = source.choice(found[:: source.choice((1, 1, 7))][: source.choice((200, len(found)))])
    return content[:start] + source.choice(odd) + content[stop:]


def _change_signs(content: bytes, source: random.Random) -> bytes:
    """Replace letters and digits by others, which leaves most of a text's structure as it was."""
    changed, signs = bytearray(content), b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for _ in range(source.choice((1, 4, 30)) if changed else 0):
        place = source.randrange(len(changed))
        if changed[place] in signs:
            changed[place] = source.choice(signs)
    return bytes(changed)


MUTATIONS: tuple[tuple[str, Callable[[bytes, random.Random], bytes]], ...] = (
    ("bit flips", _flip_bits),
    ("bit flips at the beginning", _flip_bits_at_the_beginning),
    ("truncation", _truncate),
    ("cut-out", _cut_out),
    ("swapped blocks", _swap_blocks),
    ("repeated block", _repeat_block),
    ("overwritten block", _overwrite_block),
    ("noise", _insert_noise),
    ("changed number", _change_a_number),
    ("changed number", _change_a_number),
    ("changed signs", _change_signs),
    ("changed signs", _change_signs),
)
