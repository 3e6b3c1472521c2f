"""The chest imaging part of the catalogue against the files it points to and must not copy from."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from medclip.core.label_set import LabelSet
from medclip.knowledge.catalogue.read import read_catalogue

if "MEDCLIP_TEST_DATA" not in os.environ:
    pytest.skip("MEDCLIP_TEST_DATA is not set", allow_module_level=True)

DATA = Path(os.environ["MEDCLIP_TEST_DATA"])
KNOWLEDGE = DATA / "knowledge"
CATALOGUE = {one.id: one for one in read_catalogue() if one.id.split(":")[0] in ("cxr", "ct")}
N_COPIED_WORDS = 8


def local_ids(prefix: str) -> dict[str, set[str]]:
    """Ids of one vocabulary by concept."""
    found = {
        id: {other for other in one.same_as if other.startswith(f"{prefix}:")} for id, one in sorted(CATALOGUE.items())
    }
    return {id: others for id, others in found.items() if others}


@cache
def hpo_graph() -> dict[str, dict[str, Any]]:
    """Nodes of the release with synonyms, by id."""
    with gzip.open(KNOWLEDGE / "hpo" / "hp.json.gz", "rt", encoding="utf-8") as file:
        nodes = json.load(file)["graphs"][0]["nodes"]
    return {node["id"].rsplit("/", 1)[-1].replace("_", ":"): node for node in nodes}


@cache
def hpo_rows() -> dict[str, dict[str, str]]:
    """Labels and definitions of the newer release, by id."""
    path = KNOWLEDGE / "hpo" / "hp_labels_definitions_2026-08.tsv"
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}


@cache
def doid_blocks() -> dict[str, str]:
    """Terms of the Disease Ontology as text, by id."""
    with gzip.open(KNOWLEDGE / "doid" / "doid.obo.gz", "rt", encoding="utf-8") as file:
        blocks = [block for block in file.read().split("\n\n") if block.startswith("[Term]")]
    return {block.split("\n")[1].removeprefix("id: "): block for block in blocks}


@cache
def mondo_terms() -> dict[str, dict[str, Any]]:
    """Terms of MONDO by id."""
    zstandard = pytest.importorskip("zstandard")
    with (KNOWLEDGE / "mondo" / "MONDO-ontology-v2026-05-05.json.zst").open("rb") as file:
        terms: dict[str, dict[str, Any]] = json.load(io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file)))
    return terms


@cache
def ncit_nodes() -> dict[str, dict[str, Any]]:
    """Nodes of the disease branch of NCIt by id."""
    with gzip.open(KNOWLEDGE / "ncit" / "ncit-disease-2018-06-08.json.gz", "rt", encoding="utf-8") as file:
        nodes = json.load(file)["graphs"][0]["nodes"]
    return {node["id"].rsplit("/", 1)[-1].replace("_", ":"): node for node in nodes}


def share_a_word(id: str, *labels: str) -> bool:
    """Tell whether a concept and labels elsewhere have the beginning of a word in common."""
    own = {word[:5] for name in CATALOGUE[id].names() for word in re.findall(r"[a-z]{5,}", name.lower())}
    return any(word[:5] in own for label in labels for word in re.findall(r"[a-z]{5,}", label.lower()))


def test_hpo_ids_are_live_and_of_the_same_subject() -> None:
    assert len(local_ids("HP")) > 50
    for id, others in local_ids("HP").items():
        for other in others:
            assert not hpo_graph().get(other, {}).get("meta", {}).get("deprecated"), (id, other)
            assert share_a_word(id, hpo_rows()[other]["label"]), (id, other, hpo_rows()[other]["label"])


def test_doid_ids_are_live_and_of_the_same_subject() -> None:
    for id, others in local_ids("DOID").items():
        for other in others:
            block = doid_blocks()[other]
            assert "is_obsolete: true" not in block, (id, other)
            assert share_a_word(id, *re.findall(r"^name: (.*)", block, flags=re.MULTILINE)), (id, other)


def test_mondo_ids_are_live_human_and_of_the_same_subject() -> None:
    for id, others in local_ids("MONDO").items():
        for other in others:
            term = mondo_terms()[other]
            assert not term.get("deprecated"), (id, other)
            assert "non-human" not in term["label"], (id, other)
            assert share_a_word(id, term["label"]), (id, other, term["label"])


def test_ncit_ids_are_live_and_of_the_same_subject() -> None:
    for id, others in local_ids("NCIT").items():
        for other in others:
            node = ncit_nodes()[other]
            assert not node.get("meta", {}).get("deprecated"), (id, other)
            synonyms = [synonym["val"] for synonym in node["meta"].get("synonyms", ())]
            assert share_a_word(id, node["lbl"], *synonyms), (id, other, node["lbl"])


def test_snomed_and_umls_ids_are_those_that_the_open_sources_map_to() -> None:
    mapped: dict[str, set[str]] = defaultdict(set)
    for vocabulary in ("sctid", "umls"):
        path = KNOWLEDGE / "mondo" / f"mondo_exactmatch_{vocabulary}.sssom.tsv"
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        for row in csv.DictReader(lines, delimiter="\t"):
            mapped[row["subject_id"]].add(row["object_id"].replace("SCTID:", "SNOMEDCT:"))
    for other, node in hpo_graph().items():
        for reference in node.get("meta", {}).get("xrefs", ()):
            mapped[other].add(reference["val"].replace("SNOMEDCT_US:", "SNOMEDCT:"))
    assert len(local_ids("SNOMEDCT") | local_ids("UMLS")) > 30
    for id, concept in CATALOGUE.items():
        allowed = set().union(*(mapped[other] for other in concept.same_as))
        wanted = {other for other in concept.same_as if other.startswith(("SNOMEDCT:", "UMLS:"))}
        assert wanted <= allowed, (id, wanted - allowed)


def test_codes_of_nih_are_those_of_its_table() -> None:
    with gzip.open(next((DATA / "cxr").glob("**/Data_Entry_2017_v2020.csv.gz")), "rt", encoding="utf-8") as file:
        cells = {row["Finding Labels"] for row in csv.DictReader(file)}
    findings = {finding for cell in cells for finding in cell.split("|")}
    assert set(LabelSet.load("nih-chestxray14").codes) == findings - {"No Finding"}


@pytest.mark.parametrize("path", ["ct_rate_meta/valid_labels.csv", "ct_report_labels/val.csv"])
def test_codes_of_ct_rate_are_those_of_its_headers_in_order(path: str) -> None:
    with (DATA / "reports" / path).open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file))
    assert LabelSet.load("ct-rate").codes == tuple(header[-18:])


def test_codes_of_chexpert_are_those_of_the_list() -> None:
    with (KNOWLEDGE / "label_sets" / "chexpert.csv").open(newline="", encoding="utf-8") as file:
        codes = {row["code"] for row in csv.DictReader(file)}
    assert set(LabelSet.load("chexpert").codes) == codes
    assert set(LabelSet.load("chexpert-5").codes) < codes
    assert codes < set(LabelSet.load("cxr-lt").codes)


def runs_of_words(text: str) -> set[str]:
    """Every run of a few words in a row, within sentences."""
    found: set[str] = set()
    for sentence in re.split(r"[.!?;\n]", text.lower()):
        words = re.findall(r"[a-z0-9]+", sentence)
        found.update(" ".join(words[i : i + N_COPIED_WORDS]) for i in range(len(words) - N_COPIED_WORDS + 1))
    return found


def test_nothing_is_copied_from_reports_or_ontologies() -> None:
    own = {
        run: id
        for id, one in CATALOGUE.items()
        if one.description is not None
        for text in (one.definition, *one.description.appearance, *one.description.absence)
        for run in runs_of_words(text)
    }
    theirs = [row["definition"] or "" for row in hpo_rows().values()]
    theirs += [block for block in doid_blocks().values() if "\ndef:" in block]
    for path in (DATA / "reports" / "openi_csv").glob("*reports.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            theirs += [f"{row['findings']}.{row['impression']}" for row in csv.DictReader(file)]
    for path in (DATA / "reports" / "ct_report_labels").glob("[tv]*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            theirs += [row["report_text"] for row in csv.DictReader(file)]
    assert len(theirs) > 20_000
    copied = {(own[run], run) for text in theirs for run in runs_of_words(text) if run in own}
    assert copied == set()
