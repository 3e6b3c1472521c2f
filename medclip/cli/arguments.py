"""Argument parsing that fails in one line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from medclip.core.errors import InputError

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ``InputError`` instead of a usage text and an exit."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise InputError(message, action=f"try {self.prog} --help")
