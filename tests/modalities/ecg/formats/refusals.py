"""What every reader has to do with a file that it cannot read."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from medclip.core.errors import FormatError, MedclipError
from medclip.core.modality import Format

_LONGEST_S = 5.0


def message_of(form: Format, path: Path) -> str:
    """Return the message of a refusal, which is one line and names nobody."""
    with pytest.raises(FormatError) as caught:
        form.read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    assert not re.search("Secret|4711", message)
    return message


def mutations(content: bytes, *, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield files with flipped bits, cut short, and with two blocks exchanged, the same ones for one seed."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        changed = bytearray(content)
        if number % 3 == 0:
            for place in rng.integers(0, len(changed), 4):
                changed[place] ^= 1 << int(rng.integers(8))
        elif number % 3 == 1:
            del changed[int(rng.integers(len(changed))) :]
        else:
            size = max(1, len(changed) // 8)
            first, second = sorted(int(place) for place in rng.integers(0, len(changed) - size, 2))
            changed[first : first + size], changed[second : second + size] = (
                content[second : second + size],
                content[first : first + size],
            )
        yield bytes(changed)


def check_mutations(form: Format, path: Path, contents: Iterable[bytes]) -> int:
    """Sniff and read each content under a path: a sample or one of medclip's errors, in time; return the refusals."""
    n_refused = 0
    for content in contents:
        path.write_bytes(content)
        start = time.monotonic()
        form.sniff(path, content[:4096])
        try:
            form.read(path)
        except MedclipError:
            n_refused += 1
        assert time.monotonic() - start < _LONGEST_S
    return n_refused
