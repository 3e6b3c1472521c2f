"""Tables read by column beside the csv module, labels in columns and in cells, and what is refused."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest

from medclip.core.cards import DataCard
from medclip.core.errors import ConfigError, DatasetError
from medclip.modalities.imaging.columns import read_columns
from medclip.modalities.imaging.image_dataset import ImageIndex
from medclip.modalities.imaging.label_columns import labels_from_columns, labels_from_tokens

CARD = DataCard("demo", "Demo", "1", "l", "c", "https://example.org", "", "", (), {"declared.csv": ("a", "z")}, ())


def test_cells_beside_the_csv_module(tmp_path: Path) -> None:
    rows = [["a", " b", "c"], ["1", 'said "no",\ntwice', ""], ["", "ü", "NaN"], ["3", "", "null"]]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    (tmp_path / "t.csv").write_text("\ufeff" + text.getvalue(), encoding="utf-8")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.getvalue().encode()))
    for name in ("t.csv", "t.csv.gz"):
        found = read_columns(tmp_path / name, CARD, ("c", "b"), optional=("a", "d"))
        assert found == {"c": ["", "NaN", "null"], "b": [row[1] for row in rows[1:]], "a": ["1", "", "3"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,z\n1,2\n3\n", r"cannot be read as a table \(Expected 2 columns, got 1\)"),
        (b"a,z\n1,\xff\xfe\n", "cannot be read as a table"),
        (b"", "lacks columns of Demo: a, z"),
        (b"a,a,z\n1,2,3\n", "doubles columns of Demo: a"),
        (b"b\n1\n", "lacks columns of Demo: a, z: received b"),
    ],
)
def test_bad_tables(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=message) as error:
        read_columns(tmp_path / "t.csv", CARD, ("a", "z"))
    assert "\n" not in str(error.value)


def test_no_message_quotes_a_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,z\n1,2\nSECRET NAME\n")
    with pytest.raises(DatasetError) as error:
        read_columns(tmp_path / "t.csv", CARD, ("a", "z"))
    assert "SECRET" not in str(error.value)


def test_damaged_archives_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"lacks none.csv of Demo"):
        read_columns(tmp_path / "none.csv", CARD, ("a",))
    whole = gzip.compress(b"a,z\n" + b"1,2\n" * 5000)
    (tmp_path / "t.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match="cannot be read as a table"):
        read_columns(tmp_path / "t.csv.gz", CARD, ("a", "z"))
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match=r"declared.csv of Demo lacks columns that its data card declares: z"):
        read_columns(tmp_path / "t.csv", CARD, ("a",), declared_as="declared.csv")


def test_labels_in_columns() -> None:
    columns = {"Pneumothorax": ["1.0", "0", "-1", ""]}
    nan = np.nan
    for options, expected in (
        ({}, [1, 0, nan, nan]),
        ({"uncertain": "present", "unmentioned": "absent"}, [1, 0, 1, 0]),
        ({"uncertain": "absent"}, [1, 0, 0, nan]),
    ):
        table = labels_from_columns(columns, "siim-pneumothorax", table=Path("t.csv"), **options)
        np.testing.assert_array_equal(table.values[:, 0], expected)
    with pytest.raises(DatasetError, match=r"column Pneumothorax of t.csv holds another label than it may: received 2"):
        labels_from_columns({"Pneumothorax": ["2"]}, "siim-pneumothorax", table=Path("t.csv"))
    with pytest.raises(ConfigError, match="unmentioned cannot be that: received present"):
        labels_from_columns(columns, "siim-pneumothorax", table=Path("t.csv"), unmentioned="present")


def test_labels_in_cells() -> None:
    cells = ["Pneumonia|x", None, "Normal", ""]
    options = {"split": lambda cell: [part for part in cell.split("|") if part]}
    table = labels_from_tokens(cells, "rsna-pneumonia", **options)
    np.testing.assert_array_equal(table.values, [[1, 0], [np.nan, np.nan], [0, 1], [0, 0]])
    table = labels_from_tokens(cells, "rsna-pneumonia", unassessed_codes=["Normal"], **options)
    np.testing.assert_array_equal(table.values, [[1, np.nan], [np.nan, np.nan], [0, 1], [0, np.nan]])
    with pytest.raises(DatasetError, match=r"t.csv has a label that rsna-pneumonia does not know: received x"):
        labels_from_tokens(cells, "rsna-pneumonia", known=["Pneumonia", "Normal"], table=Path("t.csv"), **options)


def test_an_index_is_a_sequence() -> None:
    index = ImageIndex(
        ["a", "b", "c"], ["p"] * 3, [None] * 3, ["x"] * 3, [" ", None, "text"], {"age": [1.0, None, 3.0]}
    )
    assert [info.report for info in index] == [None, None, "text"]
    assert [dict(info.attributes) for info in index[1:]] == [{}, {"age": 3.0}]
    assert [info.record_id for info in index.select([2, 0])] == ["c", "a"]
    assert index[-1].record_id == "c"
    with pytest.raises(IndexError):
        index[3]
