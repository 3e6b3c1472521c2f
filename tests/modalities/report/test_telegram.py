from __future__ import annotations

import pytest

from medclip.modalities.report.glossary import Glossary
from medclip.modalities.report.translate import GlossaryTranslator

LINES = """\
@ending	er
@ending	es
@ending	e
v1	v1	name
v2	v2	name
rhythmus	rhythm	statement
linkstyp	leftward axis	statement
block	block	statement
welle	wave	statement
infarkt	infarction	finding
ischämie	ischemia	finding
kurve abnorm	abnormal curve:| {}	header
kurve abnorm, wahrscheinlich	abnormal curve:| probable {}	header
kurve, wie bei	curve| consistent with {}	header
frischer	recent	adjective
inferiorer	inferior	adjective
kleiner	small	adjective
kein	no	opener
wahrscheinlich	probable	opener
wahrscheinlich	probable {}	modifier
möglich	possible {}	modifier
nicht auszuschliessen	{} cannot be excluded	modifier
alter unbest.	{}, age undetermined	modifier
normal	normal [study]	verdict
in	in	link
mit	with	link
nicht	not	link
unruhe	restlessness	word
""".splitlines()


@pytest.fixture(scope="module")
def translator() -> GlossaryTranslator:
    return GlossaryTranslator({"de": Glossary.parse(LINES, name="test")})


@pytest.mark.parametrize(
    ("source", "english"),
    [
        ("rhythmus linkstyp block", "rhythm. leftward axis. block."),
        ("rhythmus kleiner block normal", "rhythm. small block. normal study."),
        ("rhythmus mit block linkstyp", "rhythm with block. leftward axis."),
        ("welle in v1 block v2", "wave in v1. block in v2."),
        ("block. welle; linkstyp", "block. wave. leftward axis."),
        ("infarkt inferior frisch möglich", "possible recent inferior infarction."),
        ("linkstyp frischer inferiorer infarkt", "leftward axis. recent inferior infarction."),
        ("infarkt    alter unbest.    linkstyp", "infarction, age undetermined. leftward axis."),
        ("kein block kein infarkt", "no block. no infarction."),
        ("infarkt kein block", "infarction. no block."),
        ("infarkt kein", "infarction. no."),
        ("rhythmus infarkt nicht auszuschliessen", "rhythm. infarction cannot be excluded."),
        ("rhythmus wahrscheinlich frischer infarkt", "rhythm. probable recent infarction."),
        ("block wahrscheinlich linkstyp", "probable block. leftward axis."),
        ("welle nicht möglich", "wave not possible."),
        ("kurve abnorm", "abnormal curve."),
        ("kurve abnorm normal", "abnormal curve. normal study."),
        ("kurve abnorm infarkt möglich linkstyp", "abnormal curve: possible infarction. leftward axis."),
        (
            "kurve abnorm, wahrscheinlich   inferiore ischämie   infarkt   linkstyp",
            "abnormal curve: probable inferior ischemia. probable infarction. leftward axis.",
        ),
        ("kurve abnorm, wahrscheinlich infarkt möglich", "abnormal curve: possible infarction."),
        ("kurve, wie bei infarkt ischämie", "curve consistent with infarction. consistent with ischemia."),
        ("kleine kurve, wie bei infarkt", "small curve consistent with infarction."),
        ("infarkt (frischer) block", "infarction (recent). block."),
        ("infarkt (welle in v1 block", "infarction (wave in v1 block)."),
        ("infarkt?", "infarction?"),
        ("infarkt? block", "infarction? block."),
        ("block ?infarkt", "block. ?infarction."),
        ("xyz linkstyp", "xyz. leftward axis."),
        ("linkstyp xyz", "leftward axis xyz."),
        ("linkstyp    xyz", "leftward axis. xyz."),
        ("xyz-abc/def, ghi", "xyz-abc/def, ghi."),
        ("unruhe normal", "restlessness normal."),
        ("kleiner", "small."),
        ("möglich", "possible."),
        ("", ""),
        ("...", ""),
    ],
)
def test_telegrams_fall_into_statements(translator: GlossaryTranslator, source: str, english: str) -> None:
    assert translator.translate(source, "de").text == english
