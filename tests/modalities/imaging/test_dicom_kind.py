"""What a DICOM object is, in plain words, and who answers for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_dicom_files import image, ramp, write
from pydicom.uid import UID_dictionary

from medclip.modalities.imaging.dicom_file import open_dicom
from medclip.modalities.imaging.dicom_kind import kind_of, kind_of_head, sniffed_kind, what_it_is

STORAGE = "1.2.840.10008.5.1.4.1.1."


@pytest.mark.parametrize(
    ("sop_class", "modality", "description", "reader"),
    [
        ("1", "CR", "a digital X-ray", "radiograph"),
        ("1.1", "DX", "a digital X-ray", "radiograph"),
        ("7", "RG", "a digitised X-ray film", "radiograph"),
        ("1.2", "MG", "a mammogram", "radiograph"),
        ("13.1.3", "MG", "a breast tomosynthesis", "radiograph"),
        ("6.1", "US", "an ultrasound picture", "radiograph"),
        ("12.1", "XA", "an angiography", "radiograph"),
        ("77.1.4", "XC", "a photograph", "radiograph"),
        ("7", "OT", "a secondary capture (a picture of a screen or a scan of paper)", "radiograph"),
        ("7", "CT", "a secondary capture (a picture of a screen) of a CT", "volume"),
        ("2", "CT", "a CT", "volume"),
        ("2.1", "CT", "a CT", "volume"),
        ("4", "MR", "an MR", "volume"),
        ("128", "PT", "a PET", "volume"),
        ("66.4", "SEG", "a segmentation", "volume"),
        ("88.33", "SR", "a structured report", "volume"),
        ("88.67", "SR", "a dose report", "volume"),
        ("481.2", "RTDOSE", "a radiotherapy dose", "volume"),
        ("104.1", "OT", "a PDF document", "radiograph"),
        ("9.1.1", "ECG", "an ECG waveform", "waveform"),
        ("9.2.1", "HD", "a blood pressure waveform", "volume"),
    ],
)
def test_kinds(sop_class: str, modality: str, description: str, reader: str, tmp_path: Path) -> None:
    dataset = image(ramp(16, 16), SOPClassUID=STORAGE + sop_class, Modality=modality)
    path = write(tmp_path / "file", dataset)
    kind = kind_of(open_dicom(path).header, path)
    assert (kind.description, kind.reader) == (description, reader)
    assert what_it_is(open_dicom(path).header, path) == description
    head = path.read_bytes()[:4096]
    assert sniffed_kind(path, head) == kind_of_head(head) == kind


def test_every_storage_class_of_the_standard_is_described(tmp_path: Path) -> None:
    """None is called an object of no stated kind, save those that came after this was written."""
    known = [uid for uid, entry in UID_dictionary.items() if uid.startswith(STORAGE) and entry[1] == "SOP Class"]
    assert len(known) > 150
    path, header = tmp_path / "file", image(ramp(16, 16), Modality=None)
    unknown = []
    for uid in known:
        header.SOPClassUID = uid
        if "no stated kind" in what_it_is(header, path):
            unknown.append(uid.removeprefix(STORAGE))
    # Of a bygone standard, surface scans, scanners of luggage, tests of turbines, inventories.
    retired = ("8", "10", "11", "40", "68", "129", "201", "501", "601")
    assert [suffix for suffix in unknown if suffix.split(".")[0] not in retired] == []


def test_an_ultrasound_of_several_pictures_is_a_clip(tmp_path: Path) -> None:
    dataset = image(ramp(16, 16), SOPClassUID=STORAGE + "3.1", Modality="US", NumberOfFrames=30)
    path = write(tmp_path / "file", dataset)
    assert what_it_is(dataset, path) == "an ultrasound clip"


def test_the_modality_decides_where_no_class_is_stated(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert what_it_is(image(ramp(), SOPClassUID=None, Modality="PX"), path) == "a panoramic dental X-ray"
    assert what_it_is(image(ramp(), SOPClassUID=None, Modality=None), path) == "an object of no stated kind"


def test_a_screen_of_doses_is_a_dose_report(tmp_path: Path) -> None:
    dataset = image(ramp(), SOPClassUID=STORAGE + "7", Modality="CT", SeriesDescription="Dose Report")
    assert what_it_is(dataset, tmp_path / "file") == "a dose report"


def test_a_directory_is_the_volume_readers(tmp_path: Path) -> None:
    dataset = image(ramp(), SOPClassUID="1.2.840.10008.1.3.10", Modality=None)
    kind = kind_of(dataset, tmp_path / "DICOMDIR")
    assert kind.is_directory
    assert kind.reader == "volume"


def test_sniffing_never_raises(tmp_path: Path) -> None:
    content = write(tmp_path / "file", image(ramp(16, 16))).read_bytes()
    path = tmp_path / "cut"
    for n_bytes in range(0, len(content), 11):
        path.write_bytes(content[:n_bytes])
        sniffed_kind(path, content[:n_bytes])
        kind_of_head(content[:n_bytes])
    assert sniffed_kind(tmp_path / "missing", content[:4096]) is not None
    assert sniffed_kind(tmp_path / "missing", b"") is None
