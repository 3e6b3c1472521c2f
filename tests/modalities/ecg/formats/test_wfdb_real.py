"""The WFDB reader beside ``wfdb.rdsamp`` on recordings of five archives (the folder MEDCLIP_TEST_DATA)."""

from __future__ import annotations

import os
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
import wfdb as reference

from medclip.core.sniff import sniff
from medclip.modalities.ecg.formats.wfdb import read
from medclip.modalities.ecg.leads import STANDARD_LEADS, standard_lead_name

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")


def assert_same(header: Path) -> None:
    """Compare a record bit for bit with the reference; its header's checksums hold, or reading would fail."""
    sample = read(header)
    samples, fields = reference.rdsamp(str(header.with_suffix("")))
    np.testing.assert_array_equal(sample.array, samples.T.astype(np.float32), err_msg=header.name)
    assert sample.sampling_rate_hz == fields["fs"]
    assert list(sample.channel_names or ()) == [standard_lead_name(name) for name in fields["sig_name"]]


@pytest.mark.parametrize(
    ("folder", "n_records"), [("ecg_sets/cinc2021", 50), ("ecg_sets/ptbdb", 1), ("ptbxl_mini/records100", 55)]
)
def test_archives(folder: str, n_records: int) -> None:
    headers = sorted((DATA / folder).rglob("*.hea"))
    assert len(headers) == n_records
    for header in headers:
        assert_same(header)


def test_ludb(tmp_path: Path) -> None:
    with tarfile.open(DATA / "ecg_sets/ludb/data.tar.xz") as archive:
        members = [member for member in archive if re.search(r"/\d+\.(hea|dat)$", member.name)]
        for member in members:
            member.name = Path(member.name).name
            archive.extract(member, tmp_path, filter="data")
    headers = sorted(tmp_path.glob("*.hea"))
    assert len(headers) == 200
    for header in headers:
        assert_same(header)
        sample, text = read(header), header.read_text()
        assert sample.channel_names == STANDARD_LEADS
        diagnoses = text.partition("<diagnoses>:")[2].replace("#", " ").split()
        assert sample.report is not None
        assert sample.report.split() == diagnoses
        assert sample.attributes["sex"][0].upper() == re.search(r"<sex>: *(\w)", text)[1]


def test_comments_of_the_challenge() -> None:
    for header in (DATA / "ecg_sets/cinc2021").glob("*.hea"):
        sample, text = read(header), header.read_text()
        assert ",".join(sample.attributes["dx"]) == re.search(r"Dx: *(\S+)", text)[1]
        assert sample.attributes["age"] == float(re.search(r"Age: *(\S+)", text)[1])
        assert sample.attributes["sex"] == re.search(r"Sex: *(\S+)", text)[1].lower()
        assert sample.report is None


def test_fifteen_leads_and_a_header_full_of_dates() -> None:
    sample = read(DATA / "ecg_sets/ptbdb/s0010_re.xyz")
    assert sample.channel_names == (*STANDARD_LEADS, "X", "Y", "Z")
    assert sample.sampling_rate_hz == 1000
    assert sample.attributes == {"age": 81.0, "sex": "female"}
    assert sample.report is None


def test_einthoven_holds_in_what_is_read() -> None:
    for header in (DATA / "ptbxl_mini/records100").rglob("*.hea"):
        one, two, three = read(header).array[:3]
        np.testing.assert_allclose(three, two - one, atol=0.0035)


def test_signal_files_are_known_by_their_header() -> None:
    assert sniff(DATA / "ecg_sets/cinc2021/E07500.mat").name == "wfdb"
    assert sniff(DATA / "ecg_sets/ptbdb/s0010_re.dat").name == "wfdb"
