from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from medclip.knowledge.hierarchy import find_circles

NODES = st.integers(0, 7).map(str)


@given(st.dictionaries(NODES, st.lists(NODES, max_size=4)))
def test_without_the_last_steps_there_is_an_order(parents: dict[str, list[str]]) -> None:
    circles = list(find_circles(parents))
    for circle in circles:
        assert circle[0] == circle[-1]
        assert all(above in parents[below] for below, above in pairwise(circle))
    cut = {(circle[-2], circle[-1]) for circle in circles}
    left = {child: {one for one in above if (child, one) not in cut} for child, above in parents.items()}
    # Kahn's algorithm, another way to see that no circle is left.
    while ready := [node for node, above in left.items() if not above & left.keys()]:
        for node in ready:
            del left[node]
    assert not left


def test_a_long_chain_is_no_problem() -> None:
    chain = {str(n): [str(n + 1)] for n in range(50_000)}
    assert list(find_circles(chain)) == []
