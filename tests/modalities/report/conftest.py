"""Shared by the tests of reports: the shipped glossaries and, where present, real reports."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from medclip.modalities.report import ReportPipeline

GLOSSARIES = Path(__file__).parents[3] / "medclip" / "modalities" / "ecg" / "glossary"


@pytest.fixture(scope="session")
def glossary_dir() -> str:
    return str(GLOSSARIES)


@pytest.fixture(scope="session")
def pipeline(glossary_dir: str) -> ReportPipeline:
    return ReportPipeline(glossary_dir=glossary_dir)


@pytest.fixture(scope="session")
def real_reports() -> list[str]:
    folder = os.environ.get("MEDCLIP_TEST_DATA")
    if not folder:
        pytest.skip("MEDCLIP_TEST_DATA is not set: no real reports")
    path = Path(folder) / "ptbxl_mini" / "ptbxl_database.csv"
    if not path.is_file():
        pytest.skip(f"{path} does not exist: no real reports")
    with path.open(encoding="utf-8", newline="") as file:
        return [row["report"] for row in csv.DictReader(file)]
