"""What the catalogue says about findings of the electrocardiogram is complete, unambiguous and consistent."""

from __future__ import annotations

import re
from functools import cache
from itertools import chain

import pytest

from medclip.core.label_set import LabelSet
from medclip.core.modality import find_modality
from medclip.knowledge.catalogue.read import read_catalogue
from medclip.knowledge.concept import Concept, Description

CONCEPTS = {concept.id: concept for concept in read_catalogue() if concept.id.startswith("ecg:")}
LABEL_SETS = tuple(LabelSet.load(name) for name in find_modality("ecg").label_set_files())
# An echocardiogram or a diagnosis of the record can be abnormal while the ECG is normal.
BEYOND_THE_TRACING = ("echonext", "icd10-heart", "ptb")
# Where the parents of a label set stand, if not in itself.
BROADER = {
    "ptbxl-all": "ptbxl-subclass",
    "ptbxl-form": "ptbxl-subclass",
    "ptbxl-subclass": "ptbxl-superclass",
}
LEADS = re.compile(r"\b(?:V[1-9]|aV[RLF]|I{1,3})\b(?! AV)(?<!type I)(?<!type II)")
NEGATION = re.compile(r"\b(?:no|not|without|neither|nor|instead of|rather than|missing)\b[^.;]*$")


def described(concept: Concept) -> Description:
    """Every concept of the catalogue has a description."""
    assert concept.description is not None
    return concept.description


def sentences(concept: Concept) -> tuple[str, ...]:
    return (*described(concept).appearance, *described(concept).absence)


@cache
def ancestors(id: str) -> frozenset[str]:
    return frozenset({id}).union(*(ancestors(parent) for parent in CONCEPTS[id].parents))


@cache
def forbidden(id: str) -> set[str]:
    """Ids that cannot be present together with this one, by itself or by what it is a kind of."""
    excluded = set(chain.from_iterable(described(CONCEPTS[above]).excludes for above in ancestors(id)))
    opposite = described(CONCEPTS[id]).opposite
    excluded |= {opposite} if opposite else set()
    return {other for other in CONCEPTS if ancestors(other) & excluded}


def mentions(name: str, sentence: str) -> list[str]:
    """Return what stands before each mention of a name in a sentence."""
    name, sentence = name.lower(), sentence.lower()
    if name not in sentence:
        return []
    return [sentence[: found.start()] for found in re.finditer(rf"(?<![\w-]){re.escape(name)}(?![\w-])", sentence)]


def asserts(name: str, sentence: str) -> bool:
    return any(not NEGATION.search(before) for before in mentions(name, sentence))


@pytest.mark.parametrize("labels", LABEL_SETS, ids=lambda labels: labels.name)
def test_every_finding_of_every_label_set_is_described(labels: LabelSet) -> None:
    for finding in labels.findings:
        concept = CONCEPTS[finding.concept]
        assert concept.definition, finding
        assert len(described(concept).appearance) >= 3, finding
        assert len(described(concept).absence) >= 2, finding
        assert described(concept).region, finding
        names = {name.lower() for name in concept.names()}
        assert finding.name.lower() in names, f"{finding.code}: {finding.name} is no name of {concept.id}"


@pytest.mark.parametrize("labels", LABEL_SETS, ids=lambda labels: labels.name)
def test_no_two_findings_of_a_label_set_are_one_concept(labels: LabelSet) -> None:
    assert len({finding.concept for finding in labels.findings}) == len(labels)


@pytest.mark.parametrize("labels", LABEL_SETS, ids=lambda labels: labels.name)
def test_parents_among_the_findings_agree_with_the_catalogue(labels: LabelSet) -> None:
    broader = LabelSet.load(BROADER.get(labels.name, labels.name))
    for finding in labels.findings:
        # PTB-XL alone files subendocardial injury of any wall below an infarction of one; CSN files bigeminy and
        # trigeminy below the premature beats that make them up.
        if finding.parent and "subendocardial-injury" not in finding.concept and "geminy" not in finding.concept:
            assert broader.finding(finding.parent).concept in ancestors(finding.concept), finding


