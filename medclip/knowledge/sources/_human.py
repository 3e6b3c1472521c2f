"""Diseases of animals, which MONDO holds among those of people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["NON_HUMAN", "non_human"]

NON_HUMAN = "MONDO:0005583"


def non_human(parents: Mapping[str, Iterable[str]]) -> set[str]:
    """Ids of the concept "non-human animal disease" and of all that descend from it."""
    children: dict[str, list[str]] = {}
    for child, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(child)
    found, open_ = {NON_HUMAN}, [NON_HUMAN]
    while open_:
        fresh = [child for child in children.get(open_.pop(), ()) if child not in found]
        found.update(fresh)
        open_.extend(fresh)
    return found
