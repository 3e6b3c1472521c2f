"""What recordings are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from medclip.core.record_name import record_name


@pytest.mark.parametrize(
    "ending", ["tar.gz", "TAR.GZ", "tar.bz2", "tar.xz", "nii.gz", "nii", "tgz", "zip", "dcm", "csv.gz"]
)
@pytest.mark.parametrize("name", ["chest", "chest.v2", "a.nii.b"])
def test_the_whole_ending_goes_and_nothing_else(name: str, ending: str) -> None:
    assert record_name(Path("folder.tar.gz") / f"{name}.{ending}") == name
    assert record_name(Path(f"{name}.{ending}#3")) == f"{name}#3"


def test_folders_and_identifiers_have_no_ending(tmp_path: Path) -> None:
    folder = tmp_path / "study.of.may"
    folder.mkdir()
    assert record_name(folder) == "study.of.may"
    assert record_name(tmp_path / "1.2.840.10008") == "1.2.840.10008"
    assert record_name(Path("chest")) == "chest"
