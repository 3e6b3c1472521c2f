"""What is told of a file, a folder or an archive in which nothing can be read, and never the name of a member."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medclip.core._heads import split_record
from medclip.core.errors import FormatError
from medclip.core.modality import discover
from medclip.core.sniff import sniff

SECRET = "Doe_Jane_1950"


def picture() -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(content, "PNG")
    return content.getvalue()


def zipped(path: Path, members: list[bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(members):
            archive.writestr(f"{SECRET}_{number}.dcm", content)
    return path


def tarred(path: Path, members: list[bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for number, content in enumerate(members):
            info = tarfile.TarInfo(f"{SECRET}_{number}.dcm")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(FormatError) as caught:
        sniff(path)
    message = str(caught.value)
    assert SECRET not in message
    assert "\n" not in message
    return message


WRITERS = pytest.mark.parametrize("write", [zipped, tarred])
Writer = Callable[[Path, list[bytes]], Path]


@WRITERS
def test_what_lies_in_an_archive_is_counted_by_kind(tmp_path: Path, write: Writer) -> None:
    members = ["Befund: Überblick".encode(), b"more text", b"", bytes(9000), b"\x93NU\xff\x00\x01", picture()]
    message = refusal(write(tmp_path / "archive", members))
    assert "archive is an archive without an image that can be read: received 2 x text, " in message
    described = next(
        form.description
        for modality in discover().values()
        for form in modality.formats().values()
        if form.sniff(tmp_path / "none", picture())
    )
    for part in ("1 x empty file", "1 x file of zeros", "1 x file of another kind", f"1 x {described}"):
        assert part in message
    assert message.endswith("Unpack it and give its files.")


@WRITERS
def test_without_a_recording_in_it_there_is_nothing_to_unpack(tmp_path: Path, write: Writer) -> None:
    assert refusal(write(tmp_path / "archive", [b"text"])).endswith("Give the archive or folder with the images.")
    assert "received no file" in refusal(zipped(tmp_path / "empty", []))
    many = refusal(write(tmp_path / "many", [b"text"] * 230))
    assert "received the first 200 files: 200 x text" in many


def test_a_bomb_of_zeros_is_called_too_much(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(3):
            with archive.open(f"{SECRET}{number}", "w", force_zip64=True) as member:
                for _ in range(100):
                    member.write(bytes(1 << 20))
    assert "bomb.zip unpacks to too much: received more than 100 times its own" in refusal(path)


def test_a_damaged_archive_is_called_so(tmp_path: Path) -> None:
    path = zipped(tmp_path / "archive.zip", [picture()] * 3)
    path.write_bytes(path.read_bytes()[:-60])
    assert "archive.zip is damaged or no archive of a known kind" in refusal(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: received 0 bytes"),
        (b"%PDF-1.7 and more", r"of no known format: received a file that begins with 25 50 44 46 \(%PDF\); allowed: "),
        (b"\x00\xff", r"begins with 00 ff \(\.\.\)"),
        (b"Doe, Jane; born 1950", r"begins with 44 6f 65 2c \(Doe,\); allowed"),
    ],
)
def test_what_cannot_be_recognised_is_described(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "recording"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as error:
        sniff(path)
    assert "Jane" not in str(error.value)


def test_all_formats_are_listed_with_their_modality(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(b"?")
    with pytest.raises(FormatError) as error:
        sniff(path)
    offered = {modality.title: modality.formats() for modality in discover().values()}
    assert offered
    for title, formats in offered.items():
        assert f"{title} ({', '.join(formats)})" in str(error.value)


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="does not exist"):
        sniff(tmp_path / "none")
    with pytest.raises(FormatError, match="is a folder and not one recording: received 0 files"):
        sniff(tmp_path)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(FormatError, match="cannot be read"):
        sniff(tmp_path / "file" / "below")


def test_a_record_in_a_file_of_several_is_named_behind_the_file(tmp_path: Path) -> None:
    path = tmp_path / "exams.h5"
    assert split_record(tmp_path / "exams.h5#17") == (path, "17")
    assert split_record(path) == (path, None)
    assert split_record(tmp_path / "#17") == (tmp_path / "#17", None)
    (tmp_path / "odd#name").touch()
    assert split_record(tmp_path / "odd#name") == (tmp_path / "odd#name", None)
    with pytest.raises(FormatError, match=r"exams\.h5 does not exist"):
        sniff(tmp_path / "exams.h5#17")
