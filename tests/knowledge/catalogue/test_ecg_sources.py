"""The catalogue and the label sets against the files that data sets and vocabularies publish."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from medclip.core.label_set import LabelSet
from medclip.core.modality import find_modality
from medclip.knowledge.catalogue.read import read_catalogue
from medclip.knowledge.concept import Concept

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "none"))
KNOWLEDGE = DATA / "knowledge"
pytestmark = pytest.mark.skipif(not KNOWLEDGE.is_dir(), reason="MEDCLIP_TEST_DATA names no folder with knowledge/")

CONCEPTS = tuple(concept for concept in read_catalogue() if concept.id.startswith("ecg:"))


def rows(path: str, *, delimiter: str = ",") -> list[dict[str, str]]:
    lines = (KNOWLEDGE / path).read_text(encoding="utf-8-sig").splitlines(keepends=True)
    return list(csv.DictReader((line for line in lines if not line.startswith("#")), delimiter=delimiter))


def ids(vocabulary: str) -> Iterator[tuple[Concept, str]]:
    for concept in CONCEPTS:
        for same in concept.same_as:
            if same.startswith(f"{vocabulary}:"):
                yield concept, same


@cache
def hpo() -> dict[str, str]:
    return {row["id"]: row["label"] for row in rows("hpo/hp_labels_definitions_2026-08.tsv", delimiter="\t")}


@cache
def hpo_nodes() -> dict[str, dict]:
    with gzip.open(KNOWLEDGE / "hpo/hp.json.gz") as file:
        nodes = json.load(file)["graphs"][0]["nodes"]
    return {node["id"].rpartition("/")[2].replace("_", ":"): node for node in nodes}


@cache
def mondo() -> dict[str, dict]:
    zstandard = pytest.importorskip("zstandard", reason="MONDO is packed with zstandard")
    with (KNOWLEDGE / "mondo/MONDO-ontology-v2026-05-05.json.zst").open("rb") as file:
        return json.load(io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"))


@cache
def doid() -> dict[str, str]:
    with gzip.open(KNOWLEDGE / "doid/doid.obo.gz", "rt", encoding="utf-8") as file:
        stanzas = file.read().split("[Term]\n")
    return {stanza.split("\n", 1)[0].removeprefix("id: "): stanza for stanza in stanzas[1:]}


def words(text: str) -> set[str]:
    """Words of a name that carry its meaning, without plural."""
    found = re.findall(r"[a-z]{2,}|\d", text.lower().replace("contraction", "complex").replace("fqrs", "qrs"))
    return {word.removesuffix("s") for word in found} - {"of", "the", "and", "by", "wave", "left", "right", "block"}


def resembles(concept: Concept, label: str) -> bool:
    return any(words(label) & words(name) for name in concept.names())


def test_hpo_ids_are_live_and_fit() -> None:
    found = list(ids("HP"))
    assert len(found) >= 45
    for concept, same in found:
        assert not hpo_nodes().get(same, {}).get("meta", {}).get("deprecated"), same
        assert resembles(concept, hpo()[same]), (concept.id, hpo()[same])


def test_mondo_ids_are_live_human_and_fit() -> None:
    found = list(ids("MONDO"))
    assert len(found) > 15
    for concept, same in found:
        entry = mondo()[same]
        assert not entry["deprecated"], same
        assert "non-human" not in entry["label"], same
        assert resembles(concept, entry["label"]), (concept.id, entry["label"])


def test_doid_ids_are_live_and_fit() -> None:
    found = list(ids("DOID"))
    assert len(found) > 15
    for concept, same in found:
        assert "is_obsolete: true" not in doid()[same], same
        label = re.search(r"^name: (.*)$", doid()[same], re.MULTILINE)
        assert label is not None
        assert resembles(concept, label[1]), (concept.id, label[1])


def test_cdisc_codes_are_ecg_results_and_fit() -> None:
    table = {row["Code"]: row for row in rows("cdisc_ct/ecg_result_C71150.tsv", delimiter="\t")}
    found = list(ids("CDISC"))
    assert len(found) > 60
    for concept, same in found:
        row = table[same.removeprefix("CDISC:")]
        label = f"{row['CDISC Submission Value']} {row['CDISC Synonym(s)']} {row['NCI Preferred Term']}"
        assert resembles(concept, label), (concept.id, label)


def test_snomed_codes_are_those_that_the_data_sets_publish() -> None:
    published: dict[str, str] = {}
    for path, code, name in (
        ("cinc/2021/dx_mapping_scored.csv", "SNOMEDCTCode", "Dx"),
        ("cinc/2021/dx_mapping_unscored.csv", "SNOMEDCTCode", "Dx"),
        ("chapman_csn/ConditionNames_SNOMED-CT.csv", "Snomed_CT", "FullName"),
    ):
        for row in rows(path):
            published[row[code]] = f"{published.get(row[code], '')} {row[name]}"
    found = list(ids("SNOMEDCT"))
    assert len(found) > 60
    for concept, same in found:
        assert resembles(concept, published[same.removeprefix("SNOMEDCT:")]), concept.id


@pytest.mark.parametrize(("vocabulary", "mapping", "others"), [("UMLS", "umls", "UMLS:"), ("NCIT", "ncit", "NCI:")])
def test_hub_ids_are_mapped_by_an_open_source_of_the_same_concept(vocabulary: str, mapping: str, others: str) -> None:
    mapped = {
        (row["subject_id"], row["object_id"])
        for row in rows(f"mondo/mondo_exactmatch_{mapping}.sssom.tsv", delimiter="\t")
    }
    found = list(ids(vocabulary))
    assert len(found) > 10
    for concept, same in found:
        by_mondo = any((source, same) in mapped for source in concept.same_as)
        xrefs = [
            xref["val"]
            for source in concept.same_as
            for xref in hpo_nodes().get(source, {}).get("meta", {}).get("xrefs", ())
        ]
        stanzas = " ".join(doid().get(source, "") for source in concept.same_as)
        assert by_mondo or same in xrefs or f"xref: {others}{same.partition(':')[2]}\n" in stanzas, concept.id


def test_ptbxl_has_all_statements_by_their_own_text() -> None:
    statements = {row[""]: row["description"] for row in rows("scp_ecg/scp_statements.csv")}
    labels = LabelSet.load("ptbxl-all")
    assert {finding.code: finding.text or finding.name for finding in labels.findings} == statements
    for name, column in (("ptbxl-form", "form"), ("ptbxl-rhythm", "rhythm")):
        members = {row[""] for row in rows("scp_ecg/scp_statements.csv") if row[column]}
        assert set(LabelSet.load(name).codes) == members
    for name, column in (("ptbxl-subclass", "diagnostic_subclass"), ("ptbxl-superclass", "diagnostic_class")):
        assert set(LabelSet.load(name).codes) == {row[column] for row in rows("scp_ecg/scp_statements.csv")} - {""}


def test_csn_has_all_names_as_published() -> None:
    published = rows("chapman_csn/ConditionNames_SNOMED-CT.csv")
    assert len(published) == 63
    labels = LabelSet.load("csn")
    # The published file has no-break spaces inside some names.
    expected = [(row["AcronymName"], row["FullName"].replace("\N{NO-BREAK SPACE}", " ")) for row in published]
    assert [(finding.code, finding.text) for finding in labels.findings] == expected
    columns = rows_of_label_file("csn")
    assert [row["snomed"] for row in columns] == [row["Snomed_CT"] for row in published]


def test_csn_of_merl_has_the_columns_of_its_tables_in_order() -> None:
    path = DATA / "merl/data_split/chapman/chapman_test.csv"
    with path.open() as file:
        header = next(csv.reader(file))
    labels, whole = LabelSet.load("csn-merl38"), LabelSet.load("csn")
    assert list(labels.codes) == header[header.index("diagnose") + 1 :]
    for finding in labels.findings:
        other = whole.finding(finding.code)
        assert (finding.concept, finding.text, finding.polarity) == (other.concept, other.text, other.polarity)


def test_cinc2021_has_the_classes_that_are_scored() -> None:
    with (KNOWLEDGE / "cinc/2021/weights.csv").open() as file:
        classes = next(csv.reader(file))[1:]
    scored = {row["SNOMEDCTCode"]: row for row in rows("cinc/2021/dx_mapping_scored.csv")}
    columns = rows_of_label_file("cinc2021")
    assert [row["snomed"] for row in columns] == classes
    for row in columns:
        members = [scored[code] for code in row["snomed"].split("|")]
        assert row["code"] == "|".join(member["Abbreviation"] for member in members)
        assert row["text"] == "|".join(member["Dx"] for member in members)


def rows_of_label_file(name: str) -> list[dict[str, str]]:
    with find_modality("ecg").label_set_files()[name].open(newline="") as file:
        return list(csv.DictReader(file))


def test_no_run_of_words_is_copied_from_a_vocabulary() -> None:
    own = {run for concept in CONCEPTS for text in texts(concept) for run in runs(text)}
    published = [row["CDISC Definition"] for row in rows("cdisc_ct/ecg_result_C71150.tsv", delimiter="\t")]
    published += [row["definition"] or "" for row in rows("hpo/hp_labels_definitions_2026-08.tsv", delimiter="\t")]
    assert {run for text in published for run in runs(text) if run in own} == set()
    assert own.intersection(runs(CONCEPTS[0].definition))


def texts(concept: Concept) -> tuple[str, ...]:
    assert concept.description is not None
    return (concept.definition, *concept.description.appearance, *concept.description.absence)


def runs(text: str, length: int = 8) -> Iterator[tuple[str, ...]]:
    spoken = re.findall(r"[a-z0-9]+", text.lower())
    yield from zip(*(spoken[start:] for start in range(length)), strict=False)
