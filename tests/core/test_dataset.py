"""Label tables are aligned by name and hold three values only."""

from __future__ import annotations

import numpy as np
import pytest

from medclip.core.dataset import Dataset, LabelTable
from medclip.core.errors import LabelError

VALUES = np.array([[1, 0, np.nan], [0, 1, 1]], np.float32)
TABLE = LabelTable(("A", "B", "C"), VALUES)


def test_select_takes_columns_by_name_in_the_order_asked_for() -> None:
    chosen = TABLE.select(["C", "A"])
    assert chosen.codes == ("C", "A")
    np.testing.assert_array_equal(chosen.values, VALUES[:, [2, 0]])
    assert TABLE.select([]).values.shape == (2, 0)


def test_select_names_what_is_unknown_and_what_is_there() -> None:
    with pytest.raises(LabelError, match="received X, a; allowed: A, B, C"):
        TABLE.select(["X", "A", "a"])


def test_rows_by_number_and_by_mask_agree() -> None:
    np.testing.assert_array_equal(TABLE.rows([1]).values, VALUES[1:])
    np.testing.assert_array_equal(TABLE.rows(np.array([False, True])).values, VALUES[1:])
    np.testing.assert_array_equal(TABLE.rows([False, True]).values, VALUES[1:])
    np.testing.assert_array_equal(TABLE.rows([1, 0, 1]).values, VALUES[[1, 0, 1]])
    assert TABLE.rows([]).values.shape == (0, 3)


@pytest.mark.parametrize("shape", [(2,), (2, 2), (3, 4), (3,), (1, 2, 3)])
def test_one_column_per_code(shape: tuple[int, ...]) -> None:
    with pytest.raises(LabelError, match="one column per code"):
        LabelTable(("A", "B", "C"), np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [0.5, -1, 100, np.inf])
def test_a_likelihood_is_no_label(value: float) -> None:
    values = VALUES.copy()
    values[1, 1] = value
    with pytest.raises(LabelError, match="label B has no allowed value"):
        LabelTable(("A", "B", "C"), values)


def test_what_satisfies_the_protocol() -> None:
    assert not isinstance(TABLE, Dataset)
