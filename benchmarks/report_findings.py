"""How well rules read findings off reports: precision, recall and F1 of every finding, with intervals.

    python benchmarks/report_findings.py --ct-reports data/ct_report_labels [--half reported|developed|all]
    python benchmarks/report_findings.py --open-i data/NLMCXR_reports.tgz

``--ct-reports`` is the folder with ``train.csv`` and ``val.csv`` of 1,000 reports on chest CT with the 18 findings of
CT-RATE labelled by hand. ``--open-i`` is the archive of the Indiana University reports; their MeSH tags
are mapped to the findings of CheXpert by the table below. The tags are what indexers wrote while reading the report,
not what a radiologist labelled: some findings (edema, fractures) are tagged sparsely. The phrases were written while
looking at one half of these reports; the other half, chosen by a hash of the text, is the one to report.

A finding that is not mentioned, or only as a thing of the past, counts as not predicted; an uncertain one as not
predicted, unless ``--uncertain positive``. Intervals are 95 %, by resampling reports 1,000 times.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medclip.core.label_set import LabelSet
from medclip.core.xml import parse_xml
from medclip.data.named_findings import report_extractor
from medclip.evaluation.report_findings import FindingScores, score_findings
from medclip.modalities.report.extract import label_value
from medclip.modalities.report.sections import open_i_sections
from medclip.results.tables import format_interval, format_number, format_table

N_RESAMPLES = 1000

# CheXpert's finding: beginnings of MeSH tags that say it is there.
MESH = {
    "No Finding": ("normal",),
    "Enlarged Cardiomediastinum": ("Mediastinum/prominent", "Mediastinum/enlarged", "Mediastinum/widened"),
    "Cardiomegaly": ("Cardiomegaly", "Cardiac Shadow/enlarged", "Heart/enlarged"),
    "Lung Opacity": (
        *("Opacity", "Airspace Disease", "Infiltrate", "Density/lung", "Markings", "Cicatrix/lung"),
        *("Lung/interstitial", "Lung Diseases, Interstitial"),
    ),
    "Lung Lesion": ("Nodule", "Mass", "Granuloma", "Calcified Granuloma", "Cavitation"),
    "Edema": ("Pulmonary Edema", "Pulmonary Congestion", "Heart Failure"),
    "Consolidation": ("Consolidation",),
    "Pneumonia": ("Pneumonia", "Bronchopneumonia"),
    "Atelectasis": ("Pulmonary Atelectasis",),
    "Pneumothorax": ("Pneumothorax", "Hydropneumothorax", "Hemopneumothorax"),
    "Pleural Effusion": ("Pleural Effusion", "Costophrenic Angle", "Hydropneumothorax", "Hemothorax"),
    "Pleural Other": ("Thickening/pleura", "Calcinosis/pleura", "Pleura"),
    "Fracture": ("Fractures, Bone", "Deformity/thoracic vertebrae", "Deformity/lumbar vertebrae"),
    "Support Devices": (
        *("Catheters, Indwelling", "Implanted Medical Device", "Medical Device", "Tube, Inserted", "Stents"),
        *("Surgical Instruments", "Sutures", "Spinal Fusion", "Breast Implants"),
    ),
}


@dataclass(frozen=True)
class Labelled:
    """Reports, and ``(n_reports, n_findings)`` bool of what is there."""

    reports: list[str]
    truth: np.ndarray


def main() -> int:
    """Print a table for each collection given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ct-reports", type=Path)
    parser.add_argument("--half", choices=("reported", "developed", "all"), default="reported")
    parser.add_argument("--open-i", type=Path)
    parser.add_argument("--uncertain", choices=("blank", "positive"), default="blank")
    parser.add_argument("--out", type=Path, help="write the numbers to this JSON file")
    given = parser.parse_args()
    found: dict[str, object] = {}
    if given.ct_reports:
        labels = LabelSet.load("ct-rate")
        found["ct-rate"] = show(labels, ct_reports(given.ct_reports, labels, given.half), given.uncertain)
    if given.open_i:
        labels = LabelSet.load("chexpert")
        found["chexpert"] = show(labels, open_i(given.open_i, labels, given.half), given.uncertain)
    if given.out:
        given.out.write_text(json.dumps(found, indent=1))
    return 0


def show(labels: LabelSet, data: Labelled, uncertain: str) -> dict[str, object]:
    """Read the reports, print the table and return the numbers."""
    extract = report_extractor(labels)
    start = time.process_time()
    said = [extract(report) for report in data.reports]
    seconds = time.process_time() - start
    policy = "positive" if uncertain == "positive" else "negative"
    predicted = np.array(
        [[label_value(row[code], uncertain=policy) == 1.0 for code in labels.codes] for row in said]  # type: ignore[arg-type]
    )
    scores = score_findings(labels.codes, data.truth, predicted, n_resamples=N_RESAMPLES)
    print(f"{len(data.reports)} reports, {len(data.reports) / seconds:.0f} per second of one core\n")
    print(f"{as_table(scores)}\n")
    return as_json(scores)


def as_table(scores: FindingScores) -> str:
    """Return a table for the terminal."""
    rows = [
        (row.code, row.n_positive, *map(format_number, (row.precision, row.recall, row.f1)), format_interval(row.f1_ci))
        for row in scores.rows
    ]
    rows.append(("macro", "", "", "", format_number(scores.macro_f1), format_interval(scores.macro_f1_ci)))
    return format_table(rows, ("finding", "n", "precision", "recall", "F1", "95 % interval"), alignment="lrrrrl")


def as_json(scores: FindingScores) -> dict[str, object]:
    """Return the numbers as plain values."""
    return {"macro_f1": scores.macro_f1, "findings": [vars(row) for row in scores.rows]}


def ct_reports(folder: Path, labels: LabelSet, half: str) -> Labelled:
    """Read the labelled reports of one half."""
    rows = [row for name in ("train.csv", "val.csv") for row in read_table(folder / name)]
    chosen = [row for row in rows if half == "all" or is_developed(row["report_text"]) == (half == "developed")]
    truth = np.array([[row[code] == "1" for code in labels.codes] for row in chosen])
    return Labelled([row["report_text"] for row in chosen], truth)


def is_developed(report: str) -> bool:
    """Whether a report belongs to the half that was looked at while the phrases were written."""
    return hashlib.sha256(report.encode()).digest()[0] % 2 == 0


def open_i(archive: Path, labels: LabelSet, half: str) -> Labelled:
    """Read the reports of one half that were indexed and have findings or an impression."""
    reports, truth = [], []
    for report, tags in open_i_reports(archive):
        if half != "all" and is_developed(report) != (half == "developed"):
            continue
        reports.append(report)
        truth.append([any(has_tag(tag, MESH[code]) for tag in tags) for code in labels.codes])
    return Labelled(reports, np.array(truth))


def open_i_reports(archive: Path) -> Iterator[tuple[str, list[str]]]:
    """Give each report with its MeSH tags; those that nobody indexed are left out."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        for path in sorted(Path(folder).rglob("*.xml"), key=lambda path: int(path.stem)):
            tags = [element.text.strip() for element in parse_xml(path, root="eCitation").iter("major") if element.text]
            if not tags or "No Indexing" in tags:
                continue
            sections = open_i_sections(path)
            if sections.findings or sections.impression:
                yield sections.to_text(), tags


def has_tag(tag: str, beginnings: tuple[str, ...]) -> bool:
    """Whether a tag is one of ``beginnings`` or says more about it."""
    return any(tag == beginning or tag.startswith(f"{beginning}/") for beginning in beginnings)


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    sys.exit(main())
