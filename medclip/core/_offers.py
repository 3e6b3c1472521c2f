"""Names that several packages offer, and the one package that offers a given name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from medclip.core.errors import InputError

__all__ = ["files_by_stem", "meant", "only_one", "question"]

# One wrong or missing letter of five keeps 0.8; at 0.6 "echo" would be "code".
_SIMILAR = 0.75
_SHORTEST_BEGINNING = 3


class _InPackage(Protocol):
    @property
    def package(self) -> str: ...


_Holder = TypeVar("_Holder", bound=_InPackage)


def only_one(name: str, wanted: str, offers: Mapping[_Holder, Collection[str]], unknown: InputError) -> _Holder:
    """Return what offers a name; ``unknown`` says of what kind it is."""
    holders = [holder for holder, names in offers.items() if wanted in names]
    if len(holders) == 1:
        return holders[0]
    if holders:
        raise type(unknown)(
            f"more than one modality offers {wanted}",
            received=[holder.package for holder in holders],
            action="rename the one that you added",
        )
    known = sorted(found for names in offers.values() for found in names)
    # There are more names than an error shows.
    close = meant(wanted.lower(), known)
    raise type(unknown)(unknown.what, received=name, allowed=known, action=question(close))


def question(close: Sequence[str]) -> str | None:
    """Ask whether one of these names was meant; None if there is none to ask about."""
    return f"did you mean {' or '.join(close)}?" if close else None


def meant(wanted: str, known: Sequence[str]) -> list[str]:
    """Names that a slip of the finger, or the beginning of a name, may have meant; at most three.

    >>> meant("mimic", ["code", "mimic_iv_ecg"]), meant("chexprt", ["chexpert", "csn"]), meant("echo", ["code"])
    (['mimic_iv_ecg'], ['chexpert'], [])
    """
    begun = [name for name in known if len(wanted) >= _SHORTEST_BEGINNING and name.startswith(wanted)]
    close = difflib.get_close_matches(wanted, known, cutoff=_SIMILAR)
    return list(dict.fromkeys([*close, *begun]))[:3]


def files_by_stem(folder: Path, suffix: str) -> dict[str, Path]:
    """Return the files of a folder with an ending, by name; none if there is no such folder."""
    return {path.stem: path for path in sorted(folder.glob(f"*{suffix}"))}
