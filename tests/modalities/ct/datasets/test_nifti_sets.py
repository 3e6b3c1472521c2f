"""CT-RATE, Merlin, INSPECT and RAD-ChestCT: layouts, joins, units, axes, what is refused."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from excel_file import write_xlsx
from image_folders import codes_of, labels_of, open_codes, write_nifti, write_table

from medclip.core.errors import ConfigError, DatasetError, FormatError
from medclip.core.label_set import LabelSet
from medclip.modalities.ct.datasets.ct_rate import open_ct_rate
from medclip.modalities.ct.datasets.inspect import open_inspect
from medclip.modalities.ct.datasets.merlin import open_merlin
from medclip.modalities.ct.datasets.rad_chestct import open_rad_chestct
from medclip.modalities.report.sections import sections_of
from medclip.testing.dataset import check_dataset

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
CT_RATE = LabelSet.load("ct-rate").codes


def chest(seed: int = 0, shape: tuple[int, int, int] = (20, 24, 16)) -> np.ndarray:
    """Return Hounsfield units of air, lung and tissue, with axes left, back, head."""
    values = np.random.default_rng(seed).choice([-1000, -800, 40, 60], shape, p=[0.2, 0.3, 0.3, 0.2])
    return np.asarray(values, np.int16)


def write_ct_rate(folder: Path) -> Path:
    """Write tables of two patients; the first has two reconstructions of one examination."""
    names = {"train": ["train_1_a_1", "train_1_a_2"], "valid": ["valid_2_b_1"]}
    for part, table, reports in (("train", "train", "train"), ("valid", "validation", "validation")):
        files = [f"{name}.nii.gz" for name in names[part]]
        stated = [{"VolumeName": file} | dict.fromkeys(CT_RATE, 0) | {"Emphysema": 1} for file in files]
        write_table(folder / f"multi_abnormality_labels/{part}_predicted_labels.csv", stated)
        sections = {"ClinicalInformation_EN": "Cough.", "Technique_EN": "", "Findings_EN": 'A "nodule",\nsmall.'}
        rows = [{"VolumeName": file} | sections | {"Impressions_EN": "Nodule."} for file in files]
        write_table(folder / f"radiology_text_reports/{reports}_reports.csv", rows)
        about = {"Manufacturer": "Philips", "ManufacturerModelName": "iCT 256", "PatientSex": "M", "PatientAge": "036Y"}
        about |= {"RescaleSlope": 1, "RescaleIntercept": -8192, "XYSpacing": "[0.5, 0.5]", "ZSpacing": 1.5}
        write_table(folder / f"metadata/{table}_metadata.csv", [{"VolumeName": file} | about for file in files])
    return folder


def test_ct_rate(tmp_path: Path) -> None:
    folder = write_ct_rate(tmp_path / "dataset")
    values = chest()
    write_nifti(folder / "train_fixed/train_1/train_1_a/train_1_a_2.nii.gz", values)
    dataset = open_ct_rate(tmp_path)
    assert [(info.record_id, info.patient_id, info.fold) for info in dataset.records] == [
        ("train_1_a_1", "train_1", "train"),
        ("train_1_a_2", "train_1", "train"),
        ("valid_2_b_1", "valid_2", "valid"),
    ]
    assert dataset.records[0].attributes == {
        **{"sex": "male", "age": 36.0, "device": "Philips iCT 256"},
        "study_id": "train_1_a",
    }
    sections = sections_of(str(dataset.records[2].report))
    assert (sections.indication, sections.impression) == ("Cough.", "Nodule.")
    assert sections.findings == 'A "nodule",\nsmall.'
    assert codes_of(dataset, "ct-rate", 2) == {"Emphysema"}
    assert open_codes(dataset, "ct-rate", 2) == set()
    sample = dataset[1]
    # From left, back, head to head, back, left.
    np.testing.assert_array_equal(sample.array, values.transpose(2, 1, 0))
    assert sample.spacing_mm == (1.5, 0.75, 0.75)
    first = open_ct_rate(folder, reconstructions="first")
    assert [info.record_id for info in first.records] == ["train_1_a_1", "valid_2_b_1"]
    with pytest.raises(DatasetError, match=r"file of record train_1_a_1 .* is not there"):
        dataset[0]
    for record in ("train_1/train_1_a/train_1_a_1", "train_1/train_1_a/train_1_a_2"):
        write_nifti(folder / f"train_fixed/{record}.nii.gz", values)
    write_nifti(folder / "valid_fixed/valid_2/valid_2_b/valid_2_b_1.nii.gz", values)
    check_dataset(open_ct_rate(folder))


def test_the_trap_of_ct_rate(tmp_path: Path) -> None:
    folder = write_ct_rate(tmp_path)
    values, place = chest(), "train_1/train_1_a/train_1_a_1.nii.gz"
    write_nifti(folder / "train" / place, values + 8192)
    original = open_ct_rate(folder, release="original")
    sample = original[0]
    np.testing.assert_array_equal(sample.array, values.transpose(2, 1, 0))
    assert sample.spacing_mm == (1.5, 0.5, 0.5)
    assert sample.attributes["position_is_known"] is False
    # Hounsfield units in the folder of the original, rescaled by less or by much.
    write_nifti(folder / "train" / place, values)
    with pytest.raises(FormatError, match=r"no Hounsfield units of a chest: received 1 % .* 10 % above -1024"):
        original[0]
    write_nifti(folder / "train_fixed" / place, values - 1024)
    with pytest.raises(FormatError, match=r"no Hounsfield units of a chest: received 1 % .* 10 % above -9\d\d"):
        open_ct_rate(folder)[0]
    # Stored values in that of the fixed release.
    for offset in (8192, 1024):
        write_nifti(folder / "train_fixed" / place, values + offset)
        with pytest.raises(FormatError, match=r"Hounsfield units"):
            open_ct_rate(folder)[0]
    for path in (folder / "metadata").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match=r"lack slope, intercept or spacing of train_1_a_1.nii.gz"):
        open_ct_rate(folder, release="original")[0]


def test_bad_tables_of_ct_rate(tmp_path: Path) -> None:
    path = write_ct_rate(tmp_path) / "multi_abnormality_labels/train_predicted_labels.csv"
    whole = path.read_text()
    path.write_text(whole.replace("train_1_a_2", "train_1_a_1"))
    with pytest.raises(DatasetError, match="a record more than once: received train_1_a_1"):
        open_ct_rate(tmp_path)
    path.write_text(whole.replace("train_1_a_2.nii.gz", "train_1.nii"))
    with pytest.raises(DatasetError, match=r"another name than it may: received train_1.nii"):
        open_ct_rate(tmp_path)
    path.write_text(whole.replace("Emphysema", "Emphysem"))
    with pytest.raises(DatasetError, match="lacks columns that its data card declares: Emphysema"):
        open_ct_rate(tmp_path)
    with pytest.raises(ConfigError, match="release cannot be that: received v2; allowed: fixed, original"):
        open_ct_rate(tmp_path, release="v2")
    with pytest.raises(DatasetError, match="does not hold CT-RATE"):
        open_ct_rate(tmp_path / "metadata")


@needs_data
def test_the_real_tables_of_ct_rate(tmp_path: Path) -> None:
    for source, target in (
        ("valid_labels.csv", "multi_abnormality_labels/valid_predicted_labels.csv"),
        ("valid_metadata.csv", "metadata/validation_metadata.csv"),
    ):
        (tmp_path / target).parent.mkdir()
        (tmp_path / target).symlink_to(DATA / "reports/ct_rate_meta" / source)
    dataset = open_ct_rate(tmp_path)
    with (DATA / "reports/ct_rate_meta/valid_labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(dataset) == len(rows) == 3039
    assert {info.fold for info in dataset.records} == {"valid"}
    assert len({info.patient_id for info in dataset.records}) == 1304
    assert len(open_ct_rate(tmp_path, reconstructions="first")) == 1564
    for number in (0, 1500, 3038):
        expected = {code: float(rows[number][code]) for code in CT_RATE}
        assert labels_of(dataset, "ct-rate", number) == expected


def test_merlin(tmp_path: Path) -> None:
    codes = LabelSet.load("merlin").codes
    rows = [
        ("study id", "Findings", "Split", "Few Shot"),
        ("AC1", "Liver: normal.", "train", ""),
        ("AC2", "", "val", ""),
    ]
    folder = tmp_path / "merlinabdominalctdataset"
    folder.mkdir()
    write_xlsx(folder / "reports_final.xlsx", rows)
    values = chest(1)
    write_nifti(folder / "merlin_data/AC1.nii.gz", values)
    dataset = open_merlin(tmp_path)
    assert [(info.record_id, info.report, info.fold) for info in dataset.records] == [
        ("AC1", "Liver: normal.", "train"),
        ("AC2", None, "validation"),
    ]
    assert dataset.label_sets == ()
    np.testing.assert_array_equal(dataset[0].array, values.transpose(2, 1, 0))
    stated = {"study id": "AC2"} | dict.fromkeys(codes, -1) | {"ascites": 1, "gallstones": 0}
    write_table(folder / "zero_shot_findings_disease_cls.csv", [stated])
    dataset = open_merlin(tmp_path)
    assert codes_of(dataset, "merlin", 1) == {"ascites"}
    assert open_codes(dataset, "merlin", 1) == set(codes) - {"ascites", "gallstones"}
    assert open_codes(dataset, "merlin", 0) == set(codes)
    with pytest.raises(DatasetError, match=r"file of record AC2 .* is not there"):
        dataset[1]
    write_xlsx(folder / "reports_final.xlsx", [rows[0], ("AC1", "", "holdout", "")])
    with pytest.raises(DatasetError, match="another split than it may: received holdout"):
        open_merlin(tmp_path)
    write_xlsx(folder / "reports_final.xlsx", [("study", "Findings", "Split")])
    with pytest.raises(DatasetError, match="lacks columns of Merlin abdominal CT: study id"):
        open_merlin(tmp_path)


def write_inspect(folder: Path, **changes: list[tuple[object, ...]]) -> Path:
    """Write four tables; one impression is listed twice, one has no image."""
    tables: dict[str, list[tuple[object, ...]]] = {
        "splits": [("impression_id", "split"), (1, "train"), (2, "test"), (2, "test"), (3, "train")],
        "study_mapping": [("impression_id", "person_id", "image_id"), (2, "P2", "PE2"), (1, "P1", "PE1")],
        "labels": [
            ("impression_id", "pe_positive_nlp", "pe_acute", "pe_subsegmentalonly", "12_month_PH"),
            (1, "True", "True", "False", "Censored"),
            (2, "False", "Censored", "False", "False"),
        ],
        "impressions": [("impression_id", "impressions"), (1, "1. Clot. \n2. Else."), (2, "None seen.")],
    }
    for name, (header, *rows) in (tables | changes).items():
        cells = [dict(zip(header, row, strict=True)) for row in rows]
        write_table(folder / f"{name}_20250611.tsv", cells, delimiter="\t")  # type: ignore[arg-type]
    return folder


def test_inspect(tmp_path: Path) -> None:
    write_inspect(tmp_path)
    write_nifti(tmp_path / "CTPA/PE1.nii.gz", chest(2))
    write_nifti(tmp_path / "CTPA/PE2.nii.gz", chest(3))
    dataset = open_inspect(tmp_path)
    check_dataset(dataset)
    assert [(info.record_id, info.patient_id, info.fold) for info in dataset.records] == [
        ("PE1", "P1", "train"),
        ("PE2", "P2", "test"),
    ]
    assert dataset.records[0].report == "IMPRESSION: 1. Clot. \n2. Else."
    assert codes_of(dataset, "inspect", 0) == {"pe_positive", "pe_acute"}
    assert open_codes(dataset, "inspect", 1) == {"pe_acute"}
    with pytest.raises(DatasetError, match="describes an impression in two ways: received 2"):
        open_inspect(write_inspect(tmp_path, splits=[("impression_id", "split"), (2, "test"), (2, "train")]))
    with pytest.raises(DatasetError, match="has no such split: received dev"):
        open_inspect(write_inspect(tmp_path, splits=[("impression_id", "split"), (1, "dev")]))
    with pytest.raises(DatasetError, match="share no impression"):
        open_inspect(write_inspect(tmp_path, splits=[("impression_id", "split"), (9, "train")]))


RAD_COLUMNS = [
    *("catheter_or_port", "calcification", "cardiomegaly", "pericardial_effusion", "hernia", "lymphadenopathy"),
    *("emphysema", "atelectasis", "nodule", "nodulegr1cm", "opacity", "fibrosis", "pleural_effusion"),
    *("bronchial_wall_thickening", "consolidation", "bronchiectasis", "septal_thickening", "pleural_thickening"),
]


def write_rad(folder: Path, present: list[set[str]], part: str = "train", prefix: str = "trn") -> Path:
    """Write a table of labels with two places, and the patients."""
    names = [f"{prefix}{number:05d}" for number in range(len(present))]
    columns = [f"{name}*{place}" for name in RAD_COLUMNS for place in ("left_lung", "other_location")]
    rows = [
        {"NoteAcc_DEID": name} | {column: int(column in found) for column in columns}
        for name, found in zip(names, present, strict=True)
    ]
    write_table(folder / f"img{part}_Abnormality_and_Location_Labels.csv", rows)
    patients = [{"NoteAcc_DEID": name, "MRN_DEID": f"P{number // 2}"} for number, name in enumerate(names)]
    write_table(folder / "CT_Scan_Metadata_Complete_35747.csv", patients)
    return folder


def test_rad_chestct(tmp_path: Path) -> None:
    write_rad(
        tmp_path, [{"nodulegr1cm*left_lung", "catheter_or_port*other_location"}, {"pleural_thickening*left_lung"}]
    )
    stored = np.arange(4 * 5 * 6, dtype=np.float16).reshape(4, 5, 6) - 1000
    np.savez_compressed(tmp_path / "trn00000.npz", ct=stored)
    np.savez_compressed(tmp_path / "trn00001.npz", ct=stored)
    dataset = open_rad_chestct(tmp_path)
    check_dataset(dataset)
    assert [(info.patient_id, info.fold) for info in dataset.records] == [("P0", "train")] * 2
    assert codes_of(dataset, "rad-chestct", 0) == {"Lung nodule", "Medical material"}
    assert codes_of(dataset, "rad-chestct", 1) == open_codes(dataset, "rad-chestct", 1) == set()
    sample = dataset[0]
    np.testing.assert_array_equal(sample.array[0], stored[3])
    np.testing.assert_array_equal(sample.array[3], stored[0])
    assert sample.spacing_mm == (0.8, 0.8, 0.8)
    # The origin is the first voxel in the array: the one nearest to the feet.
    assert sample.direction == (0, 0, 1, 0, 1, 0, 1, 0, 0)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", "other key", "two axes"])
def test_damaged_volumes_of_rad_chestct(tmp_path: Path, content: bytes | str) -> None:
    write_rad(tmp_path, [set()])
    path = tmp_path / "trn00000.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **{"ct" if content == "two axes" else "volume": np.zeros((3, 3))})
    with pytest.raises(FormatError, match=r"trn00000.npz is (truncated or )?no volume of RAD-ChestCT") as error:
        open_rad_chestct(tmp_path)[0]
    assert "\n" not in str(error.value)


def test_bad_tables_of_rad_chestct(tmp_path: Path) -> None:
    path = write_rad(tmp_path, [set()]) / "imgtrain_Abnormality_and_Location_Labels.csv"
    whole = path.read_text()
    path.write_text(whole.replace("hernia*", "hernias*"))
    with pytest.raises(DatasetError, match="no column for some findings: received Hiatal hernia"):
        open_rad_chestct(tmp_path)
    path.write_text(whole.replace("trn00000,0", "trn00000,5"))
    with pytest.raises(DatasetError, match="another label than 0 and 1: received 5"):
        open_rad_chestct(tmp_path)
    path.write_text(whole.replace("pleural_thickening", "emphysema"))
    with pytest.raises(DatasetError, match="doubles columns"):
        open_rad_chestct(tmp_path)
    path.write_text(whole.replace("trn00000", "trn09999"))
    with pytest.raises(DatasetError, match="lacks scans of RAD-ChestCT: received trn09999"):
        open_rad_chestct(tmp_path)
