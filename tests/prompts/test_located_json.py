"""JSON with places, against the standard library."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medclip.core.errors import PromptError
from medclip.prompts.located_json import LocatedText, parse_located

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _plain(value: Any) -> Any:
    if isinstance(value, LocatedText):
        return value.text
    if isinstance(value, dict):
        return {key.text: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else None


def _texts_only(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _texts_only(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts_only(item) for item in value]
    return value if isinstance(value, str) else None


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_texts_are_those_of_the_standard_library(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert _plain(parse_located(text)) == _texts_only(json.loads(text))


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4), st.booleans())
def test_every_character_is_where_it_is_said_to_be(texts: list[str], ascii_only: bool) -> None:
    file = json.dumps(texts, ensure_ascii=ascii_only, indent=1)
    lines = file.split("\n")
    for found in parse_located(file):
        assert len(found.columns) == len(found.text)
        for sign, column in zip(found.text, found.columns, strict=True):
            raw = lines[found.line - 1][column - 1]
            assert raw in (sign, "\\")


@pytest.mark.parametrize("text", ["", "{", '{"a": 1,}', '"\n"', "nul"])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(PromptError, match="no JSON: line"):
        parse_located(text)
