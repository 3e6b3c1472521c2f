"""A study of radiographs in a folder or an archive."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from image_dicom_files import image, ramp, write

import medclip
from medclip.core.errors import FormatError, InputError
from medclip.core.sniff import sniff
from medclip.modalities.cxr.formats.dicom_folder import FORMAT
from medclip.testing.format import check_format


def study(folder: Path, **views: str) -> Path:
    folder.mkdir()
    for name, view in views.items():
        write(folder / name, image(ramp(), ViewPosition=view))
    return folder


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path


def test_it_keeps_the_contract_of_formats() -> None:
    check_format(FORMAT)


@pytest.mark.parametrize("as_archive", [False, True])
def test_the_only_radiograph_of_a_study(as_archive: bool, tmp_path: Path) -> None:
    folder = study(tmp_path / "study", one="PA")
    write(folder / "dose", image(ramp(), SOPClassUID="1.2.840.10008.5.1.4.1.1.88.67", Modality="SR"))
    write(folder / "hand", image(ramp(), BodyPartExamined="HAND"))
    (folder / "notes.txt").write_text("not DICOM")
    sample = medclip.read(zipped(folder) if as_archive else folder)
    assert sample.modality == "cxr"
    assert sample.record_id == "study"
    assert "left out: 2 files that are no radiographs of the chest" in sample.attributes["notes"]


@pytest.mark.parametrize("as_archive", [False, True])
def test_the_only_frontal_one_of_two(as_archive: bool, tmp_path: Path) -> None:
    folder = study(tmp_path / "study", one="LL", two="AP")
    sample = medclip.read(zipped(folder) if as_archive else folder)
    assert sample.attributes["projection"] == "AP"
    assert "the only frontal one of 2 radiographs was read" in sample.attributes["notes"]


def test_several_are_counted_and_not_named(tmp_path: Path) -> None:
    folder = study(tmp_path / "study", Secret1="PA", Secret2="AP", Secret3="LL")
    with pytest.raises(
        FormatError, match="more than one radiograph: received 3 radiographs, 2 of them frontal"
    ) as caught:
        medclip.read(folder)
    assert "Secret" not in str(caught.value)


def test_a_study_without_a_chest(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    write(folder / "hand", image(ramp(), BodyPartExamined="HAND"))
    with pytest.raises(FormatError, match="holds no radiograph of the chest"):
        medclip.read(folder)


def test_an_error_about_a_member_names_the_archive(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    write(folder / "one", image(ramp(), Rows=100))
    with pytest.raises(FormatError, match=r"radiograph in .*study\.zip holds fewer pixels") as caught:
        medclip.read(zipped(folder))
    assert "medclip-" not in str(caught.value)


def test_a_folder_with_slices_is_left_to_the_reader_of_volumes(tmp_path: Path) -> None:
    folder = study(tmp_path / "study", one="PA")
    assert sniff(folder) is FORMAT
    write(folder / "slice", image(ramp(), SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT"))
    assert sniff(folder) is not FORMAT


def mixed(folder: Path, n_slices: int, **views: str) -> Path:
    study(folder, **views)
    for number in range(n_slices):
        changes = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "Modality": "CT"}
        write(folder / f"a{number:03d}", image(ramp(32, 32), **changes))
    return folder


@pytest.mark.parametrize("as_archive", [False, True])
def test_the_radiograph_beside_a_series_is_read_where_radiographs_are_wanted(as_archive: bool, tmp_path: Path) -> None:
    folder = mixed(tmp_path / "study", 210 if not as_archive else 4, x="PA")
    path = zipped(folder) if as_archive else folder
    sample = medclip.read(path, modality="cxr")
    assert (sample.modality, sample.attributes["view"]) == ("cxr", "frontal")
    left_out = f"left out: {210 if not as_archive else 4} files that are no radiographs of the chest"
    assert left_out in sample.attributes["notes"]
    assert sniff(path).read.__module__ != FORMAT.read.__module__


def test_what_is_wanted_is_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="more than one radiograph: received 2 radiographs, 2 of them frontal"):
        medclip.read(mixed(tmp_path / "two", 2, x="PA", y="AP"), modality="cxr")
    with pytest.raises(FormatError, match="no radiograph of the chest: received 3 other DICOM files"):
        medclip.read(mixed(tmp_path / "none", 3), modality="cxr")
    with pytest.raises(InputError, match="unknown modality: received xray; allowed"):
        medclip.read(tmp_path / "two", modality="xray")
    one = study(tmp_path / "one", x="PA")
    assert medclip.read(one, modality="ct").modality == medclip.read(one).modality == "cxr"
    with pytest.raises(FormatError, match="mixed#1: a000 does not state where its images lie"):
        medclip.read(Path(str(mixed(tmp_path / "mixed", 1, x="PA")) + "#1"), modality="cxr")
