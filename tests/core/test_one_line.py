from __future__ import annotations

import pytest

from medclip.core.one_line import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("  two\r\nlines\tand\x0bmore ", "two lines and more"),
        ("\x1b[31mred\x07", "?[31mred?"),
        ("心電図 é", "心電図 é"),
        ("\udcff.hea", "?.hea"),
        ("right\u202eleft", "right?left"),
        ("", ""),
    ],
)
def test_what_a_terminal_would_act_upon_is_gone(text: str, shown: str) -> None:
    assert one_line(text) == shown
    assert one_line(one_line(text)) == one_line(text)
