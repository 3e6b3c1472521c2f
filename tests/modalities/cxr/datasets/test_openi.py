"""Open-i: one XML a report, several images a report, terms as labels; generated and all real reports."""

from __future__ import annotations

import os
import re
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from image_folders import codes_of, labels_of, open_codes, picture, write_picture, write_radiograph, write_table

from medclip.core.errors import DatasetError, FormatError
from medclip.core.label_set import LabelSet
from medclip.modalities.cxr.datasets._openi_labels import codes_of as codes_of_terms
from medclip.modalities.cxr.datasets.openi import open_openi
from medclip.modalities.report.sections import sections_of
from medclip.testing.dataset import check_dataset

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")


def write_report(
    folder: Path, number: int, images: list[str], terms: list[str], findings: str = "A XXXX line."
) -> None:
    """Write a report as the collection has it."""
    folder.mkdir(parents=True, exist_ok=True)
    parents = "".join(f'<parentImage id="{image}"/>' for image in images)
    sections = {"COMPARISON": "", "INDICATION": "Cough", "FINDINGS": findings, "IMPRESSION": "Second\n line."}
    abstract = "".join(f'<AbstractText Label="{name}">{text}</AbstractText>' for name, text in sections.items())
    (folder / f"{number}.xml").write_text(
        f'<?xml version="1.0" encoding="utf-8"?>\n<eCitation><uId id="CXR{number}"/>'
        "<MedlineCitation><Article><Abstract>"
        f"{abstract}</Abstract></Article></MedlineCitation><MeSH>{''.join(f'<major>{t}</major>' for t in terms)}"
        f"</MeSH>{parents}</eCitation>"
    )


def write_collection(folder: Path) -> Path:
    """Write three reports, one without images, and the images of the others."""
    reports = folder / "ecgen-radiology"
    images = ["CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001"]
    write_report(reports, 1, images, ["Pulmonary Atelectasis/base/left", "Opacity/lung/base", "Calcinosis/lung"])
    write_report(reports, 2, ["CXR2_IM-0652-1001"], ["No Indexing"], findings="")
    write_report(reports, 10, [], ["normal"])
    for seed, image in enumerate([*images, "CXR2_IM-0652-1001"]):
        write_picture(folder / f"NLMCXR_png/{image}.png", picture(seed))
    return folder


def test_reports_images_and_labels(tmp_path: Path) -> None:
    dataset = open_openi(write_collection(tmp_path))
    check_dataset(dataset)
    assert [(info.record_id, info.patient_id) for info in dataset.records] == [
        ("CXR1_1_IM-0001-3001", "CXR1"),
        ("CXR1_1_IM-0001-4001", "CXR1"),
        ("CXR2_IM-0652-1001", "CXR2"),
    ]
    assert dataset.records[0].report == "INDICATION: Cough\n\nFINDINGS: A XXXX line.\n\nIMPRESSION: Second line."
    assert sections_of(str(dataset.records[0].report)).impression == "Second line."
    assert {info.attributes["view"] for info in dataset.records} == {"unknown"}
    assert codes_of(dataset, "chexpert", 0) == codes_of(dataset, "chexpert", 1) == {"Atelectasis", "Lung Opacity"}
    assert open_codes(dataset, "chexpert", 0) == set()
    assert open_codes(dataset, "chexpert", 2) == set(LabelSet.load("chexpert").codes)
    table = [("1_IM-0001-4001.dcm.png", "Frontal"), ("2_IM-0652-1001.dcm.png", "Lateral")]
    write_table(tmp_path / "indiana_projections.csv", [{"uid": 1, "filename": f, "projection": p} for f, p in table])
    assert [info.record_id for info in open_openi(tmp_path, views="frontal").records] == ["CXR1_1_IM-0001-4001"]


def test_dicom_instead_of_pictures(tmp_path: Path) -> None:
    write_report(tmp_path / "NLMCXR_reports/ecgen-radiology", 1, ["CXR1_1_IM-0001-3001"], ["normal"])
    write_radiograph(tmp_path / "NLMCXR_dcm/1/CXR1_1_IM-0001-3001.dcm", picture(0))
    assert open_openi(tmp_path)[0].attributes["view"] == "unknown"
    assert labels_of(open_openi(tmp_path), "chexpert")["No Finding"] == 1


def test_terms() -> None:
    assert codes_of_terms(["normal"]) == {"No Finding"}
    assert codes_of_terms(["Cardiomegaly/borderline"]) == {"Cardiomegaly", "Enlarged Cardiomediastinum"}
    assert codes_of_terms(["Hydropneumothorax/left"]) == {"Pneumothorax", "Pleural Effusion"}
    assert codes_of_terms(["Pneumonia"]) == {"Pneumonia", "Consolidation", "Lung Opacity"}
    # Exact words: not every thing that holds the name of a finding is that finding.
    assert (
        codes_of_terms(["Opacity/breast", "Cystic Fibrosis", "Bone Diseases, Metabolic", "Thickening/trachea"]) == set()
    )


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not hold Open-i"):
        open_openi(tmp_path)
    folder = write_collection(tmp_path) / "ecgen-radiology"
    (tmp_path / "NLMCXR_png/CXR2_IM-0652-1001.png").unlink()
    with pytest.raises(DatasetError, match=r"file of record CXR2_IM-0652-1001 .* is not there"):
        open_openi(tmp_path)[2]
    write_report(folder, 3, ["CXR2_IM-0652-1001"], ["normal"])
    with pytest.raises(DatasetError, match="a record more than once: received CXR2_IM-0652-1001"):
        open_openi(tmp_path)
    (folder / "3.xml").write_text("<eCitation><uId")
    with pytest.raises(FormatError, match="truncated or damaged XML"):
        open_openi(tmp_path)
    (folder / "3.xml").write_text("<eCitation/>")
    with pytest.raises(DatasetError, match="is no report of Open-i"):
        open_openi(tmp_path)


@needs_data
def test_real_reports(tmp_path: Path) -> None:
    """Every fifth report; all of them take five times as long."""
    with tarfile.open(DATA / "reports/openi_xml/NLMCXR_reports.tgz") as archive:
        members = [member for number, member in enumerate(archive) if number % 5 == 1]
        archive.extractall(tmp_path, members=members, filter="data")
    (tmp_path / "indiana_projections.csv").symlink_to(DATA / "reports/openi_csv/indiana_projections.csv")
    dataset = open_openi(tmp_path)
    texts = [path.read_text("utf-8") for path in (tmp_path / "ecgen-radiology").glob("*.xml")]
    with_images = [text for text in texts if "<parentImage" in text]
    assert len(texts) > 780
    assert len(dataset) == sum(text.count("<parentImage ") for text in texts)
    assert len({info.patient_id for info in dataset.records}) == len(with_images)
    views = Counter(info.attributes["view"] for info in dataset.records)
    # The later copy leaves out 4 of 7,470 images.
    assert views["unknown"] <= 4
    assert min(views["frontal"], views["lateral"]) > 700
    # An independent count: images of the reports with this heading, by pattern.
    headings = {"Pneumothorax": "Pneumothorax", "normal": "No Finding", "Fractures, Bone": "Fracture"}
    for heading, code in headings.items():
        expected = sum(
            text.count("<parentImage ")
            for text in with_images
            if re.search(rf"<major>(?:Hydro|Hemo)?{heading}\s*(?:/[^<]*)?</major>", text, re.IGNORECASE)
        )
        values = dataset.labels("chexpert").select([code]).values
        assert int((values == 1).sum()) == expected, code
