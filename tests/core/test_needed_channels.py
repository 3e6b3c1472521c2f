"""The table of findings that need channels."""

from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import LabelError
from medclip.core.label_set import LabelSet
from medclip.core.modality import discover, find_modality
from medclip.core.needed_channels import lacking, read_needed_channels
from medclip.core.waveform_spec import WaveformSpec
from medclip.knowledge.catalogue.read import read_catalogue


@pytest.mark.parametrize("name", sorted(discover()))
def test_shipped_tables_name_known_concepts_and_channels(name: str) -> None:
    needs = find_modality(name).needed_channels()
    spec = find_modality(name).default_input_spec()
    known = {concept.id for concept in read_catalogue()}
    assert set(needs) <= known
    if needs:
        assert isinstance(spec, WaveformSpec)
        assert {channel for groups in needs.values() for group in groups for channel in group} <= set(
            spec.channel_names
        )


def test_what_cannot_be_judged_from_one_lead() -> None:
    """By hand: what a cardiologist would not read from lead I of a watch, and what one would."""
    needs = find_modality("ecg").needed_channels()
    absent = {"II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"}
    by_code = {
        finding.code: bool(lacking(needs.get(finding.concept, ()), absent))
        for name in ("ptbxl-superclass", "ptbxl-rhythm", "ptbxl-subclass", "ptbxl-form")
        for finding in LabelSet.load(name).findings
    }
    for code in ("NORM", "MI", "STTC", "HYP", "LVH", "RVH", "IMI", "AMI", "ISC_", "CLBBB", "CRBBB", "LAFB/LPFB"):
        assert by_code[code], code
    for code in ("AFIB", "AFLT", "SR", "SBRAD", "STACH", "PVC", "PAC", "BIGU", "PACE", "LPR"):
        assert not by_code[code], code


def test_the_limb_leads_are_enough_for_an_inferior_infarction_and_the_axis_only() -> None:
    needs = find_modality("ecg").needed_channels()
    chest = {"V1", "V2", "V3", "V4", "V5", "V6"}
    assert lacking(needs["ecg:inferior-myocardial-infarction"], chest) == ()
    assert lacking(needs["ecg:left-axis-deviation"], chest) == ()
    assert lacking(needs["ecg:anterior-myocardial-infarction"], chest) == ("V3", "V2 or V4")
    assert lacking(needs["ecg:left-ventricular-hypertrophy"], chest) == ("V1 or V3",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("concept,needs\nx:y,I\n", "row 1 of .* is incomplete.*concept, needs, reason"),
        ("concept,needs,reason\nx:y,,z\n", "row 1 of .* is incomplete"),
        ("concept,needs,reason\nx:y,I,z,more\n", "row 1 of .* is incomplete"),
        ("concept,needs,reason\nx:y,I,z\nx:y,II,z\n", "row 2 of .* names a concept again: received x:y"),
        ('concept,needs,reason\n"x\n', "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_table_that_is_malformed(content: str | bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "needed_channels.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LabelError, match=message):
        read_needed_channels(path)


def test_and_is_a_blank_and_or_is_a_stroke(tmp_path: Path) -> None:
    path = tmp_path / "needed_channels.csv"
    path.write_text("concept,needs,reason\nx:y,A B|C,because\n")
    assert read_needed_channels(path) == {"x:y": (("A",), ("B", "C"))}
