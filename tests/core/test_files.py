"""A result is whole or not there: after errors, a full disk, a kill and beside a second process."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from medclip.core import files
from medclip.core.errors import ConfigError, OutputError
from medclip.core.files import new_folder, output_errors, read_json, sha256_of_file, write_json, write_whole

REPOSITORY = str(Path(files.__file__).parents[2])


def names(folder: Path) -> list[str]:
    """Return everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


@contextlib.contextmanager
def small_disk(folder: Path, *, n_bytes: int) -> Iterator[Path]:
    """Mount a file system of a few kilobytes, or skip."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(folder)]
    if os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root only")
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("this machine mounts no tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_write_whole_makes_folders_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "result.txt"
    for content in ("old", "new"):
        with write_whole(target) as temporary:
            assert temporary.parent == target.parent
            assert not target.exists() or target.read_text() == "old"
            temporary.write_text(content)
    assert target.read_text() == "new"
    assert names(target.parent) == ["result.txt"]


def test_rights_are_those_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with write_whole(tmp_path / "file") as temporary:
            temporary.write_text("x")
        with new_folder(tmp_path / "folder") as work:
            (work / "file").write_text("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


@pytest.mark.parametrize("error", [ConfigError("wrong"), KeyError("x"), KeyboardInterrupt()])
def test_an_error_inside_leaves_the_old_result(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "file").write_text("old")

    def write_file() -> None:
        with write_whole(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise error

    def write_folder() -> None:
        with new_folder(tmp_path / "folder", overwrite=True) as work:
            (work / "half").write_text("half")
            raise error

    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_text("old")
    for write in (write_file, write_folder):
        with pytest.raises(type(error)):
            write()
    assert names(tmp_path) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path / "folder") == ["kept"]


def test_new_folder_takes_its_place_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "bundle"
    with new_folder(target) as work:
        (work / "sub").mkdir()
        (work / "sub" / "file").write_text("x")
        assert not target.exists()
    assert (target / "sub" / "file").read_text() == "x"
    assert names(target.parent) == ["bundle"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_there_is_kept_unless_told_otherwise(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "bundle"
    if kind == "file":
        target.write_text("old")
    else:
        target.mkdir()
        (target / "old").write_text("old")
    with pytest.raises(OutputError, match=r"exists already.*--overwrite"), new_folder(target):
        pytest.fail("nothing may be done before that is known")
    with new_folder(target, overwrite=True) as work:
        (work / "new").write_text("new")
    assert names(target) == ["new"]
    assert names(tmp_path) == ["bundle"]


def test_an_empty_folder_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    with new_folder(tmp_path / "bundle") as work:
        (work / "file").write_text("x")
    assert names(tmp_path) == ["bundle"]
    assert names(tmp_path / "bundle") == ["file"]


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "old").write_text("old")
    replace = Path.replace

    def refuse(path: Path, other: Path) -> Path:
        if other == target and path.name != "old":
            raise OSError(errno.EIO, "Input/output error")
        return replace(path, other)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputError, match="Input/output error"), new_folder(target, overwrite=True) as work:
        (work / "new").write_text("new")
    monkeypatch.undo()
    assert names(target) == ["old"]
    assert names(tmp_path) == ["bundle"]


def test_the_second_of_two_processes_does_not_overwrite_the_first(tmp_path: Path) -> None:
    target = tmp_path / "bundle"

    def write_both() -> None:
        with new_folder(target) as work:
            (work / "mine").write_text("x")
            with new_folder(target) as other:
                (other / "theirs").write_text("x")

    with pytest.raises(OutputError, match=r"cannot write .*bundle"):
        write_both()
    assert names(target) == ["theirs"]
    assert names(tmp_path) == ["bundle"]


def write_bytes(target: Path, n_bytes: int) -> None:
    """Write a file as a whole."""
    with write_whole(target) as temporary:
        temporary.write_bytes(bytes(n_bytes))


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path) -> None:

    def write_folder(disk: Path) -> None:
        with new_folder(disk / "folder") as work:
            (work / "a").write_bytes(bytes(1 << 18))
            (work / "b").write_bytes(bytes(2 << 20))

    with small_disk(tmp_path, n_bytes=1 << 20) as disk:
        (disk / "kept").write_text("old")
        with pytest.raises(OutputError, match=r"disk is full while writing .*kept: received \d MB free"):
            write_bytes(disk / "kept", 2 << 20)
        with pytest.raises(OutputError, match="the disk is full"):
            write_folder(disk)
        assert names(disk) == ["kept"]
        assert (disk / "kept").read_text() == "old"


@contextlib.contextmanager
def files_up_to(n_bytes: int) -> Iterator[None]:
    """Let the operating system refuse larger files, as a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_that_grows_too_large_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    with files_up_to(1000), pytest.raises(OutputError, match=r"cannot write .*file .*too large"):
        write_bytes(tmp_path / "file", 5000)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "the disk is full while writing .*result.* MB free. Free some space"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EROFS, r"cannot write .*result \(Read-only file system\)"),
        (errno.EACCES, r"cannot write .*result \(Permission denied\)"),
        (errno.EIO, "Input/output error"),
        (errno.ENAMETOOLONG, "File name too long"),
    ],
)
def test_what_the_operating_system_says_becomes_one_line(tmp_path: Path, code: int, message: str) -> None:
    with pytest.raises(OutputError, match=message) as error, output_errors(tmp_path / "none" / "result"):
        raise OSError(code, os.strerror(code), str(tmp_path / "none" / "result"))
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)


