"""Argument parsing that fails in one line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from medclip.core.errors import InputError

__all__ = ["Parser", "add_dataset", "add_model", "add_prompts", "add_windows", "count"]


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ``InputError`` instead of a usage text and an exit.

    Args:
        example: A command to start from, shown below the help.
        options: As for argparse.
    """

    def __init__(self, *, example: str = "", **options: Any) -> None:
        # Line breaks of an example must stay.
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(epilog=f"example:\n  {example}" if example else None, **options)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise InputError(message, action=f"try {self.prog} --help")


def add_model(parser: Parser) -> None:
    """Add the bundle that answers."""
    parser.add_argument(
        "--model", required=True, type=Path, metavar="BUNDLE", help="folder that medclip fit or medclip demo saved"
    )


def add_dataset(parser: Parser) -> None:
    """Add the data set and where it lies."""
    parser.add_argument(
        "--dataset", required=True, metavar="NAME", help="one of medclip data list, or the folder of a packed store"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="folder of the data set")


def add_prompts(parser: Parser) -> None:
    """Add the sentences that stand for the findings."""
    parser.add_argument(
        "--prompts", metavar="NAME", help="prompt set by name, or its JSON file; default: the one of the label set"
    )


def add_windows(parser: Parser, *, default: str) -> None:
    """Add what is made of recordings that are longer than the model takes."""
    parser.add_argument(
        "--windows",
        choices=["mean", "max", "first", "middle"],
        default=default,
        help="of recordings longer than the model takes: the mean over windows that overlap by half (on the whole), "
        f"their highest score (anywhere), or one window only; default: {default}",
    )


def add_resampling(parser: Parser) -> None:
    """Add the leave to mend what does not lie evenly."""
    parser.add_argument(
        "--allow-resampling",
        action="store_true",
        help="mend a missing slice or a tilted gantry by interpolation, and say so; by default such series are refused",
    )


def count(text: str) -> int:
    """Convert an argument that is a whole number of at least 1."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"received {text}; allowed: a whole number of at least 1")
    return number
