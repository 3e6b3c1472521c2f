"""Each layout, small, as its publisher writes it; the licensed ones are made here and hold nothing of theirs."""

from __future__ import annotations

import gzip
import json
import lzma
import sys
from pathlib import Path

import pytest

from medclip.core.errors import KnowledgeError, MissingDependencyError
from medclip.knowledge.concept import Concept, Synonym
from medclip.knowledge.source import Link, Source, read_source, readers

OBO = r"""format-version: 1.2
data-version: releases/2024-01-31/doid.obo
ontology: doid
property_value: http://purl.org/dc/terms/license https://creativecommons.org/publicdomain/zero/1.0/

[Term]
id: DOID:4
name: disease

[Term]
id: DOID:1 ! a comment
name: a rhythm {x="y"}
def: "It \"beats\"\, fast." [url:http\://x.org]
synonym: "palpitation" RELATED []
synonym: "beat" EXACT OMO:0003000 []
xref: UMLS_CUI:C0000001
xref: url:http://x.org
is_a: DOID:4 {source="s"} ! disease

[Term]
id: DOID:2
name: obsolete rhythm
is_obsolete: true

[Term]
id: MONDO:0005583
name: non-human animal disease

[Term]
id: MONDO:1
name: a dog's disease
is_a: MONDO:0005583

[Typedef]
id: part_of
name: part of
"""

IRI = "http://purl.obolibrary.org/obo/"
OBOGRAPH = {
    "graphs": [
        {
            "nodes": [
                {"id": f"{IRI}HP_0000001", "lbl": "All", "type": "CLASS"},
                {
                    "id": f"{IRI}HP_0000002",
                    "lbl": "Rhythm",
                    "type": "CLASS",
                    "meta": {
                        "definition": {"val": "It beats."},
                        "synonyms": [
                            {"pred": "hasExactSynonym", "val": "Beat"},
                            {"pred": "hasBroadSynonym", "val": "Heart"},
                        ],
                        "xrefs": [{"val": "SNOMEDCT_US:1"}],
                    },
                },
                {"id": f"{IRI}HP_0000003", "lbl": "obsolete X", "type": "CLASS", "meta": {"deprecated": True}},
                {"id": f"{IRI}RO_0000001", "lbl": "part of", "type": "PROPERTY"},
                {"id": f"{IRI}UBERON_1", "lbl": "heart", "type": "CLASS"},
            ],
            "edges": [
                {"sub": f"{IRI}HP_0000002", "pred": "is_a", "obj": f"{IRI}HP_0000001"},
                {"sub": f"{IRI}HP_0000002", "pred": f"{IRI}RO_1", "obj": f"{IRI}UBERON_1"},
            ],
            "id": f"{IRI}hp.json",
            "meta": {"version": f"{IRI}hp/releases/2023-01-27/hp.json"},
        }
    ]
}

CELLXGENE = {
    "MONDO:1": {"ancestors": {}, "label": "disease", "deprecated": False},
    "MONDO:2": {
        "ancestors": {"MONDO:3": 1, "MONDO:1": 2},
        "label": "rhythm",
        "description": "It beats.",
        "synonyms": ["beat", "rhythm"],
        "deprecated": False,
    },
    "MONDO:4": {"ancestors": {"MONDO:0005583": 1}, "label": "rhythm, dog", "deprecated": False},
    "MONDO:5": {"ancestors": {}, "label": None, "deprecated": True},
}

CDISC = (
    "Code\tCodelist Code\tCodelist Extensible (Yes/No)\tCodelist Name\tCDISC Submission Value\tCDISC Synonym(s)\t"
    "CDISC Definition\tNCI Preferred Term\n"
    "C71150\t\tYes\tECG Result\tEGSTRESC\tECG Result\tThe results.\tCDISC ECG Results\n"
    "C1\tC71150\t\tECG Result\tA RHYTHM\tRhythm; The rhythm\tIt beats.\tRhythm by ECG Finding\n"
)

SSSOM = (
    "# license: https://creativecommons.org/publicdomain/zero/1.0/\n"
    "# mapping_set_id: http://x.org/mondo_exactmatch_sctid.sssom.tsv\n"
    "# mapping_set_version: http://x.org/releases/2026-08-04/x.tsv\n"
    "subject_id\tsubject_label\tpredicate_id\tobject_id\tmapping_justification\n"
    "MONDO:1\tdisease\tskos:exactMatch\tSCTID:64572001\tsemapv:x\n"
    "MONDO:2\trhythm\tskos:broadMatch\tSCTID:5\tsemapv:x\n"
)

