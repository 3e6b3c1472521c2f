"""Each format's broken twin, made of a real file: one clear line, exit code 2, nothing half-written."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

# One sound file of each format: folder in the test data, and what its files are called.
FORMATS = {
    "muse_xml": "ecg_formats/ge_muse_xml/example1.xml",
    "philips_xml": "ecg_formats/philips_xml/3191723_ZZDEMOPTONLY_1-04_orig.xml",
    "philips_xml in UTF-16": "ecg_formats/philips_xml/129DYPRG.XML",
    "aecg_xml": "ecg_formats/hl7_aecg/ECGToolkit_Example.xml",
    "schiller_xml": "ecg_formats/schiller_xml/schiller.xml",
    "scp": "ecg_formats/scp/ECGToolkit_Example.scp",
    "dicom": "ecg_formats/dicom/ECGToolkit_Example.dcm",
    "hdf5": "ecg_sets/sph/SPH00001.h5",
    "mat": "ecg_sets/cpsc2018/A1980.mat",
    "wfdb": "ecg_sets/cinc2021/E07500.hea",
}
WRITTEN = ("edf", "csv", "npz")

SIGNALS = {"wfdb": "ecg_sets/cinc2021/E07500.mat"}
# How much is left of a file that breaks off. A header that lacks its last words is still one.
SHARES = {"dicom": (0.0, 0.05, 0.5, 0.95, 0.999), "wfdb": (0.0, 0.05)}

Change = Callable[[bytes], bytes]


def _same(content: bytes) -> bytes:
    return content


def once(pattern: bytes, put: bytes) -> Change:
    """Return a change that must find what it changes."""

    def change(content: bytes) -> bytes:
        changed, n_found = re.subn(pattern, put, content, count=1)
        assert n_found, f"{pattern!r} is not in the file"
        return changed

    return change


def everywhere(pattern: bytes, put: bytes) -> Change:
    """Return a change of all places; MUSE states everything for the medians first, which are not read."""

    def change(content: bytes) -> bytes:
        changed, n_found = re.subn(pattern, put, content)
        assert n_found > 1, f"{pattern!r} is not in the file"
        return changed

    return change


def flipped(place: float) -> Change:
    """Return a change of one bit at a share of the file."""

    def change(content: bytes) -> bytes:
        at = int(place * len(content))
        return content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]

    return change


def deflated(content: bytes) -> bytes:
    """A DICOM file that says its data set is deflated, which it is not; the length of the UID grows by 3 bytes."""
    at = content.index(b"1.2.840.10008.1.2\x00")
    said = b"1.2.840.10008.1.2.1.99"
    return content[: at - 2] + len(said).to_bytes(2, "little") + said + content[at + 18 :]


def without_second_channel(content: bytes) -> bytes:
    parts = content.split(b"<LeadData>")
    return b"<LeadData>".join(part for number, part in enumerate(parts) if number != len(parts) - 7)


# Format, what is wrong, the change, and what the one line has to say.
CHANGES: dict[str, tuple[str, Change, str]] = {
    "a checksum in MUSE": ("muse_xml", everywhere(rb"<LeadDataCRC32>\d", b"<LeadDataCRC32>9"), "checksum|CRC"),
    "rate 0 in MUSE": ("muse_xml", everywhere(rb"<SampleBase>500", b"<SampleBase>0"), "rate|sample"),
    "a lead of MUSE": ("muse_xml", without_second_channel, "lead"),
    "other encoding in MUSE": (
        "muse_xml",
        lambda content: once(rb"<RestingECG>", b"<RestingECG><!-- \xff\xfe -->")(
            content.replace(b"ISO-8859-1", b"UTF-8")
        ),
        "UTF-8|encod|decode",
    ),
    "rate 0 in aECG": (
        "aecg_xml",
        once(rb'increment value="0\.002" unit="s"', b'increment value="0" unit="s"'),
        "time between",
    ),
    "impossible step in aECG": (
        "aecg_xml",
        once(rb'increment value="0\.002" unit="s"', b'increment value="-1e9" unit="s"'),
        "time between",
    ),
    "an entity in Schiller": (
        "schiller_xml",
        once(rb'encoding="UTF-8"\?>', b'encoding="UTF-8"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'),
        "entit|DTD|DOCTYPE|declar",
    ),
    "a bit of SCP": ("scp", flipped(0.6), "checksum|CRC"),
    "a bit of HDF5": ("hdf5", flipped(0.6), "checksum|damaged|read"),
    "not deflated DICOM": ("dicom", deflated, "deflate|read|damaged"),
    "rate 0 in WFDB": ("wfdb", once(rb" 12 500 ", b" 12 0 "), "sampling rate"),
    "impossible rate in WFDB": ("wfdb", once(rb" 12 500 ", b" 12 5e9 "), "sampling rate"),
}


@pytest.fixture
def twin(tmp_path: Path, real_data: Path) -> Callable[[str, Change], Path]:
    """Write a changed copy of a real file into an empty folder."""

    def write(name: str, change: Change) -> Path:
        original = real_data / FORMATS[name]
        path = tmp_path / f"recording{original.suffix}"
        path.write_bytes(change(original.read_bytes()))
        if name in SIGNALS:
            signal = real_data / SIGNALS[name]
            (tmp_path / signal.name).write_bytes(signal.read_bytes())
        return path

    return write


@pytest.fixture
def refusal(run, smoke_bundle, tmp_path: Path):
    """Ask about a file; return the one line that says why there is no answer."""

    def ask(path: Path) -> str:
        before = sorted(tmp_path.rglob("*"))
        code, out, err = run(
            "zeroshot", path, "--model", smoke_bundle, "--labels", "ptbxl-superclass", "--plot", tmp_path / "pictures"
        )
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        assert err.startswith("medclip: ")
        assert len(err) < 1200
        assert sorted(tmp_path.rglob("*")) == before
        return err

    return ask


@pytest.mark.parametrize(
    ("name", "share"), [(name, share) for name in FORMATS for share in SHARES.get(name, (0.0, 0.05, 0.5, 0.95))]
)
def test_a_file_that_breaks_off(name: str, share: float, twin, refusal) -> None:
    message = refusal(twin(name, lambda content: content[: int(share * len(content))]))
    assert "recording" in message


@pytest.mark.parametrize("name", FORMATS)
def test_a_photo_under_the_name_of_a_recording(name: str, twin, refusal) -> None:
    """Its beginning is that of a picture, and it is none that can be decoded."""
    jpeg = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + bytes(500)
    assert "truncated or damaged" in refusal(twin(name, lambda _: jpeg)) or name == "wfdb"


@pytest.mark.parametrize("name", FORMATS)
def test_an_encrypted_file(name: str, twin, refusal) -> None:
    """What encrypts a file leaves nothing of it; a zip and a PGP message are what hospitals send."""
    packed = refusal(twin(name, lambda content: b"PK\x03\x04\x14\x00\x01\x00" + zlib.compress(content)[:4000]))
    message = refusal(twin(name, lambda content: b"-----BEGIN PGP MESSAGE-----\n" + zlib.compress(content)[:4000]))
    assert packed
    assert message


@pytest.mark.parametrize("what", CHANGES)
def test_a_file_with_one_thing_wrong(what: str, twin, refusal) -> None:
    name, change, said = CHANGES[what]
    assert re.search(said, refusal(twin(name, change)), re.IGNORECASE)


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_written_file_that_breaks_off(suffix: str, tmp_path: Path, refusal) -> None:
    from medclip.data.access import open_dataset
    from medclip.modalities.ecg.export import write

    path = tmp_path / f"recording.{suffix}"
    write(open_dataset("simulated", n_patients=1)[0], path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if suffix != "csv" else content[: len(content) // 2] + b",x\n")
    assert refusal(path)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95])
def test_a_signal_file_that_breaks_off(share: float, twin, refusal, tmp_path: Path) -> None:
    path = twin("wfdb", _same)
    signal = tmp_path / Path(SIGNALS["wfdb"]).name
    content = signal.read_bytes()
    signal.write_bytes(content[: int(share * len(content))])
    assert refusal(path)
