"""Reports that say the same get the same number, so that training does not push equal texts apart."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["pair_ids", "report_id"]

_NOT_IN_WORDS = re.compile(r"[\W_]+")
_ENDS_STATEMENT = re.compile(r"[.;!]+(?=\s|$)|\s{2,}|\n")
_N_BITS = 63


def report_id(text: str, *, near: bool = False) -> int:
    """Return a number from 0 to 2^63 - 1 that is the same for equal reports, on every machine and in every
    version.

    Equal are texts with the same letters and digits in the same order: case, blanks and punctuation do not
    count. The question mark does: "infarction?" is not "infarction". With `near`, the order and the
    repetition of statements do not count either; a statement ends with ".", ";", "!", a line break or two
    blanks. Words that mean the same are not equal here: normalise reports first (see `pipeline`).

    >>> report_id("Sinus rhythm.  Normal axis.") == report_id("sinus rhythm. normal axis")
    True
    >>> report_id("sinus rhythm. normal axis.") == report_id("normal axis. sinus rhythm.")
    False
    >>> report_id("flutter. normal axis.", near=True) == report_id("normal axis. flutter.", near=True)
    True
    """
    return _hash(_near_key(text) if near else _key(text))


def pair_ids(texts: Iterable[str], *, near: bool = False) -> list[int]:
    """Return one number for each text: the same for equal reports, another for all others.

    What is equal is said by `report_id`. A text without a letter or digit equals no other: each gets its own
    number, which depends on its position in `texts`.

    >>> first, second, third, fourth = pair_ids(["normal.", "", "Normal", ""])
    >>> first == third, second == fourth
    (True, False)
    """
    return [report_id(text, near=near) if _key(text) else _hash(f"empty {i}") for i, text in enumerate(texts)]


def _key(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _NOT_IN_WORDS.sub(" ", folded.replace("?", " questionmark ")).strip()


def _near_key(text: str) -> str:
    return "\n".join(sorted({key for statement in _ENDS_STATEMENT.split(text) if (key := _key(statement))}))


def _hash(key: str) -> int:
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _N_BITS)