ICD_ORDER = (
    f"{'00001 I44     0'} {'Atrioventricular and left bundle-branch block':<60} Atrioventricular block, left "
    "bundle-branch block\n"
    f"{'00002 I446    0'} {'Other and unspecified fascicular block':<60} Other and unspecified fascicular block\n"
    f"{'00003 I4460   1'} {'Unsp fascicular block':<60} Unspecified fascicular block\n"
)


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def concepts(source: Source) -> dict[str, Concept]:
    return {concept.id: concept for concept in source.concepts}


def read_all(path: Path) -> None:
    source = read_source(path)
    assert [*source.concepts, *source.links]


def test_obo(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, "any.name", OBO))
    assert (source.origin.source, source.origin.version, source.origin.licence) == ("doid", "2024-01-31", "CC0-1.0")
    found = concepts(source)
    assert list(found) == ["DOID:4", "DOID:1", "DOID:2", "MONDO:0005583", "MONDO:1"]
    assert found["DOID:1"] == Concept(
        "DOID:1",
        "a rhythm",
        'It "beats", fast.',
        (Synonym("palpitation", "related"), Synonym("beat")),
        ("DOID:4",),
        ("UMLS:C0000001",),
    )
    assert found["DOID:2"].is_obsolete
    assert not found["MONDO:1"].is_human


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress, lzma.compress])
def test_obo_graph_packed_or_not(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "file"
    path.write_bytes(pack(json.dumps(OBOGRAPH).encode()))
    source = read_source(path)
    assert (source.origin.source, source.origin.version) == ("hpo", "2023-01-27")
    found = concepts(source)
    assert list(found) == ["HP:0000001", "HP:0000002", "HP:0000003"]
    assert found["HP:0000002"] == Concept(
        "HP:0000002",
        "Rhythm",
        "It beats.",
        (Synonym("Beat"), Synonym("Heart", "broad")),
        ("HP:0000001",),
        ("SNOMEDCT:1",),
    )
    assert found["HP:0000003"].is_obsolete


def test_cellxgene_zstd(tmp_path: Path) -> None:
    import zstandard

    path = tmp_path / "MONDO-ontology-v2026-05-05.json.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(json.dumps(CELLXGENE).encode()))
    source = read_source(path)
    assert (source.origin.source, source.origin.version, source.origin.licence) == ("mondo", "2026-05-05", "CC-BY-4.0")
    found = concepts(source)
    assert found["MONDO:2"] == Concept("MONDO:2", "rhythm", "It beats.", (Synonym("beat"),), ("MONDO:3",))
    assert not found["MONDO:4"].is_human
    assert found["MONDO:5"] == Concept("MONDO:5", "MONDO:5", is_obsolete=True)


def test_zstd_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd rest")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingDependencyError, match="zstandard"):
        read_source(path)


def test_cdisc(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, "x.tsv", CDISC))
    assert source.origin.source == "cdisc-c71150"
    found = concepts(source)
    assert found["CDISC:C1"] == Concept(
        "CDISC:C1",
        "A RHYTHM",
        "It beats.",
        (Synonym("Rhythm"), Synonym("The rhythm")),
        ("CDISC:C71150",),
        ("NCIT:C1",),
    )
    more = CDISC + "C1\tC120522\t\tHolter\tA RHYTHM\tHolter rhythm\tIt beats.\tRhythm by ECG Finding\n"
    source = read_source(write(tmp_path, "two.tsv", more))
    assert source.origin.source == "cdisc"
    one = concepts(source)["CDISC:C1"]
    assert one.parents == ("CDISC:C71150", "CDISC:C120522")
    assert Synonym("Holter rhythm") in one.synonyms


def test_sssom(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, "m.tsv", SSSOM))
    assert (source.origin.source, source.origin.version) == ("sssom-mondo-exactmatch-sctid", "2026-08-04")
    assert source.origin.licence == "CC0-1.0"
    assert list(source.links) == [Link("MONDO:1", "SNOMEDCT:64572001")]


