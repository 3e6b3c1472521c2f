"""A small store on SQLite and one on a real PostgreSQL, and helper modules beside the tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from postgres_server import PostgresServer, find_binaries

from medclip.knowledge.store import KnowledgeStore, open_store

CATALOGUE = """
[[concept]]
id = "ecg:atrial-fibrillation"
term = "atrial fibrillation"
definition = "Irregular rhythm without P waves."
synonyms = ["auricular fibrillation"]
parents = ["ecg:arrhythmia"]
appearance = ["No P waves are seen."]
absence = ["P waves precede every QRS complex."]
ids = { hpo = "HP:0005110" }

[[concept]]
id = "ecg:arrhythmia"
term = "arrhythmia"
definition = "A rhythm other than sinus rhythm."
appearance = ["The rhythm is abnormal."]
absence = ["The rhythm is sinus rhythm."]

[[concept]]
id = "cxr:cardiomegaly"
term = "cardiomegaly"
definition = "The heart is wide."
appearance = ["The heart is enlarged."]
absence = ["The heart is of normal size."]

[[wording]]
id = "ecg:atrial-fibrillation"
present = ["atrial fibrillation", "af with rapid response"]
instead = ["sinus rhythm"]
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "small.toml").write_text(CATALOGUE)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    if find_binaries() is None:
        if os.environ.get("MEDCLIP_POSTGRES_REQUIRED"):
            pytest.fail("MEDCLIP_POSTGRES_REQUIRED is set and PostgreSQL's initdb is not there")
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "knowledge.sqlite")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def store(address: str, catalogue: Path) -> KnowledgeStore:
    return open_store(address, catalogue=catalogue)