@pytest.mark.parametrize("id", CONCEPTS)
def test_sentences_are_short_whole_sentences(id: str) -> None:
    for sentence in sentences(CONCEPTS[id]):
        assert re.fullmatch(r"[A-Z].*[^ .]\.", sentence), sentence
        assert not re.search(r"\.\s|[;{}]|\s\s|[^\x20-\x7e]", sentence), sentence
        assert len(sentence.split()) <= 40, sentence
    assert min(len(sentence.split()) for sentence in described(CONCEPTS[id]).appearance) <= 9
    assert re.fullmatch(r"[A-Z].*\.", CONCEPTS[id].definition)
    assert len(CONCEPTS[id].definition.split()) >= 12


def test_no_sentence_belongs_to_two_concepts() -> None:
    owners: dict[str, str] = {}
    for id, concept in CONCEPTS.items():
        for sentence in sentences(concept):
            assert owners.setdefault(sentence.lower(), id) == id, sentence
        assert len(set(sentences(concept))) == len(sentences(concept))


@pytest.mark.parametrize("id", CONCEPTS)
def test_no_appearance_names_what_cannot_be_there(id: str) -> None:
    for other in forbidden(id):
        for name in CONCEPTS[other].names():
            for sentence in described(CONCEPTS[id]).appearance:
                assert not asserts(name, sentence), f"{other}: {name}: {sentence}"


@pytest.mark.parametrize("id", CONCEPTS)
def test_no_appearance_denies_and_no_absence_asserts_the_finding(id: str) -> None:
    concept = CONCEPTS[id]
    for name in concept.names():
        for sentence in described(concept).appearance:
            assert asserts(name, sentence) or not mentions(name, sentence), sentence
        for sentence in described(concept).absence:
            assert not asserts(name, sentence), f"{name}: {sentence}"


@pytest.mark.parametrize("id", CONCEPTS)
def test_absence_says_what_is_seen_instead(id: str) -> None:
    """A text encoder puts a denial beside what it denies, so that denials cancel the finding's own wording."""
    for sentence in described(CONCEPTS[id]).absence:
        assert not re.search(r"\b(?:no|not|without|neither|none)\b", sentence.lower()), sentence


def test_the_rules_above_find_what_they_look_for() -> None:
    assert asserts("sinus tachycardia", "Sinus tachycardia, otherwise a normal ECG.")
    assert not asserts("sinus tachycardia", "No signs of sinus tachycardia.")
    assert not asserts("complete left bundle branch block", "Incomplete left bundle branch block.")
    assert not asserts("lateral ischemia", "Anterolateral ischemia.")
    assert "ecg:sinus-tachycardia" in forbidden("ecg:normal-ecg")
    assert "ecg:complete-right-bundle-branch-block" in forbidden("ecg:incomplete-left-bundle-branch-block")
    assert "ecg:sinus-rhythm" not in forbidden("ecg:sinus-tachycardia")
    assert "ecg:sinus-bradycardia" in forbidden("ecg:atrial-fibrillation")


@pytest.mark.parametrize("id", CONCEPTS)
def test_no_concept_excludes_what_it_is_a_kind_of(id: str) -> None:
    assert not ancestors(id) & forbidden(id)


def test_opposites_are_mutual() -> None:
    for id, concept in CONCEPTS.items():
        opposite = described(concept).opposite
        assert opposite is None or described(CONCEPTS[opposite]).opposite == id, id


def test_a_normal_ecg_excludes_every_abnormal_finding() -> None:
    abnormal = {
        finding.concept
        for labels in LABEL_SETS
        if labels.name not in BEYOND_THE_TRACING
        for finding in labels.findings
        if finding.polarity == "abnormal"
    }
    assert abnormal - forbidden("ecg:normal-ecg") == set()
    assert "ecg:sinus-rhythm" not in forbidden("ecg:normal-ecg")


