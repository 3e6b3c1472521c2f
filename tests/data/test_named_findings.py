"""Names of findings as statements: what the rules read off a report as present, and nothing else."""

from __future__ import annotations

import pytest

from medclip.core.label_set import LabelSet
from medclip.data.named_findings import NamedFindings
from medclip.data.texts import TextTable
from medclip.modalities.ct.simulate.phrases import PHRASES as VOLUME_PHRASES
from medclip.modalities.cxr.simulate.phrases import PHRASES as RADIOGRAPH_PHRASES
from medclip.modalities.imaging.phantom.wording import Phrases
from medclip.modalities.report.pipeline import ReportPipeline

PIPELINE = ReportPipeline(translate_to=None, normalise=False, sections=("impression",))
SETS = {"simulated-cxr": RADIOGRAPH_PHRASES, "simulated-ct": VOLUME_PHRASES}
# What the phantom calls findings, by the end of their name in the label sets.
KINDS = {
    "cardiomegaly": "cardiomegaly",
    "effusion": "effusion",
    "effusion both": "effusion",
    "pneumothorax": "pneumothorax",
    "consolidation": "consolidation",
    "nodule": "nodule",
    "emphysema": "emphysema",
    "aortic_calcification": "calcification",
    "coronary_calcification": "coronary artery wall calcification",
}


def sentences(phrases: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    filled = {"side": "left", "size": "small", "lobe": "left upper lobe", "mm": 24}
    return [(kind, sentence.format(**filled)) for kind, all_of in phrases.items() for sentence in all_of]


def named(name: str) -> NamedFindings:
    return NamedFindings(LabelSet.load(name), PIPELINE)


@pytest.mark.parametrize(("name", "phrases"), SETS.items())
def test_every_way_to_affirm_a_finding_gives_its_name(name: str, phrases: Phrases) -> None:
    read = named(name)
    for kind, sentence in sentences(dict(phrases.present)):
        found = read(f"IMPRESSION: {sentence}")
        assert len(found) == 1, sentence
        assert found[0].endswith(KINDS[kind]), sentence


@pytest.mark.parametrize(("name", "phrases"), SETS.items())
def test_what_is_denied_is_not_named(name: str, phrases: Phrases) -> None:
    read = named(name)
    normal = [finding.name for finding in LabelSet.load(name).findings if finding.polarity == "normal"]
    for _, sentence in sentences(dict(phrases.absent)):
        assert list(read(f"FINDINGS: {sentence}")) == normal, sentence


def test_doubt_and_the_past_are_not_named() -> None:
    read = named("simulated-cxr")
    assert "pneumothorax" in read("FINDINGS: There is a pneumothorax.")
    assert "pneumothorax" not in read("FINDINGS: A pneumothorax cannot be excluded.")


def test_names_follow_the_sentences_of_a_report() -> None:
    reports = ["IMPRESSION: 24 mm nodule in the left upper lobe. Big heart.", "IMPRESSION: Nodule.", "", None]
    plain = TextTable.build(reports, PIPELINE)
    more = TextTable.build(reports, PIPELINE, named=named("simulated-cxr"))
    texts = [[more.texts[row] for row in more.statements_of(record)] for record in range(len(reports))]
    assert texts == [
        ["24 mm nodule in the left upper lobe", "big heart", "cardiomegaly", "nodule"],
        ["nodule"],
        [],
        [],
    ]
    assert more.reports(range(4)) == plain.reports(range(4))
    assert (more.pair_ids == plain.pair_ids).all()


def test_names_are_written_as_the_pipeline_writes() -> None:
    kept = NamedFindings(
        LabelSet.load("simulated-cxr"),
        ReportPipeline(translate_to=None, normalise=False, lower_case=False, sections=("impression",)),
    )
    assert kept("IMPRESSION: Pneumothorax.") == ("pneumothorax",)
