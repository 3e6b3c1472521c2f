from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from postgres_server import PASSWORD, SHOWN_PASSWORD, PostgresServer

from medclip.core.errors import KnowledgeError
from medclip.knowledge.concept import Concept, Origin, Synonym
from medclip.knowledge.source import Link, Source
from medclip.knowledge.store import KnowledgeStore, open_store

HEART = (
    Concept("HP:1", "Abnormal heart rhythm", "Any rhythm that is none of the sinus node."),
    Concept(
        "HP:2",
        "Atrial flutter",
        "Saw-tooth waves.",
        (Synonym("AFL"), Synonym("auricular flutter"), Synonym("flutter", "broad")),
        ("HP:1",),
        ("UMLS:C0004239",),
    ),
    Concept("HP:3", "Typical atrial flutter", parents=("HP:2",)),
    Concept("HP:4", "obsolete Atrial flutter", synonyms=(Synonym("Atrial flutter"),), is_obsolete=True),
    Concept("HP:5", "Atrial flutter", is_human=False),
)


def a_source(*, version: str = "1", concepts: tuple[Concept, ...] = HEART, digest: str = "d1") -> Source:
    links = [Link("MONDO:1", "HP:2")]
    return Source(Origin("hpo", version, "HPO licence"), concepts, links, digest=digest)


def ids(entries: object) -> list[str]:
    return [entry.concept.id for entry in entries]


def test_the_catalogue_is_there_at_once_with_its_description(store: KnowledgeStore) -> None:
    entry = store.get("ecg:atrial-fibrillation")
    assert entry is not None
    assert entry.origin == Origin("medclip", "1", "Apache-2.0")
    assert entry.concept.description is not None
    assert entry.concept.description.absence == ("P waves precede every QRS complex.",)
    assert entry.concept.description.wording == ("atrial fibrillation", "af with rapid response")
    assert entry.concept.description.wording_instead == ("sinus rhythm",)
    assert entry.concept.same_as == ("HP:0005110",)
    assert entry.concept.names() == ("atrial fibrillation", "auricular fibrillation")


def test_a_concept_comes_back_as_it_was_stored(store: KnowledgeStore) -> None:
    assert store.add(a_source())
    for concept in HEART:
        assert store.get(concept.id).concept == concept
        assert store.get(concept.id).origin == Origin("hpo", "1", "HPO licence")
    assert store.get("HP:9") is None


def test_names_are_found_alike_but_no_abbreviation_wider_obsolete_or_animal_one(store: KnowledgeStore) -> None:
    store.add(a_source())
    assert ids(store.by_name("ATRIAL-flutters")) == ["HP:2"]
    assert ids(store.by_name("auricular flutter")) == ["HP:2"]
    for text in ("AFL", "flutter", "obsolete atrial flutter", "saw-tooth waves"):
        assert store.by_name(text) == ()


def test_search_puts_the_exact_name_first(store: KnowledgeStore) -> None:
    store.add(a_source())
    assert ids(store.search("atrial flutter"))[:2] == ["HP:2", "HP:3"]
    assert ids(store.search("typical atrial flutter"))[0] == "HP:3"
    assert "HP:2" in ids(store.search("tooth"))
    assert "HP:4" not in ids(store.search("obsolete flutter"))
    assert len(store.search("flutter", limit=1)) == 1
    for odd in ("", '"', "AND OR NOT", "a:b* (c", "' | & !", "%"):
        store.search(odd)


def test_search_can_leave_other_modalities_out(store: KnowledgeStore) -> None:
    assert ids(store.search("cardiomegaly")) == ["cxr:cardiomegaly"]
    assert store.search("cardiomegaly", modality="ecg") == ()
    assert ids(store.search("cardiomegaly", modality="cxr")) == ["cxr:cardiomegaly"]


def test_kinds_and_same_meanings_are_followed(store: KnowledgeStore) -> None:
    store.add(a_source())
    assert store.ancestors("HP:3") == {"HP:2", "HP:1"}
    assert store.descendants("HP:1") == {"HP:2", "HP:3"}
    assert store.ancestors("HP:1") == frozenset()
    assert store.same_as("HP:2") == {"UMLS:C0004239", "MONDO:1"}
    assert store.same_as("MONDO:1") == {"HP:2"}
    assert store.same_as("UMLS:C0004239") == {"HP:2"}


def test_the_same_version_is_stored_once_and_another_replaces_it(store: KnowledgeStore) -> None:
    assert store.add(a_source())
    before = store.status()
    assert not store.add(a_source())
    assert store.status() == before
    assert store.add(a_source(version="2", digest="d2", concepts=HEART[:1]))
    status = {one.name: one for one in store.status().sources}
    assert (status["hpo"].version, status["hpo"].n_concepts, status["hpo"].n_links) == ("2", 1, 1)
    assert store.get("HP:2") is None
    assert store.by_name("atrial flutter") == ()
    assert store.search("flutter") == ()
    assert store.ancestors("HP:3") == frozenset()


