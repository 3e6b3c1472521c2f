"""Options of data sets on the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from medclip.core.errors import InputError

__all__ = ["parse_options"]


def parse_options(given: Sequence[str]) -> dict[str, Any]:
    """Turn ``NAME=VALUE`` texts into a dictionary; numbers, true, false and null are read as such.

    Raises:
        InputError: A text has no ``=``.

    >>> parse_options(["sampling_rate_hz=100", "noise=heavy"])
    {'sampling_rate_hz': 100, 'noise': 'heavy'}
    """
    options: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise InputError("an option is malformed", received=text, allowed="NAME=VALUE")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options
