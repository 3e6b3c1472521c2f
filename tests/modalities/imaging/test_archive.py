"""Archives: what is taken out of them, and every way in which one may be meant badly."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ct_files import positions, stored, write_series

from medclip.core.archives import Limits, is_archive
from medclip.core.errors import FormatError
from medclip.modalities.imaging.archive import holds_dicom, unpacked

Names = dict[str, bytes]


@pytest.fixture(scope="module")
def dicom(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("one")
    return write_series(folder, stored(1), positions(1))[0].read_bytes()


def write_zip(path: Path, members: Names) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, members: Names, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


WRITERS: list[Callable[[Path, Names], Path]] = [
    write_zip,
    lambda path, members: write_tar(path, members, "w"),
    write_tar,
    lambda path, members: write_tar(path, members, "w:bz2"),
    lambda path, members: write_tar(path, members, "w:xz"),
]


@pytest.mark.parametrize("write", WRITERS)
def test_dicom_files_come_out_as_they_went_in(
    tmp_path: Path, dicom: bytes, write: Callable[[Path, Names], Path]
) -> None:
    path = write(tmp_path / "archive", {"a/1.dcm": dicom, "b/1.dcm": dicom[:-2] + b"xy", "b/readme.txt": b"text"})
    assert is_archive(path.read_bytes()[:4096])
    assert holds_dicom(path)
    with unpacked(path) as found:
        assert [file.name for file in found.files] == ["1.dcm", "1.dcm"]
        assert [file.read_bytes() for file in found.files] == [dicom, dicom[:-2] + b"xy"]
        assert found.n_others == 1
        folder = found.files[0].parent.parent
    assert not folder.exists()


@pytest.mark.parametrize("write", WRITERS[:3])
@pytest.mark.parametrize("name", ["../1.dcm", "/etc/1.dcm", "a/../../1.dcm", "..\\1.dcm", "C:\\1.dcm"])
def test_a_name_that_leads_outside_is_refused_and_nothing_is_written(
    tmp_path: Path, dicom: bytes, write: Callable[[Path, Names], Path], name: str
) -> None:
    (tmp_path / "inner").mkdir()
    path = write(tmp_path / "inner" / "archive", {name: dicom})
    with pytest.raises(FormatError, match="outside itself"), unpacked(path):
        pass
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["archive"]


@pytest.mark.parametrize("write", WRITERS[:3])
def test_bombs_do_not_go_off(tmp_path: Path, dicom: bytes, write: Callable[[Path, Names], Path]) -> None:
    bomb = dicom + bytes(4 << 20)
    path = write(tmp_path / "archive", {"1.dcm": bomb, "2.dcm": bomb})
    for limits, message in (
        (Limits(n_bytes=6 << 20), "bytes"),
        (Limits(n_members=1), "1 members"),
        (Limits(ratio=20, free_bytes=1 << 20), "times its own"),
    ):
        if "times" in message and path.stat().st_size > len(bomb):
            continue  # not compressed: no bomb
        with pytest.raises(FormatError, match=message), unpacked(path, limits):
            pass
    with unpacked(path) as found:
        assert len(found.files) == 2


def test_a_bomb_beside_the_images_is_counted_too(tmp_path: Path, dicom: bytes) -> None:
    path = write_tar(tmp_path / "archive", {"zeros": bytes(8 << 20), "1.dcm": dicom})
    with pytest.raises(FormatError, match="unpacks to too much"), unpacked(path, Limits(n_bytes=1 << 20)):
        pass


def test_links_are_counted_and_never_followed(tmp_path: Path, dicom: bytes) -> None:
    secret = tmp_path / "secret.dcm"
    secret.write_bytes(dicom)
    path = tmp_path / "archive.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in (("1.dcm", tarfile.SYMTYPE), ("2.dcm", tarfile.LNKTYPE), ("3", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, str(secret)
            archive.addfile(info)
    assert not holds_dicom(path)
    zipped = tmp_path / "archive.zip"
    with zipfile.ZipFile(zipped, "w") as packed:
        link = zipfile.ZipInfo("1.dcm")
        link.external_attr = 0o120777 << 16
        packed.writestr(link, str(secret))
    for archive_path, n_links in ((zipped, 1), (path, 3)):
        with unpacked(archive_path) as found:
            assert (found.files, found.n_links) == ((), n_links)


def test_an_archive_in_the_archive_stays_closed(tmp_path: Path, dicom: bytes) -> None:
    inner = write_zip(tmp_path / "inner.zip", {"1.dcm": dicom}).read_bytes()
    with unpacked(write_zip(tmp_path / "outer.zip", {"inner.zip": inner})) as found:
        assert (found.files, found.n_others) == ((), 1)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_truncated_archive_is_refused_in_one_line(
    tmp_path: Path, dicom: bytes, write: Callable[[Path, Names], Path], share: float
) -> None:
    whole = write(tmp_path / "archive", {f"{number}.dcm": dicom for number in range(9)})
    whole.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    with pytest.raises(FormatError, match=r"damaged|truncated"), unpacked(whole):
        pass


def test_a_tar_that_ends_between_two_members_is_refused(tmp_path: Path, dicom: bytes) -> None:
    """Python's tarfile takes it for whole, and a third of the slices would be missing."""
    path = write_tar(tmp_path / "archive", {f"{number}.dcm": dicom for number in range(3)}, "w")
    with tarfile.open(path) as archive:
        end = archive.getmembers()[2].offset
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(FormatError, match="truncated"), unpacked(path):
        pass


def test_an_encrypted_archive_is_named_as_such(tmp_path: Path, dicom: bytes) -> None:
    path = write_zip(tmp_path / "archive.zip", {"1.dcm": dicom})
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(mark) + place] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(FormatError, match="encrypted"), unpacked(path):
        pass


@pytest.mark.parametrize("head", [b"", b"DICM", b"\x1f\x8b\x08\x00", bytes(600), b"NRRD0004"])
def test_other_files_are_no_archives(head: bytes) -> None:
    assert not is_archive(head)