def _broken() -> Iterator[Concept]:
    yield from HEART[:2]
    raise KnowledgeError("the file is cut off")


@pytest.mark.parametrize(
    ("concepts", "message"),
    [
        (_broken, "cut off"),
        (lambda: (*HEART, HEART[0]), "HP:1"),
        (lambda: (replace(HEART[0], parents=("HP:3",)), *HEART[1:]), "a kind of itself"),
        (lambda: (replace(HEART[0], parents=("HP:1",)),), "a kind of itself"),
        (lambda: (Concept("HP:1", ""),), "without id or term"),
        (lambda: (Concept("HP:1", "bad\x00text"),), "other than a text"),
        (lambda: (Concept("HP:1", "half \ud800"),), "other than a text"),
        (lambda: (Concept("HP:1", 5),), "other than a text"),  # type: ignore[arg-type]
        (lambda: (), "neither concepts nor links"),
    ],
)
def test_a_broken_source_changes_nothing(store: KnowledgeStore, concepts: object, message: str) -> None:
    store.add(a_source())
    before = store.status()
    source = Source(Origin("hpo", "2", "x"), concepts(), digest="d2")
    with pytest.raises(KnowledgeError, match=message):
        store.add(source)
    assert store.status() == before
    assert ids(store.by_name("atrial flutter")) == ["HP:2"]
    assert store.ancestors("HP:3") == {"HP:2", "HP:1"}


def test_circles_are_cut_where_they_are_known_to_be(store: KnowledgeStore) -> None:
    circle = (replace(HEART[0], parents=("HP:3",)), *HEART[1:])
    store.add(replace(a_source(concepts=circle), may_have_cycles=True))
    edges = {(c, p) for c in ("HP:1", "HP:2", "HP:3") for p in store.get(c).concept.parents}
    assert len(edges) == 2


def test_a_supplement_stands_behind_the_whole(store: KnowledgeStore) -> None:
    more = Source(Origin("hpo-labels", "2", "x"), (Concept("HP:2", "Atrial flutter", "New."),), is_supplement=True)
    store.add(more)
    store.add(a_source())
    assert [entry.origin.source for entry in store.entries("HP:2")] == ["hpo", "hpo-labels"]
    assert store.get("HP:2").concept.definition == "Saw-tooth waves."
    assert ids(store.by_name("atrial flutter")) == ["HP:2"]
    assert ids(store.search("atrial flutter")).count("HP:2") == 1


def test_a_changed_catalogue_is_stored_anew_and_nothing_else_is_lost(address: str, catalogue: Path) -> None:
    open_store(address, catalogue=catalogue).add(a_source())
    (catalogue / "small.toml").write_text(
        (catalogue / "small.toml").read_text().replace("Irregular rhythm", "Unruly rhythm")
    )
    store = open_store(address, catalogue=catalogue)
    assert store.get("ecg:atrial-fibrillation").concept.definition.startswith("Unruly")
    assert store.get("HP:2") is not None
    assert not store.build()
    (catalogue / "small.toml").write_text("[[concept]]\nid = 'ecg:x'")
    with pytest.raises(KnowledgeError, match="other keys"):
        open_store(address, catalogue=catalogue)
    assert store.get("ecg:atrial-fibrillation").concept.definition.startswith("Unruly")