@pytest.mark.parametrize(
    ("id", "word"),
    [
        *((f"ecg:{kind}left-bundle-branch-block", "right") for kind in ("", "complete-", "incomplete-")),
        *((f"ecg:{kind}right-bundle-branch-block", "left") for kind in ("", "complete-", "incomplete-")),
        ("ecg:complete-left-bundle-branch-block", "incomplete"),
        ("ecg:left-ventricular-hypertrophy", "right"),
        ("ecg:right-ventricular-hypertrophy", "left"),
        ("ecg:left-atrial-enlargement", "right"),
        ("ecg:right-atrial-enlargement", "left"),
        ("ecg:left-axis-deviation", "right"),
        ("ecg:right-axis-deviation", "left"),
        ("ecg:left-anterior-fascicular-block", "posterior"),
        ("ecg:left-posterior-fascicular-block", "anterior"),
        ("ecg:st-elevation", "depress|lower|below"),
        ("ecg:st-depression", "elevat|rais|above"),
        ("ecg:sinus-bradycardia", "fast|rapid|above"),
        ("ecg:sinus-tachycardia", "slow|below"),
        ("ecg:low-qrs-voltage", "high|tall|large"),
        ("ecg:high-qrs-voltage", "low|small"),
    ],
)
def test_side_and_direction_are_right(id: str, word: str) -> None:
    texts = (*described(CONCEPTS[id]).appearance, *described(CONCEPTS[id]).attributes)
    assert not re.search(rf"\b(?:{word})", " ".join(texts).lower())


# Independent of the territory table: the leads that face each wall, and those that mirror the posterior wall.
WALLS = {
    "anterior": "V2 V3 V4",
    "anteroseptal": "V1 V2 V3",
    "anterolateral": "I aVL V3 V4 V5 V6",
    "lateral": "I aVL V5 V6",
    "inferior": "II III aVF",
    "inferolateral": "II III aVF V5 V6",
    "inferoposterior": "II III aVF V1 V2",
    "inferoposterolateral": "II III aVF V5 V6 V1 V2",
    "posterior": "V1 V2 V3",
}
CODES = {
    "myocardial-infarction": {
        "IMI": "inferior",
        "ASMI": "anteroseptal",
        "AMI": "anterior",
        "ALMI": "anterolateral",
        "ILMI": "inferolateral",
        "LMI": "lateral",
        "IPLMI": "inferoposterolateral",
        "IPMI": "inferoposterior",
        "PMI": "posterior",
    },
    "subendocardial-injury": {
        "INJAS": "anteroseptal",
        "INJAL": "anterolateral",
        "INJIN": "inferior",
        "INJLA": "lateral",
        "INJIL": "inferolateral",
    },
    "ischemia": {
        "ISCAL": "anterolateral",
        "ISCAS": "anteroseptal",
        "ISCIN": "inferior",
        "ISCIL": "inferolateral",
        "ISCLA": "lateral",
        "ISCAN": "anterior",
    },
}
WALL_CASES = [(code, wall, kind) for kind, codes in CODES.items() for code, wall in codes.items()]


@pytest.mark.parametrize(("code", "wall", "kind"), WALL_CASES)
def test_findings_of_a_wall_name_its_leads_and_no_other_wall(code: str, wall: str, kind: str) -> None:
    concept = CONCEPTS[LabelSet.load("ptbxl-all").finding(code).concept]
    assert concept.id == f"ecg:{wall}-{kind}"
    facing = set(WALLS[wall].split())
    own = [re.sub(r"reciprocal.*", "", sentence) for sentence in described(concept).appearance]
    named = [set(LEADS.findall(sentence)) for sentence in own]
    assert all(leads <= facing for leads in named), own
    assert facing in named or wall == "posterior"
    others = [other for other in WALLS if other != wall]
    for sentence in sentences(concept):
        words = ("infarct", "infarction", "wall", "ischemia", "leads", "scar")
        assert not any(mentions(f"{other} {word}", sentence) for other in others for word in words), sentence


def test_reciprocal_leads_are_not_the_facing_ones() -> None:
    for _, wall, kind in WALL_CASES:
        for sentence in described(CONCEPTS[f"ecg:{wall}-{kind}"]).appearance:
            _, found, reciprocal = sentence.partition("reciprocal")
            assert not found or not set(LEADS.findall(reciprocal)) & set(WALLS[wall].split()), sentence


def test_names_hold_no_short_abbreviation() -> None:
    for concept in CONCEPTS.values():
        for name in concept.names():
            assert len(re.sub(r"[^a-z]", "", name.lower())) > 4, name
            assert " " in name or name.islower(), name


def test_no_id_elsewhere_belongs_to_two_concepts() -> None:
    found = [same for concept in CONCEPTS.values() for same in concept.same_as]
    assert len(found) == len(set(found)) > 150
