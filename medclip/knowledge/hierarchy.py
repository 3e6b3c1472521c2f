"""Circles among parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

__all__ = ["find_circles"]


def find_circles(parents: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Yield paths that come back to their start; without the last step of each there is no circle left.

    >>> list(find_circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}))
    [['a', 'b', 'c', 'a']]
    """
    done: set[str] = set()
    for start in parents:
        if start not in done:
            yield from _circles_from(start, parents, done)


def _circles_from(start: str, parents: Mapping[str, Sequence[str]], done: set[str]) -> Iterator[list[str]]:
    path = {start: iter(parents.get(start, ()))}
    while path:
        last = next(reversed(path))
        above = next(path[last], None)
        if above is None:
            del path[last]
            done.add(last)
        elif above in path:
            steps = list(path)
            yield [*steps[steps.index(above) :], above]
        elif above not in done:
            path[above] = iter(parents.get(above, ()))