def test_processes_that_build_at_once_all_succeed(address: str, catalogue: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from medclip.knowledge.store import open_store\n"
        "store = open_store(sys.argv[1], catalogue=Path(sys.argv[2]))\n"
        "assert store.get('cxr:cardiomegaly') is not None"
    )
    given = [sys.executable, "-c", code, address, str(catalogue)]
    started = [subprocess.Popen(given, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in started] == [("", 0)] * 3
    assert [one.name for one in open_store(address, catalogue=catalogue).status().sources] == ["medclip"]


def test_a_killed_process_leaves_the_store_as_it_was(address: str, catalogue: Path) -> None:
    store = open_store(address, catalogue=catalogue)
    before = store.status()
    code = (
        "import os, sys; from pathlib import Path; from medclip.knowledge.concept import Concept, Origin\n"
        "from medclip.knowledge.source import Source; from medclip.knowledge.store import open_store\n"
        "def concepts():\n"
        "    yield from (Concept(f'HP:{n}', f'term {n}') for n in range(30000))\n"
        "    os.kill(os.getpid(), 9)\n"
        "store = open_store(sys.argv[1], catalogue=Path(sys.argv[2]))\n"
        "store.add(Source(Origin('hpo', '1', 'x'), concepts(), digest='d'))"
    )
    done = subprocess.run([sys.executable, "-c", code, address, str(catalogue)], check=False)
    assert done.returncode == -9
    assert store.status() == before
    assert store.add(a_source())


def test_a_file_that_vanishes_is_named_and_not_made_anew(tmp_path: Path, catalogue: Path) -> None:
    path = tmp_path / "gone.sqlite"
    store = open_store(path, catalogue=catalogue)
    path.unlink()
    for call in (lambda: store.get("HP:1"), lambda: store.add(a_source()), store.status):
        with pytest.raises(KnowledgeError, match=r"gone\.sqlite is gone"):
            call()
    assert not path.exists()

    def concepts() -> Iterator[Concept]:
        yield HEART[0]
        path.unlink()

    open_store(path, catalogue=catalogue)
    with pytest.raises(KnowledgeError, match="gone"):
        store.add(Source(Origin("hpo", "1", "x"), concepts(), digest="d"))


def test_a_server_that_stops_is_one_clear_line_and_comes_back(postgres: PostgresServer, catalogue: Path) -> None:
    store = open_store(postgres.new_database(), catalogue=catalogue)
    before = store.status()

    def concepts() -> Iterator[Concept]:
        yield HEART[0]
        postgres.stop()

    try:
        with pytest.raises(KnowledgeError, match="cannot be used") as raised:
            store.add(Source(Origin("hpo", "1", "x"), concepts(), digest="d"))
        with pytest.raises(KnowledgeError, match="cannot be used") as unreachable:
            store.get("HP:1")
    finally:
        postgres.start()
    for error in (raised, unreachable):
        assert "\n" not in str(error.value)
        assert PASSWORD not in str(error.value)
        assert SHOWN_PASSWORD not in str(error.value)
    assert store.status() == before


def test_no_password_is_ever_shown(postgres: PostgresServer, catalogue: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    good = postgres.new_database()
    store = open_store(good, catalogue=catalogue)
    assert "***" in store.status().where
    wrong = good.replace(SHOWN_PASSWORD, "wr0ng-secret")
    with pytest.raises(KnowledgeError, match="cannot be used") as raised:
        open_store(wrong, catalogue=catalogue)
    shown = f"{raised.value} {raised.value.__cause__} {store.where} {store.status()} {caplog.text}"
    for secret in (PASSWORD, SHOWN_PASSWORD, "wr0ng-secret"):
        assert secret not in shown


@pytest.fixture
def not_root() -> Iterator[None]:
    """Root may write anywhere, and so the rights of somebody else are taken."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_folder_is_read_and_not_written(catalogue: Path, request: pytest.FixtureRequest) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy = folder / "catalogue"
        copy.mkdir()
        shutil.copy(catalogue / "small.toml", copy)
        path = folder / "knowledge.sqlite"
        open_store(path, catalogue=copy)
        content = path.read_bytes()
        path.chmod(0o444)
        folder.chmod(0o555)
        request.getfixturevalue("not_root")
        try:
            store = open_store(path, catalogue=copy)
            assert ids(store.by_name("cardiomegaly")) == ["cxr:cardiomegaly"]
            with pytest.raises(KnowledgeError, match="readonly"):
                store.add(a_source())
            with pytest.raises(KnowledgeError, match=r"other\.sqlite"):
                open_store(folder / "other.sqlite", catalogue=copy)
        finally:
            os.seteuid(os.getuid())
            folder.chmod(0o755)
        assert path.read_bytes() == content


@pytest.mark.parametrize(
    "content", [b"no database at all, but a long enough text" * 9, b"SQLite format 3\0" + b"x" * 90]
)
def test_a_damaged_file_is_named_and_kept(tmp_path: Path, catalogue: Path, content: bytes) -> None:
    path = tmp_path / "damaged.sqlite"
    path.write_bytes(content)
    with pytest.raises(KnowledgeError, match=r"damaged\.sqlite"):
        open_store(path, catalogue=catalogue)
    assert path.read_bytes() == content


def test_a_store_of_another_version_is_refused(tmp_path: Path, catalogue: Path) -> None:
    path = tmp_path / "old.sqlite"
    open_store(path, catalogue=catalogue)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE medclip_settings SET value = '0' WHERE name = 'schema_version'")
    with pytest.raises(KnowledgeError, match="another version"):
        open_store(path, catalogue=catalogue)


def test_an_interrupted_first_build_can_be_repeated(tmp_path: Path, catalogue: Path) -> None:
    path = tmp_path / "empty.sqlite"
    path.touch()
    assert open_store(path, catalogue=catalogue).get("ecg:arrhythmia") is not None