def test_tables(tmp_path: Path) -> None:
    labels = 'id\tlabel\tdefinition\tnew\nHP:1\tRhythm\t"It\nbeats ""well""."\t1\nHP:2\tobsolete X\t\t1\n'
    source = read_source(write(tmp_path, "labels_2026-08.tsv", labels))
    assert (source.origin.source, source.origin.version, source.is_supplement) == ("hpo-labels", "2026-08", True)
    assert concepts(source)["HP:1"] == Concept("HP:1", "Rhythm", 'It beats "well".')
    assert concepts(source)["HP:2"].is_obsolete
    lay = f'?term\t?term_label\t?layperson\n<{IRI}HP_0000001>\t"Rhythm"@en\t"The \\"beat\\""\n'
    source = read_source(write(tmp_path, "lay.tsv", lay))
    assert concepts(source) == {
        "HP:0000001": Concept("HP:0000001", "Rhythm", synonyms=(Synonym('The "beat"', "related"),))
    }
    above = 'id\tlabel\tsubClassOf\n"DOID:1"\t"a, b"\t"c"\n"DOID:2"\t"c"\t"d"\n'
    assert concepts(read_source(write(tmp_path, "doid.tsv", above)))["DOID:1"].parents == ("DOID:2",)


def test_icd10cm(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, "icd10cm-order-2025.txt", ICD_ORDER))
    assert (source.origin.source, source.origin.version) == ("icd10cm", "2025")
    found = concepts(source)
    assert found["ICD10CM:I44.60"].parents == ("ICD10CM:I44.6",)
    assert found["ICD10CM:I44.6"].parents == ("ICD10CM:I44",)
    assert found["ICD10CM:I44.60"].term == "Unspecified fascicular block"
    assert found["ICD10CM:I44.60"].synonyms == (Synonym("Unsp fascicular block", "related"),)
    plain = write(tmp_path, "icd10cm-codes-2026.txt", "I4460   Unspecified fascicular block\nI447    LBBB, unsp\n")
    assert list(concepts(read_source(plain))) == ["ICD10CM:I44.60", "ICD10CM:I44.7"]


def umls(folder: Path) -> Path:
    meta = folder / "2024AB" / "META"
    rows = [
        "C0000001|ENG|S|L0000001|PF|S0000001|Y|A0000001||||MSH|MH|D000001|Rhythm, Odd|0|N|256|",
        "C0000001|ENG|P|L0000002|PF|S0000002|Y|A0000002|||1234|SNOMEDCT_US|PT|1234|Odd rhythm|9|N|256|",
        "C0000001|ENG|S|L0000003|VO|S0000003|Y|A0000003||||SNOMEDCT_US|SY|1234|Suppressed|9|O||",
        "C0000001|GER|P|L0000004|PF|S0000004|Y|A0000004||||MSHGER|MH|D000001|Rhythmus|3|N||",
        "C0000002|ENG|P|L0000005|PF|S0000005|Y|A0000005||||HPO|PT|HP:0001|Arrhythmia|0|N|256|",
        "C0000003|ENG|P|L0000006|PF|S0000006|Y|A0000006||||RXNORM|IN|77|A drug|0|N|256|",
    ]
    write(meta, "MRCONSO.RRF", "\n".join(rows) + "\n")
    write(
        meta,
        "MRDEF.RRF",
        "C0000001|A0000001|AT1||MSH|From MeSH.|N||\nC0000001|A0000001|AT2||NCI|From NCI.|N||\n",
    )
    write(
        meta,
        "MRREL.RRF",
        "C0000001|A1|AUI|PAR|C0000002|A2|AUI|inverse_isa|R1||MSH|MSH|||N||\n"
        "C0000002|A2|AUI|CHD|C0000001|A1|AUI|isa|R2||MSH|MSH|||N||\n"
        "C0000002|A2|AUI|PAR|C0000001|A1|AUI||R3||XX|XX|||N||\n",
    )
    write(
        meta,
        "MRSTY.RRF",
        "C0000001|T033|A2.2|Finding|AT3|256|\nC0000002|T047|B2|Disease|AT4||\nC0000003|T109|A1|Drug|AT5||\n",
    )
    return meta


def test_umls(tmp_path: Path) -> None:
    source = read_source(umls(tmp_path))
    assert (source.origin.source, source.origin.version) == ("umls", "2024AB")
    assert "not to be passed on" in source.origin.licence
    assert source.may_have_cycles
    assert concepts(source) == {
        "UMLS:C0000001": Concept(
            "UMLS:C0000001",
            "Odd rhythm",
            "From NCI.",
            (Synonym("Rhythm, Odd"),),
            ("UMLS:C0000002",),
            ("MESH:D000001", "SNOMEDCT:1234"),
        ),
        "UMLS:C0000002": Concept("UMLS:C0000002", "Arrhythmia", parents=("UMLS:C0000001",), same_as=("HP:0001",)),
    }


