from __future__ import annotations

from medclip.modalities.report.glossary import Entry
from medclip.modalities.report.trie import Node, crossing, longest_match, plant
from medclip.modalities.report.words import cut_words


def grow(*phrases: str) -> Node:
    root = Node()
    for phrase in phrases:
        plant(root, phrase, Entry(phrase, phrase.upper(), "statement"), str)
    return root


def match(root: Node, text: str) -> str | None:
    words, _ = cut_words(text)
    keys = [word.text for word in words]
    crossings = [crossing(word.before) for word in words]
    places = {"v1": 1, "v2": 1}
    found = longest_match(
        root, keys, crossings, 0, lambda start: (start + 1, keys[start]) if keys[start] in places else None
    )
    return None if found is None else f"{found.node.entries[0].source}|{len(words) - found.end}"


def test_the_longest_phrase_wins() -> None:
    root = grow("st", "st senkung", "st senkung in v1 neu")
    assert match(root, "st senkung in v1") == "st senkung|2"
    assert match(root, "st") == "st|0"
    assert match(root, "senkung") is None


def test_hyphens_and_blanks_are_alike() -> None:
    root = grow("av-block")
    assert [match(root, text) for text in ("av block", "av-block", "av- block", "av  block")] == ["av-block|0"] * 4


def test_full_stops_are_crossed_only_in_abbreviations() -> None:
    root = grow("ant. block", "post block")
    assert match(root, "ant. block") == match(root, "ant block") == "ant. block|0"
    assert match(root, "post. block") is None


def test_brackets_are_crossed_only_where_the_phrase_has_them() -> None:
    assert match(grow("a b"), "a (b") is None
    assert match(grow("a (b)"), "a (b") == "a (b)|0"


def test_a_place_in_a_phrase_takes_a_list() -> None:
    root = grow("flach in #", "flach in # neg in #")
    assert match(root, "flach in v1 neg in v2") == "flach in # neg in #|0"
    assert match(root, "flach in v1 neg in ii") == "flach in #|3"


def test_a_literal_phrase_goes_before_a_place() -> None:
    assert match(grow("in #", "in v1"), "in v1") == "in v1|0"
