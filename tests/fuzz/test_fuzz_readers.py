"""Every reader takes damaged files of its own kind: a sample or one clear line, soon and without much memory."""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path

import numpy as np
import pytest
from fuzz_reader import FuzzResult, damage, fuzz_reader
from fuzz_recordings import CHECKSUMMED, RECORDINGS, SECRETS

from medclip.core.errors import FormatError
from medclip.core.modality import Format, find_modality
from medclip.core.sample import Sample

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
N_MUTATIONS, SEED = 200, 20261126


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "ecg_formats").is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_damaged_files_give_a_sample_or_one_clear_line(name: str, tmp_path: Path) -> None:
    modality, _, form_name = name.partition("/")
    form = find_modality(modality).formats()[form_name]
    result = fuzz_reader(form, RECORDINGS[name](DATA), N_MUTATIONS, SEED, folder=tmp_path, secrets=SECRETS)
    assert result.failures == []
    assert result.n_samples + result.n_refusals == N_MUTATIONS
    # A run in which nothing is refused, or everything, tests only half of the reader.
    assert result.n_samples >= 2 or name in CHECKSUMMED
    assert result.n_refusals >= 20


def fuzz_with(read: object, tmp_path: Path, n: int = 3) -> FuzzResult:
    (tmp_path / "sound").write_bytes(bytes(range(256)))
    form = Format("x", "x", sniff=lambda path, head: True, read=read)  # type: ignore[arg-type]
    return fuzz_reader(form, [(tmp_path / "sound",)], n, 0, folder=tmp_path, secrets=["Anna"])


def sample(value: float = 0.0) -> Sample:
    return Sample("ecg", np.full((1, 2), value, np.float32), "r")


def refuse(message: str) -> None:
    raise FormatError(message)


def test_what_is_allowed_is_counted(tmp_path: Path) -> None:
    assert fuzz_with(lambda path: sample(), tmp_path).n_samples == 3
    assert fuzz_with(lambda path: refuse("broken"), tmp_path).n_refusals == 3


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda path: {}["x"], "KeyError"),
        (lambda path: None, "NoneType instead of a sample"),
        (lambda path: sample(np.inf), "infinite samples"),
        (lambda path: Sample("ecg", np.empty((0, 5), np.float32), "r"), "without samples"),
        (lambda path: refuse("the file of Anna is broken"), "tells ['Anna']"),
        (lambda path: refuse("x" * 2000), "no clear line"),
    ],
)
def test_what_is_not_allowed_is_found(tmp_path: Path, read: object, words: str) -> None:
    result = fuzz_with(read, tmp_path, n=1)
    assert len(result.failures) == 1
    assert words in result.failures[0]


def test_a_reader_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz_reader.LONGEST_S", 0.2)

    def read(path: Path) -> Sample:
        try:
            time.sleep(60)
        except Exception as error:
            raise FormatError("swallowed") from error
        return sample()

    result = fuzz_with(read, tmp_path, n=1)
    assert "_TooSlow" in result.failures[0]
    assert result.slowest_s < 10


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux to measure memory")
def test_a_reader_that_takes_much_memory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz_reader.LARGEST_BYTES", 50 << 20)

    def greedy(path: Path) -> Sample:
        # Mapped anew, so that memory which the process has freed before cannot serve.
        taken = np.frombuffer(mmap.mmap(-1, 100 << 20), np.uint8)
        taken[:] = 1
        return sample(float(taken.max()))

    result = fuzz_with(greedy, tmp_path, n=1)
    assert "MB" in result.failures[0]
    assert result.largest_bytes > 90 << 20


def test_damage_follows_from_the_seed_and_the_number() -> None:
    contents = [{"a.hea": b"I 1 500 10 20 30 40 50 60 70 80 90\n" * 9, "a.dat": bytes(500)}]
    first = [damage(contents, 1, number) for number in range(50)]
    assert first == [damage(contents, 1, number) for number in range(50)]
    assert first != [damage(contents, 2, number) for number in range(50)]
    changed = {name for recording, _ in first for name in recording if recording[name] != contents[0][name]}
    assert changed == {"a.hea", "a.dat"}
    assert len({kind for _, kind in first}) == 10
