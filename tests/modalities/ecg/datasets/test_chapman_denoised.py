"""Chapman-Shaoxing, denoised: a spreadsheet of acronyms and one matrix in microvolts per record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ecg_folders import codes_of, signal
from excel_file import write_xlsx
from scipy.io import loadmat, savemat

from medclip.core.errors import DatasetError, FormatError
from medclip.modalities.ecg.datasets.chapman_denoised import open_chapman_denoised

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
HEADER = ("FileName", "Rhythm", "Beat", "PatientAge", "Gender", "VentricularRate")
ROWS: list[tuple[Any, ...]] = [
    ("MUSE_1", "AFIB", "RBBB TWC", 85, "MALE", 117),
    ("MUSE_2", "ST", "NONE", 59, "FEMALE", 120),
    ("MUSE_3", "SB", "LVHV 1AVB", 40, "FEMALE", ""),
]


def write_chapman(folder: Path, rows: list[tuple[Any, ...]] = ROWS, header: tuple[str, ...] = HEADER) -> Path:
    """Write the folder of figshare with CSV files, and the third record as MATLAB."""
    (folder / "ECGDataDenoised").mkdir(parents=True)
    write_xlsx(folder / "Diagnostics.xlsx", [header, *rows])
    for number, (name, *_) in enumerate(rows):
        values = signal(number, 5000).T / 7.0
        if name == "MUSE_3":
            savemat(folder / f"ECGDataDenoised/{name}.mat", {"val": values})
        else:
            np.savetxt(folder / f"ECGDataDenoised/{name}.csv", values, delimiter=",", fmt="%.4f")
    return folder


def test_records_and_labels(tmp_path: Path) -> None:
    dataset = open_chapman_denoised(write_chapman(tmp_path))
    assert dataset.label_sets == ("csn", "csn-merl38")
    assert [codes_of(dataset, "csn", row) for row in range(3)] == [{"AFIB", "RBBB", "TWC"}, {"ST"}, {"SB", "1AVB"}]
    assert not np.isnan(dataset.labels("csn").values).any()
    for row in range(3):
        sample = dataset[row]
        assert (sample.array.shape, sample.sampling_rate_hz) == ((12, 5000), 500.0)
        np.testing.assert_allclose(sample.array, signal(row, 5000) / 7000, atol=1e-6)
    assert dataset[0].attributes == {"age": 85.0, "sex": "male", "ventricular_rate_bpm": 117.0}
    assert dataset.records[2].attributes == {"age": 40.0, "sex": "female"}


def test_merls_reading(tmp_path: Path) -> None:
    dataset = open_chapman_denoised(write_chapman(tmp_path), label_reading="merl")
    assert [codes_of(dataset, "csn-merl38", row) for row in (0, 2)] == [
        {"AFIB", "AF", "RBBB", "TWC"},
        {"1AVB", "AVB", "VB", "LVH"},  # LVH is found in LVHV; SB is none of the 38
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("MUSE_1", "AFIBB", "NONE", 1, "MALE", 1)], "record MUSE_1 .* does not use: received AFIBB"),
        ([("MUSE_1", "SR", "TWC,STTC", 1, "MALE", 1)], "does not use: received TWC,STTC"),
        ([ROWS[0], ROWS[0]], "more than once: received MUSE_1"),
        ([("MUSE_1", "SR", "NONE", "old", "MALE", 1)], "line 2 of .* cannot be used"),
        ([("../MUSE_1", "SR", "NONE", 1, "MALE", 1)], "names a file outside its folder"),
        ([], "holds no record"),
    ],
)
def test_bad_spreadsheets(tmp_path: Path, rows: list[tuple[Any, ...]], message: str) -> None:
    write_xlsx(tmp_path / "Diagnostics.xlsx", [HEADER, *rows])
    with pytest.raises(DatasetError, match=message) as error:
        open_chapman_denoised(tmp_path)
    assert "\n" not in str(error.value)


def test_missing_columns_and_files(tmp_path: Path) -> None:
    write_chapman(tmp_path / "whole")
    (tmp_path / "whole/ECGDataDenoised/MUSE_1.csv").unlink()
    with pytest.raises(DatasetError, match=r"file of record MUSE_1 of .* is not there: .*Fetch them from https"):
        open_chapman_denoised(tmp_path / "whole")[0]
    write_xlsx(tmp_path / "Diagnostics.xlsx", [[name for name in HEADER if name != "Beat"]])
    with pytest.raises(DatasetError, match="lacks columns that its data card declares: Beat"):
        open_chapman_denoised(tmp_path)


@pytest.mark.parametrize("content", ["1,2,3\n", "a,b\n", "1,2\n3\n"])
def test_damaged_records(tmp_path: Path, content: str) -> None:
    dataset = open_chapman_denoised(write_chapman(tmp_path))
    (tmp_path / "ECGDataDenoised/MUSE_1.csv").write_text(content)
    with pytest.raises(FormatError, match=r"MUSE_1.csv") as error:
        dataset[0]
    assert "\n" not in str(error.value)


@needs_data
def test_real_spreadsheet_and_records() -> None:
    folder = DATA / "ecg_sets/chapman_denoised"
    dataset = open_chapman_denoised(folder)
    table = dataset.labels("csn")
    counts = dict(zip(table.codes, table.values.sum(axis=0).astype(int).tolist(), strict=True))
    # Numbers of the table of rhythms in Zheng et al., Scientific Data 2020.
    published = {"SB": 3889, "SR": 1826, "AFIB": 1780, "ST": 1568, "AF": 445, "SA": 399, "SVT": 587, "AT": 121}
    assert (len(dataset), {code: counts[code] for code in published}) == (10_646, published)
    assert (counts["AVNRT"], counts["AVRT"], counts["SAAWR"]) == (16, 8, 7)
    row_of = {record.record_id: row for row, record in enumerate(dataset.records)}
    for path in sorted(folder.glob("*.mat"))[:2]:
        sample = dataset[row_of[path.stem]]
        np.testing.assert_allclose(sample.array, loadmat(path)["val"].T / 1000, atol=1e-6)
        i, ii, iii = sample.array[:3]
        assert np.corrcoef(iii, ii - i)[0, 1] > 0.9
