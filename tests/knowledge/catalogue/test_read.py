"""The catalogue's reader takes the documented format and refuses everything else in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.errors import KnowledgeError
from medclip.knowledge.catalogue.read import CATALOGUE_FOLDER, read_catalogue
from medclip.knowledge.concept import Concept, Description, Synonym

FEVER = """
[[concept]]
id = "demo:fever"
term = "fever"
synonyms = ["raised temperature"]
definition = "A temperature above 38 degrees."
region = "whole body"
guideline = "None 2000"
excludes = ["demo:cold"]
opposite = "demo:cold"
attributes = ["high"]
appearance = ["Fever."]
absence = ["No fever."]
ids = { hpo = "HP:0001945", snomed = ["386661006", "50177009"] }
"""
COLD = """
[[concept]]
id = "demo:cold"
term = "low temperature"
definition = "A temperature below 36 degrees."
appearance = ["Cold."]
absence = ["Warm."]
"""
CHILL = COLD.replace("demo:cold", "demo:chill").replace("low temperature", "chill") + 'parents = ["demo:cold"]\n'
PAIN = """
[[territory]]
key = "arm"
name = "arm"
sides = ["left", "right", "other"]

[[territory]]
key = "leg"
name = "leg"
sides = ["left"]

[[composed]]
territories = ["arm", "leg"]
id = "demo:{key}-pain"
term = "{name} pain"
definition = "Pain in the {sides} {name}."
appearance = ["{Name} pain."]
absence = ["No pain in the {name}."]

