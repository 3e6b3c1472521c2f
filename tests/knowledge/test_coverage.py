"""The table of the open sources, and the traps that they hold, on the real files."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from medclip.core.errors import LabelError
from medclip.core.label_set import Finding
from medclip.knowledge.coverage import Coverage, coverage_of, read_label_file
from medclip.knowledge.match import Wordings, match_finding
from medclip.knowledge.source import read_source
from medclip.knowledge.store import KnowledgeStore, open_store
from medclip.results.coverage import coverage_table

FILES = (
    "hpo/hp.json.gz",
    "hpo/hp_labels_definitions_2026-08.tsv",
    "doid/doid.obo.gz",
    "mondo/MONDO-ontology-v2026-05-05.json.zst",
    "cdisc_ct/ecg_result_C71150.tsv",
)
LABEL_SETS = {
    "ptb_xl_scp": "PTB-XL SCP",
    "cpsc2018": "CPSC2018",
    "csn_chapman_63": "CSN/Chapman-63",
    "csn_38_merl_melp_subset": "CSN-38 (MERL/MELP subset)",
    "chexpert": "CheXpert",
    "nih": "NIH",
    "ct_rate": "CT-RATE",
}
# With a definition in DOID, HPO, MONDO or CDISC, as an independent program with hand-made links found.
WITH_DEFINITION = dict(zip(LABEL_SETS, (50, 9, 58, 36, 10, 13, 16), strict=True))
ONTOLOGIES = ("doid", "hpo", "mondo")
# A store needs a catalogue; this one explains no finding of any label set.
UNRELATED = """
[[concept]]
id = "none:unrelated"
term = "nothing of the kind"
definition = "Something that no label set asks about."
appearance = ["It is there.", "It is seen."]
absence = ["Something else is seen."]
"""


@pytest.fixture(scope="module")
def knowledge() -> Path:
    if "MEDCLIP_TEST_DATA" not in os.environ:
        pytest.skip("MEDCLIP_TEST_DATA is not set")
    return Path(os.environ["MEDCLIP_TEST_DATA"]) / "knowledge"


@pytest.fixture(scope="module")
def real(knowledge: Path, tmp_path_factory: pytest.TempPathFactory) -> KnowledgeStore:
    folder = tmp_path_factory.mktemp("real")
    (folder / "catalogue").mkdir()
    (folder / "catalogue" / "one.toml").write_text(UNRELATED)
    store = open_store(folder / "real.sqlite", catalogue=folder / "catalogue")
    for name in FILES:
        assert store.add(read_source(knowledge / name))
    return store


def covered(store: KnowledgeStore, knowledge: Path, name: str, *families: str) -> Coverage:
    findings, wordings = read_label_file(knowledge / "label_sets" / f"{name}.csv")
    return coverage_of(name, findings, store, wordings, families=families or None)


@pytest.mark.slow
@pytest.mark.parametrize("name", LABEL_SETS)
def test_no_row_is_lower_than_the_reference(real: KnowledgeStore, knowledge: Path, name: str) -> None:
    with (knowledge / "coverage.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == LABEL_SETS[name]]
    levels = Counter(row["level"] for row in rows)
    plain = covered(real, knowledge, name, *ONTOLOGIES)
    assert len(plain.matches) == len(rows)
    assert plain.n_matched >= levels["exact"] + levels["synonym"]
    defined = sum(row["with_definition"] == "1" for row in rows if row["level"] in ("exact", "synonym"))
    assert len(plain.codes_with_definition) >= defined
    both = covered(real, knowledge, name)
    assert both.count("exact") >= levels["exact"]
    assert len(both.codes_with_definition) >= WITH_DEFINITION[name]
    assert both.count("none") <= levels["none"]


@pytest.mark.slow
def test_each_grade_is_the_reference_one_but_for_two_reasons(real: KnowledgeStore, knowledge: Path) -> None:
    """An abbreviation is not looked up (WPW), and one plural is folded that the reference did not fold."""
    differing = set()
    for name, title in LABEL_SETS.items():
        with (knowledge / "coverage.csv").open(encoding="utf-8") as file:
            levels = {row["code"]: row["level"] for row in csv.DictReader(file) if row["dataset"] == title}
        for match in covered(real, knowledge, name, *ONTOLOGIES).matches:
            if match.grade != levels[match.finding.code]:
                differing.add((match.finding.code, levels[match.finding.code], match.grade))
    assert differing == {("WPW", "exact", "synonym"), ("TAB_", "synonym", "exact")}


@pytest.mark.slow
@pytest.mark.parametrize("code", ["STD", "ALS", "ARS", "JEB", "DIG", "AF", "Mass", "MAS"])
def test_a_code_finds_nothing(real: KnowledgeStore, code: str) -> None:
    assert match_finding(Finding(code, "no such words"), real).grade == "none"
    assert match_finding(Finding(code, code), real).grade == "none"


@pytest.mark.slow
def test_chapmans_af_is_flutter(real: KnowledgeStore) -> None:
    match = match_finding(Finding("AF", "Atrial Flutter"), real)
    assert {"HP:0004749", "MONDO:0005310"} <= {entry.concept.id for entry in match.exact}
    assert not {"HP:0005110", "MONDO:0004981", "DOID:0060224"} & {entry.concept.id for entry in match.entries}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phrase", "wrong"),
    [
        ("Left bundle branch block", "DOID:10272"),
        ("Right bundle branch block with left posterior fascicular block", "DOID:13209"),
        ("AV nodal reentry tachycardia", "HP:0011717"),
        ("Apical pleural thickening", "HP:0032176"),
    ],
)
def test_wrong_synonyms_are_not_believed(real: KnowledgeStore, phrase: str, wrong: str) -> None:
    assert wrong in {entry.concept.id for entry in real.by_name(phrase)}
    assert wrong not in {entry.concept.id for entry in match_finding(Finding("x", phrase), real).entries}


@pytest.mark.slow
def test_animals_and_withdrawn_terms_are_out(real: KnowledgeStore) -> None:
    animal = real.get("MONDO:0700108")
    assert animal is not None
    assert not animal.concept.is_human
    assert real.by_name(animal.concept.term) == ()
    withdrawn = real.get("DOID:10274")
    assert withdrawn is not None
    assert withdrawn.concept.is_obsolete
    assert real.by_name(withdrawn.concept.term) == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "word", ["Mass", "Edema", "Hernia", "Fracture", "Effusion", "Nodule", "Fibrosis", "Infiltration"]
)
def test_a_bare_word_needs_its_organ(real: KnowledgeStore, word: str) -> None:
    assert match_finding(Finding(word, word), real).grade == "none"


@pytest.mark.slow
def test_with_their_organ_they_are_found(real: KnowledgeStore) -> None:
    for word, phrase, id_ in (("Mass", "pulmonary mass", "HP:0033821"), ("Edema", "pulmonary edema", "HP:0100598")):
        match = match_finding(Finding(word, word), real, Wordings((phrase,)))
        assert id_ in {entry.concept.id for entry in match.synonym}


def test_the_table_counts_each_grade(tmp_path: Path, catalogue: Path) -> None:
    store = open_store(tmp_path / "k.sqlite", catalogue=catalogue)
    path = tmp_path / "labels.csv"
    path.write_text(
        "code,name,equivalents,broader,same_as\nA,atrial fibrillation,,,\nB,fast,nothing; auricular fibrillation,,\n"
        "C,slow,,arrhythmia,\nD,odd,,,\nE,wide,,,cxr:cardiomegaly|HP:1\n"
    )
    findings, wordings = read_label_file(path)
    row = coverage_of("labels", findings, store, wordings)
    assert (row.count("exact"), row.count("synonym"), row.count("broader"), row.count("none")) == (1, 2, 1, 1)
    assert row.by_family == {"medclip": (frozenset("ABE"), frozenset("ABE"))}
    assert coverage_table([row]).splitlines()[-1].split() == [
        "labels",
        "5",
        "1",
        "2",
        "3",
        "(60",
        "%)",
        "3",
        "(60",
        "%)",
        "1",
        "1",
        "3",
        "(3)",
    ]


@pytest.mark.parametrize("content", ["code\nA\n", "code,name\nA,\n", "code,name\n", 'code,name\nA,"x\n', b"\xff\xfe"])
def test_a_malformed_label_file_is_named(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LabelError, match=r"labels\.csv"):
        read_label_file(path)
