from __future__ import annotations

from medclip.modalities.report.glossary import Glossary
from medclip.modalities.report.matching import Matcher

LINES = """\
@spelling	ä	ae
@spelling	#	ae
@ending	er
@ending	en
@ending	e
v1	v1	name
v2	v2	name
r	avr	name
und	and	link
welle[n]	wave	statement
kleiner	small	adjective
normaler	normal	adjective
normal	normal [study]	verdict
alter unbest.	{}, age undetermined	modifier
möglich	possible {}	modifier
möglicher	possible	adjective
schädigung	damage	finding
vorderwand	anterior	prefix
flach in #	flat in #	word
""".splitlines()


def units(text: str) -> list[tuple[str, str]]:
    return [(unit.kind, unit.text) for unit in Matcher(Glossary.parse(LINES, name="test")).cut(text)[0]]


def test_inflection_spelling_and_lost_umlauts() -> None:
    for text in ("kleine schädigungen", "kleiner schaedigung", "kleinen sch#digung"):
        assert units(text) == [("adjective", "small"), ("finding", "damage")]


def test_an_ending_tells_the_attribute_from_the_verdict() -> None:
    assert units("normale welle normal") == [
        ("adjective", "normal"),
        ("statement", "wave"),
        ("verdict", "normal [study]"),
    ]


def test_the_stop_of_an_abbreviation_ends_no_sentence() -> None:
    matcher = Matcher(Glossary.parse(LINES, name="test"))
    cut, rest = matcher.cut("alter unbest. welle.")
    assert [unit.before for unit in cut] == ["", " "]
    assert rest == "."


def test_compounds_and_slips_of_the_keyboard() -> None:
    assert units("vorderwandschädigung") == [("finding", "anterior damage")]
    assert units("vorderwandsschädigung") == [("finding", "anterior damage")]
    assert units("schädigugn") == [("finding", "damage")]
    assert units("vorderwandxyz") == [("unknown", "vorderwandxyz")]


def test_lists_of_places_and_phrases_with_them() -> None:
    assert units("v2 und v1") == [("places", "v1, v2")]
    assert units("flach in v2,v1") == [("word", "flat in v1, v2")]
    assert units("r-zacke") == [("unknown", "r"), ("unknown", "zacke")]


def test_numbers_are_known_and_other_words_pass() -> None:
    assert units("12,5 3x1 xyz &") == [("word", "12,5"), ("word", "3x1"), ("unknown", "xyz"), ("word", "&")]


def test_very_long_words_are_no_compounds() -> None:
    assert units("vorderwand" * 500)[0][0] == "unknown"