[composed.only.leg]
synonyms = ["sore {name}"]
ids = { doid = "DOID:1" }
"""


def read(folder: Path, *contents: str | bytes) -> dict[str, Concept]:
    """Write each content to a file of its own and read the folder."""
    for number, content in enumerate(contents):
        (folder / f"{number}.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    return {concept.id: concept for concept in read_catalogue(folder)}


def test_every_key_arrives(tmp_path: Path) -> None:
    assert read(tmp_path, FEVER, COLD)["demo:fever"] == Concept(
        id="demo:fever",
        term="fever",
        definition="A temperature above 38 degrees.",
        synonyms=(Synonym("raised temperature"),),
        same_as=("HP:0001945", "SNOMEDCT:386661006", "SNOMEDCT:50177009"),
        description=Description(
            modality="demo",
            appearance=("Fever.",),
            absence=("No fever.",),
            region="whole body",
            attributes=("high",),
            excludes=("demo:cold",),
            opposite="demo:cold",
            guideline="None 2000",
        ),
    )


def test_exclusion_holds_both_ways(tmp_path: Path) -> None:
    cold = read(tmp_path, FEVER, COLD)["demo:cold"].description
    assert cold is not None
    assert cold.excludes == ("demo:fever",)
    assert cold.opposite is None


def test_a_family_gives_one_concept_per_territory(tmp_path: Path) -> None:
    concepts = read(tmp_path, PAIN)
    assert list(concepts) == ["demo:arm-pain", "demo:leg-pain"]
    arm, leg = concepts.values()
    assert arm.definition == "Pain in the left, right and other arm."
    assert leg.definition == "Pain in the left leg."
    assert arm.description is not None
    assert arm.description.appearance == ("Arm pain.",)
    assert (arm.synonyms, leg.synonyms) == ((), (Synonym("sore leg"),))
    assert (arm.same_as, leg.same_as) == ((), ("DOID:1",))


def test_territories_may_stand_in_another_file_whatever_the_order(tmp_path: Path) -> None:
    territories, family = PAIN.split("[[composed]]")
    assert len(read(tmp_path, "[[composed]]" + family, territories)) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[[concept]\n", r"0\.toml cannot be read \(.*line 1.*\)"),
        (b"term = '\xff'\n", "cannot be read"),
        ("a = " + "[" * 100_000, "cannot be read"),
        ("[[concepts]]\nid = 'a'\n", "unknown tables: received concepts; allowed: concept, composed, territory"),
        ("concept = 3\n", r"needs concept as \[\[concept\]\]"),
        ("[concept]\nid = 'demo:a'\n", r"needs concept as \[\[concept\]\]"),
        ("concept = [3]\n", r"needs concept as \[\[concept\]\]"),
        ("[[concept]]\n", "a concept without id has other keys than it should: received no id, term"),
        (COLD + "colour = 'blue'\n", "demo:cold has other keys than it should: received colour"),
        (COLD.replace('["Warm."]', "[]"), "received no absence"),
        (COLD.replace('["Warm."]', '"Warm."'), "needs absence as a list: received Warm."),
        (COLD.replace('["Warm."]', "[3]"), "absence that is no text"),
        (COLD.replace('"Warm."', '"Warm. "'), "absence that is no text without outer blanks"),
        (COLD.replace('"low temperature"', "3"), "term that is no text"),
        (COLD.replace("demo:cold", "cold"), "malformed id"),
        (COLD.replace("demo:cold", "demo:Cold"), "malformed id"),
        (COLD + COLD.replace("low temperature", "cool"), "an id twice: received demo:cold"),
        (COLD + COLD.replace("demo:cold", "demo:cool"), "demo:cold and demo:cool have the same name"),
        (COLD + CHILL + 'synonyms = ["Low Temperature"]\n', "demo:cold and demo:chill have the same name"),
        (FEVER, "demo:fever names concepts that are not there: received demo:cold"),
        (CHILL, "demo:chill names concepts that are not there: received demo:cold"),
        (COLD + 'parents = ["demo:cold"]\n', "demo:cold names itself"),
        (COLD + 'parents = ["demo:chill"]\n' + CHILL, "their own ancestors: received demo:cold, demo:chill"),
        (FEVER.replace("hpo", "icd"), "unknown vocabulary"),
        (FEVER.replace("HP:0001945", "HP:195"), "malformed id of hpo: received HP:195"),
        (FEVER.replace('"HP:0001945"', "1945"), "malformed id of hpo: received 1945"),
        (COLD + "ids = 'HP:0001945'\n", "unknown vocabulary"),
        (PAIN.replace('["arm", "leg"]', '["arm", "leg", "foot"]'), "an unknown territory: received foot"),
        (PAIN.replace('["arm", "leg"]', '["arm"]'), "an unknown territory: received leg"),
        (PAIN.replace('["arm", "leg"]', '"arm"'), "needs a list of territories"),
        (PAIN.replace("{Name}", "{nome}"), "unknown words in braces: received nome"),
        (PAIN.replace('"leg"\nname', '"arm"\nname'), "a key of its own: received arm"),
        (PAIN.replace('key = "leg"\n', ""), "a key of its own"),
        (PAIN.replace('["left"]', "[]"), "territory leg, sides is neither"),
        (PAIN.replace('["left"]', "7"), "territory leg, sides is neither"),
        (PAIN.replace("{key}-pain", "pain"), "an id twice: received demo:pain"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(KnowledgeError, match=message) as error:
        read(tmp_path, content)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 2000


def test_a_longer_circle_of_parents_is_refused(tmp_path: Path) -> None:
    circle = [
        f'{COLD.replace("demo:cold", f"demo:c{at}").replace("low temperature", f"c{at}")}parents = ["demo:c{after}"]\n'
        for at, after in ((0, 1), (1, 2), (2, 0))
    ]
    below = CHILL.replace("demo:cold", "demo:c0")
    with pytest.raises(KnowledgeError, match="own ancestors"):
        read(tmp_path, *circle, below)


def test_two_parents_that_share_an_ancestor_are_no_circle(tmp_path: Path) -> None:
    shiver = CHILL.replace("demo:chill", "demo:shiver").replace('"chill"', '"shiver"')
    both = (
        CHILL.replace("demo:chill", "demo:both")
        .replace('"chill"', '"both"')
        .replace('["demo:cold"]', '["demo:chill", "demo:shiver"]')
    )
    assert len(read(tmp_path, both, shiver, CHILL, COLD)) == 4


def test_the_same_name_may_be_used_in_two_modalities(tmp_path: Path) -> None:
    assert len(read(tmp_path, COLD, COLD.replace("demo:", "other:"))) == 2


def test_a_folder_without_catalogue_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="holds no catalogue"):
        read_catalogue(tmp_path / "none")


def test_the_shipped_catalogue_is_read_the_same_twice() -> None:
    assert read_catalogue(CATALOGUE_FOLDER) == read_catalogue()