def test_umls_in_disorder_is_refused(tmp_path: Path) -> None:
    meta = umls(tmp_path)
    lines = (meta / "MRCONSO.RRF").read_text().splitlines()
    write(meta, "MRCONSO.RRF", "\n".join([*lines, lines[0]]) + "\n")
    with pytest.raises(KnowledgeError, match="not sorted"):
        concepts(read_source(meta))
    write(meta, "MRCONSO.RRF", "C0000001|ENG|P|\n")
    with pytest.raises(KnowledgeError, match="received 4; allowed: 19"):
        concepts(read_source(meta))


def snomed(folder: Path) -> Path:
    terminology, language = folder / "Snapshot" / "Terminology", folder / "Snapshot" / "Refset" / "Language"
    core, isa = "900000000000207008", "116680003"
    write(
        terminology,
        "sct2_Concept_Snapshot_INT_20240101.txt",
        "id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId\n"
        + "".join(f"{id_}\t20020131\t{active}\t{core}\t9\n" for id_, active in ((1, 1), (2, 1), (3, 0))),
    )
    head = "id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId\n"
    full, synonym = "900000000000003001", "900000000000013009"
    rows = [
        (11, 1, 1, full, 'Odd "rhythm" (finding)'),
        (12, 1, 1, synonym, "Rhythm that is odd"),
        (13, 1, 1, synonym, "Odd rhythm"),
        (14, 0, 1, synonym, "Withdrawn name"),
        (21, 1, 2, full, "Arrhythmia (disorder)"),
        (31, 1, 3, full, "Old (finding)"),
    ]
    write(
        terminology,
        "sct2_Description_Snapshot-en_INT_20240101.txt",
        head + "".join(f"{i}\t20020131\t{a}\t{core}\t{c}\ten\t{t}\t{term}\t9\n" for i, a, c, t, term in rows),
    )
    write(
        terminology,
        "sct2_TextDefinition_Snapshot-en_INT_20240101.txt",
        head + f"41\t20020131\t1\t{core}\t1\ten\t900000000000550004\tIt beats oddly.\t9\n",
    )
    write(
        terminology,
        "sct2_Relationship_Snapshot_INT_20240101.txt",
        "id\teffectiveTime\tactive\tmoduleId\tsourceId\tdestinationId\trelationshipGroup\ttypeId\t"
        "characteristicTypeId\tmodifierId\n"
        f"51\t20020131\t1\t{core}\t1\t2\t0\t{isa}\t9\t9\n52\t20020131\t0\t{core}\t1\t3\t0\t{isa}\t9\t9\n"
        f"53\t20020131\t1\t{core}\t2\t1\t0\t363698007\t9\t9\n",
    )
    write(
        language,
        "der2_cRefset_LanguageSnapshot-en_INT_20240101.txt",
        "id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId\tacceptabilityId\n"
        f"a\t20020131\t1\t{core}\t900000000000509007\t13\t900000000000548007\n"
        f"b\t20020131\t1\t{core}\t900000000000509007\t12\t900000000000549004\n",
    )
    return folder


def test_snomed(tmp_path: Path) -> None:
    source = read_source(snomed(tmp_path))
    assert (source.origin.source, source.origin.version) == ("snomedct", "20240101")
    found = concepts(source)
    assert found["SNOMEDCT:1"] == Concept(
        "SNOMEDCT:1", "Odd rhythm", "It beats oddly.", (Synonym("Rhythm that is odd"),), ("SNOMEDCT:2",)
    )
    assert found["SNOMEDCT:2"].term == "Arrhythmia"
    assert found["SNOMEDCT:3"].is_obsolete
    next(tmp_path.rglob("sct2_Relationship*")).unlink()
    with pytest.raises(KnowledgeError, match="sct2_Relationship_Snapshot"):
        read_source(tmp_path)


OMOP_CONCEPTS = (
    (313217, "Atrial fibrillation", "Condition", "SNOMED", "49436004", ""),
    (314665, "Atrial flutter", "Condition", "SNOMED", "5370000", ""),
    (44784217, "Cardiac arrhythmia", "Condition", "SNOMED", "698247007", ""),
    (35207784, "Unspecified atrial fibrillation", "Condition", "ICD10CM", "I48.91", ""),
    (1, "Old fibrillation", "Condition", "SNOMED", "9", "D"),
    (2, "Aspirin", "Drug", "RxNorm", "1191", ""),
)
OMOP_SYNONYMS = (
    (313217, "AF", 4180186),
    (313217, "Auricular fibrillation", 4180186),
    (313217, "Vorhofflimmern", 4182504),
)
OMOP_RELATIONSHIPS = (
    (313217, 44784217, "Is a", ""),
    (314665, 44784217, "Is a", ""),
    (313217, 314665, "Is a", "D"),
    (35207784, 313217, "Maps to", ""),
    (313217, 313217, "Maps to", ""),
)


