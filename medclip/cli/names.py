"""Names of files that are written for several inputs."""

from __future__ import annotations

__all__ = ["FreeNames"]


class FreeNames:
    """Gives each input a name of its own within a run; what an earlier run wrote is replaced.

    >>> names = FreeNames()
    >>> names.free("ecg"), names.free("chest"), names.free("ecg")
    ('ecg', 'chest', 'ecg-2')
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, stem: str) -> str:
        """Return the name, or the name with the first number that nobody has."""
        name, number = stem, 1
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name)
        return name