def test_another_file_is_named(tmp_path: Path) -> None:
    message = r"cannot write .*result \(No such file or directory: .*vocabulary"
    with pytest.raises(OutputError, match=message), output_errors(tmp_path / "result"):
        (tmp_path / "vocabulary").read_text()


@pytest.mark.parametrize("error", [ConfigError("wrong"), ConnectionResetError(104, "reset"), TimeoutError(110, "late")])
def test_what_is_no_matter_of_writing_passes(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)), output_errors(tmp_path):
        raise error


def test_targets_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "file" / "below", tmp_path / "folder", tmp_path / ("x" * 300)):
        with pytest.raises(OutputError, match="cannot write"), write_whole(target) as temporary:
            temporary.write_text("x")
    with pytest.raises(OutputError, match="cannot write"), new_folder(tmp_path / "file" / "below"):
        pytest.fail("nothing can be made here")
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_missing_rights_are_one_line(tmp_path: Path) -> None:
    """Root may write everywhere, so another user tries."""
    code = f"""
        import os, pathlib
        from medclip.core.files import new_folder, write_whole
        from medclip.core.errors import OutputError
        os.setuid(65534)
        for make in (write_whole, new_folder):
            try:
                with make(pathlib.Path({str(tmp_path / "x")!r})):
                    pass
            except OutputError as error:
                print(error)
    """
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    shown = run(code)
    assert shown.count("Permission denied") == 2
    assert names(tmp_path) == []


def run(code: str) -> str:
    """Run Python in another process and return what it printed."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(
        command, env=os.environ | {"PYTHONPATH": REPOSITORY}, capture_output=True, text=True, check=True
    ).stdout


def test_a_killed_process_leaves_the_old_or_the_new_result(tmp_path: Path) -> None:
    """One process writes two results again and again and is killed at eight moments."""
    code = f"""
        import pathlib
        from medclip.core.files import new_folder, write_whole
        folder = pathlib.Path({str(tmp_path)!r})
        print("ready", flush=True)
        number = 0
        while True:
            number += 1
            with write_whole(folder / "file") as temporary:
                temporary.write_text(f"{{number}}\\n" * 20000)
            with new_folder(folder / "folder", overwrite=True) as work:
                for name in "abc":
                    (work / name).write_text(f"{{number}}\\n" * 5000)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": REPOSITORY}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(8):
            time.sleep(0.05)
            process.send_signal(signal.SIGSTOP)
            check_whole(tmp_path)
            process.send_signal(signal.SIGCONT)
        process.kill()
    check_whole(tmp_path)
    assert (tmp_path / "file").exists()


def check_whole(folder: Path) -> None:
    """Check that what has a result's name is complete and of one run."""
    if (folder / "file").exists():
        lines = (folder / "file").read_text().splitlines()
        assert len(lines) == 20000
        assert len(set(lines)) == 1
    if (folder / "folder").exists():
        assert names(folder / "folder") == ["a", "b", "c"]
        parts = [(folder / "folder" / name).read_text() for name in "abc"]
        assert len(set(parts)) == 1
        assert parts[0].count("\n") == 5000


def test_json_is_strict_and_whole(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    write_json(target, {"name": "Überleitung", "value": [1, None]})
    assert json.loads(target.read_text(encoding="utf-8")) == {"name": "Überleitung", "value": [1, None]}
    assert "Überleitung" in target.read_text(encoding="utf-8")
    for impossible, kind in ((float("nan"), ValueError), (object(), TypeError)):
        with pytest.raises(kind):
            write_json(target, {"value": impossible})
    assert read_json(target)["value"] == [1, None]
    assert names(tmp_path) == ["x.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 200_000, b"1" * 5000 + b"," * 5])
def test_what_is_no_json_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011 - of any kind
        read_json(tmp_path / "x.json")


def test_json_larger_than_expected_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[1, 2, 3]")
    assert read_json(tmp_path / "x.json", maximum_bytes=9) == [1, 2, 3]
    with pytest.raises(ValueError, match="9 bytes, at most 8 expected"):
        read_json(tmp_path / "x.json", maximum_bytes=8)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_checksum(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "x").write_bytes(content)
    assert sha256_of_file(tmp_path / "x") == hashlib.sha256(content).hexdigest()