def omop(folder: Path) -> Path:
    dates = "19700101\t20991231"
    write(
        folder,
        "CONCEPT.csv",
        "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\t"
        "valid_start_date\tvalid_end_date\tinvalid_reason\n"
        + "".join(f"{i}\t{n}\t{d}\t{v}\tX\tS\t{c}\t{dates}\t{r}\n" for i, n, d, v, c, r in OMOP_CONCEPTS),
    )
    write(
        folder,
        "CONCEPT_SYNONYM.csv",
        "concept_id\tconcept_synonym_name\tlanguage_concept_id\n"
        + "".join(f"{i}\t{n}\t{code}\n" for i, n, code in OMOP_SYNONYMS),
    )
    write(
        folder,
        "CONCEPT_RELATIONSHIP.csv",
        "concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason\n"
        + "".join(f"{a}\t{b}\t{r}\t{dates}\t{x}\n" for a, b, r, x in OMOP_RELATIONSHIPS),
    )
    write(
        folder,
        "VOCABULARY.csv",
        "vocabulary_id\tvocabulary_name\tvocabulary_reference\tvocabulary_version\tvocabulary_concept_id\n"
        "None\tOMOP Standardized Vocabularies\tOMOP generated\tv5.0 30-AUG-24\t44819096\n",
    )
    return folder


def test_omop(tmp_path: Path) -> None:
    source = read_source(omop(tmp_path))
    assert (source.origin.source, source.origin.version) == ("omop", "v5.0 30-AUG-24")
    found = concepts(source)
    assert found["OMOP:313217"] == Concept(
        "OMOP:313217",
        "Atrial fibrillation",
        synonyms=(Synonym("AF"), Synonym("Auricular fibrillation")),
        parents=("OMOP:44784217",),
        same_as=("SNOMEDCT:49436004",),
    )
    assert found["OMOP:1"].is_obsolete
    assert "OMOP:2" not in found
    assert list(source.links) == [Link("OMOP:35207784", "OMOP:313217")]


def test_every_reader_is_found_and_named_like_its_module() -> None:
    assert {name: reader.name for name, reader in readers().items()} == {name: name for name in readers()}
    assert len(readers()) >= 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no source of knowledge"),
        (b"a,b\n1,2\n", "no source of knowledge"),
        (gzip.compress(OBO.encode())[:200], "to its end"),
        (OBO.replace("name: disease", "disease").encode(), "no OBO"),
        (OBO.replace('"It', "It").encode(), "quotation"),
        (b"format-version: 1.2\n", "no term"),
        (OBO.encode() + b"[Term]\nid: X:\xff\n", "UTF-8"),
        (json.dumps(OBOGRAPH).encode()[:-20], "no complete JSON"),
        (b'{"graphs": []}', "no OBO graph"),
        (b'{"graphs": ' + b"[" * 100_000, "no complete JSON"),
        (CDISC.encode() + b"C2\tC71150\n", "another number of cells"),
        (SSSOM.encode() + b"MONDO:1\n", "another number of cells"),
        (ICD_ORDER.encode() * 99 + b"nonsense line\n", "no ICD-10-CM code"),
        (b'id\tlabel\tdefinition\nHP:1\t"never closed\n', "no table"),
    ],
)
def test_a_broken_file_is_one_clear_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken"
    path.write_bytes(content)
    with pytest.raises(KnowledgeError, match=message) as raised:
        read_all(path)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 2000


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="does not exist"):
        read_source(tmp_path / "nothing")
    with pytest.raises(KnowledgeError, match="no source of knowledge"):
        read_source(tmp_path)


@pytest.mark.parametrize(("head", "n_bytes"), [(CDISC, 2 << 30), (OBO, 8 << 20), (SSSOM, 8 << 20)])
def test_an_endless_line_is_refused_without_reading_it(tmp_path: Path, head: str, n_bytes: int) -> None:
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.write(head.encode())
        # A hole: it takes no room on the disk.
        file.truncate(n_bytes)
    with pytest.raises(KnowledgeError, match="too long"):
        read_all(path)


def test_json_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medclip.knowledge.sources._packed.MOST_BYTES_OF_JSON", 8 << 20)
    path = tmp_path / "bomb.json.gz"
    with path.open("wb") as file:
        file.write(gzip.compress(b'{"graphs": ['))
        for _ in range(9):
            file.write(gzip.compress(b" " * (1 << 20)))
    with pytest.raises(KnowledgeError, match="8 MiB"):
        read_source(path)
