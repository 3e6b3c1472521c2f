"""PTB and INCART: patients from folders and headers, leads beyond the twelve, and what the headers say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from ecg_folders import codes_of, signal, write_record

from medclip.core.errors import DatasetError, LabelError
from medclip.modalities.ecg.datasets.incart import open_incart
from medclip.modalities.ecg.datasets.ptb import open_ptb
from medclip.modalities.ecg.leads import STANDARD_LEADS

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
PTB_LEADS = [*(lead.lower() for lead in STANDARD_LEADS), "vx", "vy", "vz"]
REASONS = {
    "patient001/s0010_re": "Myocardial infarction",
    "patient001/s0014lre": "Myocardial infarction",
    "patient104/s0306lre": "Healthy control",
    "patient105/s0303lre": "Heart failure (NYHA 2)",
    "patient106/s0030_re": "n/a",
}


def write_ptb(folder: Path, reasons: dict[str, str] = REASONS) -> Path:
    """Write records in the layout of PTB, with its list of records."""
    for number, (path, reason) in enumerate(reasons.items()):
        comments = ["age: 81", "sex: female", "ECG date: 01/10/1990", "Diagnose:", f"Reason for admission: {reason}"]
        write_record(folder / path, signal(number, 2000, 15), comments=comments, rate_hz=1000, leads=PTB_LEADS)
    (folder / "RECORDS").write_text("\n".join(reasons) + "\n")
    return folder


def write_incart(folder: Path, patients: dict[str, str]) -> Path:
    """Write records in the layout of INCART, each with the line that names its patient."""
    for number, (name, patient) in enumerate(patients.items()):
        comments = ["<age>: 65 <sex>: F <diagnoses> Coronary artery disease, arterial hypertension", patient]
        write_record(
            folder / name,
            signal(number, 514),
            comments=[*comments, "PVCs, noise"],
            rate_hz=257,
            gains=[250.0 + 70 * lead for lead in range(12)],
        )
    return folder


def test_ptb(tmp_path: Path) -> None:
    dataset = open_ptb(write_ptb(tmp_path))
    assert (dataset.name, dataset.label_sets, len(dataset)) == ("ptb", ("ptb",), 5)
    by_name = {record.record_id: (row, record) for row, record in enumerate(dataset.records)}
    assert by_name["s0010_re"][1].patient_id == by_name["s0014lre"][1].patient_id == "patient001"
    assert by_name["s0010_re"][1].fold == by_name["s0014lre"][1].fold
    found = {name: codes_of(dataset, "ptb", row) for name, (row, _) in by_name.items()}
    assert found == {"s0010_re": {"MI"}, "s0014lre": {"MI"}, "s0306lre": {"HC"}, "s0303lre": {"HF"}, "s0030_re": set()}
    assert np.isnan(dataset.labels("ptb").values[by_name["s0030_re"][0]]).all()
    sample = dataset[by_name["s0010_re"][0]]
    assert (sample.sampling_rate_hz, sample.array.shape) == (1000.0, (15, 2000))
    assert (sample.channel_names[:12], sample.attributes) == (STANDARD_LEADS, {"age": 81.0, "sex": "female"})
    np.testing.assert_array_equal(sample.array, signal(0, 2000, 15) / np.float32(1000))


def test_bad_ptb(tmp_path: Path) -> None:
    folder = write_ptb(tmp_path / "incomplete")
    (folder / "patient104/s0306lre.hea").unlink()
    with pytest.raises(
        DatasetError, match=r"lacks records of PTB .* RECORDS names: received patient104/s0306lre\. Run"
    ):
        open_ptb(folder)
    with pytest.raises(DatasetError, match=r"record s0001_re .* does not use: received Influenza"):
        open_ptb(write_ptb(tmp_path / "unknown", {"patient001/s0001_re": "Influenza"}))
    with pytest.raises(DatasetError, match=r"not lie in the folder of its patient: received s0001_re.hea; allowed"):
        open_ptb(write_ptb(tmp_path / "flat", {"s0001_re": "Myocarditis"}))
    with pytest.raises(DatasetError, match="more than once: received s0001_re"):
        open_ptb(write_ptb(tmp_path / "two", dict.fromkeys(["patient001/s0001_re", "patient002/s0001_re"], "n/a")))


@needs_data
def test_a_real_record_of_ptb(tmp_path: Path) -> None:
    (tmp_path / "patient001").mkdir()
    for path in (DATA / "ecg_sets/ptbdb").iterdir():
        shutil.copy(path, tmp_path / "patient001")
    dataset = open_ptb(tmp_path)
    sample = dataset[0]
    assert codes_of(dataset, "ptb") == {"MI"}
    assert (sample.array.shape, sample.channel_names[12:]) == ((15, 38400), ("X", "Y", "Z"))
    # 2000 steps per millivolt: first values of the header's lines.
    np.testing.assert_allclose(sample.array[:3, 0], np.array([-489, -458, 31]) / 2000, atol=1e-6)
    assert "1990" not in repr(sample.attributes) + repr(sample.report)


def test_incart(tmp_path: Path) -> None:
    dataset = open_incart(write_incart(tmp_path, {"I01": "patient 1", "I02": "patient 1", "I03": "patient 2"}))
    assert [record.patient_id for record in dataset.records] == ["1", "1", "2"]
    assert dataset.records[0].fold == dataset.records[1].fold
    assert dataset.records[0].report == "Coronary artery disease, arterial hypertension. PVCs, noise"
    sample = dataset[2]
    assert (sample.sampling_rate_hz, sample.attributes, sample.labels) == (257.0, {"age": 65.0, "sex": "female"}, {})
    gains = 250 + 70 * np.arange(12)[:, None]
    np.testing.assert_allclose(sample.array, signal(2, 514) / gains, rtol=1e-5)
    with pytest.raises(LabelError, match="no such label set: received cinc2021; allowed: none"):
        dataset.labels("cinc2021")


def test_bad_incart(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"I01.hea does not name the number of its patient: received 0 lines"):
        open_incart(write_incart(tmp_path / "unnamed", {"I01": "patient unknown"}))
    folder = write_incart(tmp_path / "incomplete", {"I01": "patient 1"})
    (folder / "RECORDS").write_text("I01\nI02\n")
    with pytest.raises(DatasetError, match=r"RECORDS names: received I02\. Run medclip data download incart"):
        open_incart(folder)
    with pytest.raises(DatasetError, match="holds no record of St Petersburg INCART"):
        open_incart(write_incart(tmp_path / "other", {"I0001": "patient 1"}))
