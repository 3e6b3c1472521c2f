"""Labels read off reports: in our own words for the sets we ship, and on real reports with labels by hand."""

from __future__ import annotations

import csv
import hashlib
import os
import tarfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from medclip.core.label_set import LabelSet
from medclip.data.named_findings import report_extractor
from medclip.evaluation.report_findings import score_findings
from medclip.evaluation.weak_labels import LABEL_SOURCE, write_weak_labels

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset")) / "reports"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder with reports")


@pytest.mark.parametrize(
    ("name", "report", "present"),
    [
        ("ct-rate", "Calcified atheroma in the aortic arch.", {"Arterial wall calcification"}),
        (
            "ct-rate",
            "Calcified plaques of the left anterior descending coronary artery.",
            {"Coronary artery wall calcification"},
        ),
        ("ct-rate", "The heart is enlarged.", {"Cardiomegaly"}),
        ("ct-rate", "Subcutaneous emphysema.", set()),
        ("ct-rate", "Centrilobular emphysema and a bulla.", {"Emphysema"}),
        ("ct-rate", "Thyroid nodule. Liver nodule.", set()),
        ("ct-rate", "Sliding hiatal hernia.", {"Hiatal hernia"}),
        ("ct-rate", "Pericardial and pleural effusion.", {"Pericardial effusion", "Pleural effusion"}),
        ("ct-rate", "Thickened interlobular septa.", {"Interlobular septal thickening"}),
        ("ct-rate", "The bronchial walls are thickened.", {"Peribronchial thickening"}),
        ("ct-rate", "Ground-glass areas in both lungs; no consolidation.", {"Lung opacity"}),
        ("ct-rate", "Decreased density of the liver parenchyma.", set()),
        ("chexpert", "The lungs are clear. Heart size is normal.", {"No Finding"}),
        ("chexpert", "Blunting of the left costophrenic angle.", {"Pleural Effusion"}),
        ("chexpert", "Cholecystectomy clips.", {"No Finding"}),
        ("chexpert", "PICC line ends in the vena cava.", {"No Finding", "Support Devices"}),
        ("chexpert", "Fractured rib on the right.", {"Fracture"}),
        ("chexpert", "Pneumonectomy; no pneumonia, no pneumothorax.", {"No Finding"}),
        ("chexpert", "Granulomatous infection in the past.", {"No Finding"}),
        ("chexpert", "The mediastinum is widened.", {"Enlarged Cardiomediastinum"}),
        ("chexpert", "Mild congestive heart failure.", {"Edema"}),
        ("vindr-cxr", "Calcified granuloma.", {"Calcification", "Nodule/Mass", "Lung Opacity"}),
    ],
)
def test_findings_in_our_own_words(name: str, report: str, present: set[str]) -> None:
    said = report_extractor(LabelSet.load(name))(report)
    assert {code for code, status in said.items() if status == "present"} == present


def test_the_file_says_where_labels_come_from_and_nothing_of_the_text(tmp_path: Path) -> None:
    labels = LabelSet.load("chexpert-5")
    reports = [("s1", "Small effusion. No edema. Possible atelectasis."), ("s2", "")]
    counts = write_weak_labels(reports, labels, tmp_path / "labels.csv")
    rows = list(csv.DictReader((tmp_path / "labels.csv").open(newline="")))
    assert [row["id"] for row in rows] == ["s1", "s2"]
    assert {row["label_source"] for row in rows} == {LABEL_SOURCE}
    assert [rows[0][code] for code in labels.codes] == ["", "0", "", "", "1"]
    assert [rows[1][code] for code in labels.codes] == ["", "", "", "", ""]
    assert counts["Pleural Effusion"] == {"present": 1, "not mentioned": 1}
    assert counts["Atelectasis"]["uncertain"] == 1
    assert "effusion." not in (tmp_path / "labels.csv").read_text().lower()


@pytest.mark.parametrize(("uncertain", "cell"), [("positive", "1"), ("negative", "0"), ("blank", "")])
def test_doubt_is_written_as_asked(tmp_path: Path, uncertain: str, cell: str) -> None:
    labels = LabelSet.load("chexpert-5")
    path = tmp_path / "labels.csv"
    write_weak_labels([("s1", "Possible atelectasis.")], labels, path, uncertain=uncertain)  # type: ignore[arg-type]
    assert next(csv.DictReader(path.open(newline="")))["Atelectasis"] == cell


@needs_data
def test_real_ct_reports_against_labels_by_hand() -> None:
    """A floor below what docs/experiments.md reports, on a fixed third of the reports."""
    labels = LabelSet.load("ct-rate")
    with (DATA / "ct_report_labels" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if hashlib.sha256(row["report_text"].encode()).digest()[1] % 3 == 0]
    extract = report_extractor(labels)
    said = [extract(row["report_text"]) for row in rows]
    truth = np.array([[row[code] == "1" for code in labels.codes] for row in rows])
    predicted = np.array([[one[code] == "present" for code in labels.codes] for one in said])
    scores = score_findings(labels.codes, truth, predicted, n_resamples=1)
    assert len(rows) > 200
    assert scores.macro_f1 > 0.90
    assert min(row.f1 for row in scores.rows) > 0.70


@needs_data
def test_real_radiograph_reports_against_their_tags() -> None:
    labels = LabelSet.load("chexpert")
    tags = {
        "Cardiomegaly": ("Cardiomegaly", "Cardiac Shadow/enlarged"),
        "Atelectasis": ("Pulmonary Atelectasis",),
        "Pleural Effusion": ("Pleural Effusion", "Costophrenic Angle"),
        "Pneumothorax": ("Pneumothorax", "Hydropneumothorax"),
    }
    extract = report_extractor(labels)
    truth, predicted = [], []
    with tarfile.open(DATA / "openi_xml" / "NLMCXR_reports.tgz") as archive:
        for member in archive:
            if not member.name.endswith(".xml") or int(Path(member.name).stem) % 8:
                continue
            tree = ElementTree.parse(archive.extractfile(member))
            given = [element.text or "" for element in tree.iter("major")]
            sections = {e.get("Label"): e.text or "" for e in tree.iter("AbstractText")}
            said = extract(f"FINDINGS: {sections['FINDINGS']}\n\nIMPRESSION: {sections['IMPRESSION']}")
            truth.append([any(tag.startswith(start) for tag in given for start in starts) for starts in tags.values()])
            predicted.append([said[code] == "present" for code in tags])
    scores = score_findings(tuple(tags), np.array(truth), np.array(predicted), n_resamples=1)
    assert scores.n_records > 400
    assert min(row.f1 for row in scores.rows) > 0.80
