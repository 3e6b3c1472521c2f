"""A catalogue and a label set that are small enough to be seen through."""

from __future__ import annotations

from medclip.core.label_set import Finding, LabelSet
from medclip.knowledge.concept import Concept, Description, Synonym
from medclip.knowledge.lookup import CatalogueKnowledge


def concept(id: str, term: str, definition: str, *synonyms: str, parents: tuple[str, ...] = (), **described: object):
    description = {"appearance": (), "absence": (), "attributes": ()} | described
    return Concept(
        id, term, definition, tuple(Synonym(text) for text in synonyms), parents,
        description=Description("ecg", **description),
    )  # fmt: skip


CONCEPTS = (
    concept(
        "ecg:supraventricular-arrhythmia",
        "supraventricular arrhythmia",
        "An abnormal rhythm from above the ventricles.",
        absence=("Sinus rhythm without ectopic beats.",),
    ),
    concept(
        "ecg:afib",
        "atrial fibrillation",
        "An irregularly irregular rhythm without P waves, with fine oscillations of the baseline. "
        "The RR intervals vary from beat to beat. It is often confused with atrial flutter.",
        "auricular fibrillation",
        parents=("ecg:supraventricular-arrhythmia",),
        appearance=("Irregularly irregular RR intervals without P waves.", "A fibrillating baseline in lead V1."),
        absence=("P waves before every QRS complex.", "Regular RR intervals."),
        attributes=("rapid ventricular response", "with slow ventricular response"),
    ),
    concept(
        "ecg:paroxysmal-afib",
        "paroxysmal atrial fibrillation",
        "Atrial fibrillation that ends by itself.",
        parents=("ecg:afib",),
    ),
    concept(
        "ecg:flutter",
        "atrial flutter",
        "A saw-tooth baseline at about 300 waves a minute.",
        parents=("ecg:supraventricular-arrhythmia",),
        appearance=("Sawtooth flutter waves in II, III and aVF.",),
        absence=("No flutter waves.",),
    ),
    concept(
        "ecg:typical-flutter",
        "cavotricuspid flutter",
        "Flutter around the tricuspid valve.",
        parents=("ecg:flutter",),
    ),
    concept(
        "ecg:lbbb",
        "left bundle branch block",
        "QRS of at least 120 ms with a broad notched R wave in V5 and V6 and without Q waves there.",
        appearance=("Broad notched R waves in V5 and V6.",),
        absence=("A narrow QRS complex.",),
    ),
    concept(
        "ecg:ilbbb",
        "incomplete left bundle branch block",
        "Like left bundle branch block with a QRS between 110 and 119 ms.",
        absence=("A narrow QRS complex.",),
    ),
    concept(
        "ecg:norm",
        "normal electrocardiogram",
        "Sinus rhythm with normal waves and intervals.",
        "normal ECG",
        absence=("An abnormal electrocardiogram.",),
    ),
    concept("ecg:asystole", "asystole", "No electrical activity.", absence=("Electrical activity.",)),
)


def knowledge() -> CatalogueKnowledge:
    return CatalogueKnowledge(CONCEPTS)


def labels() -> LabelSet:
    return LabelSet(
        "small",
        "ecg",
        (
            Finding("NORM", "normal ECG", polarity="normal", concept="ecg:norm"),
            Finding("SVARR", "supraventricular arrhythmia", concept="ecg:supraventricular-arrhythmia"),
            Finding("AFIB", "atrial fibrillation", concept="ecg:afib"),
            Finding("AFLT", "atrial flutter", concept="ecg:flutter"),
            Finding("LBBB", "left bundle branch block", concept="ecg:lbbb"),
            Finding("ILBBB", "incomplete left bundle branch block", concept="ecg:ilbbb"),
        ),
    )
