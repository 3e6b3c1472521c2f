"""Text that is safe to show."""

from __future__ import annotations

__all__ = ["one_line"]


def one_line(text: str) -> str:
    """Return a text that a terminal shows as one line and does not act upon, whatever a file or its name held.

    >>> one_line("two" + chr(10) + "lines, and a bell" + chr(7))
    'two lines, and a bell?'
    """
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in line)
