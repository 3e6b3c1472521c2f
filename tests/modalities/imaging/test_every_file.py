"""Every real image file at hand is read or refused by one of medclip's errors, in time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

import medclip
from medclip.core.errors import MedclipError

DATA = Path(os.environ.get("MEDCLIP_TEST_DATA", "unset"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="MEDCLIP_TEST_DATA names no folder")
LONGEST_S = 5.0


def files() -> list[Path]:
    """Every file of CT and every DICOM radiograph, of many alike only the first."""
    found = sorted((DATA / "ct").rglob("*")) + sorted((DATA / "cxr").glob("*/*.dcm"))
    # The one whole series is read by other tests.
    alike = ("example_ct_dicom/CT.", "lung_pet_ct_dx/")
    return [path for path in found if path.is_file() and not any(mark in path.as_posix() for mark in alike)]


@pytest.mark.slow
def test_every_file_is_read_or_refused_in_time() -> None:
    refusals, n_read = [], 0
    for path in files():
        # Of the processor, because the clock of a shared machine says little.
        start = time.process_time()
        try:
            sample = medclip.read(path)
        except MedclipError as error:
            refusals.append(str(error))
        else:
            n_read += 1
            assert np.isfinite(sample.array).any(), path.name
        assert time.process_time() - start < LONGEST_S, path.name
    assert n_read >= 6
    assert len(refusals) >= 90
    assert not [message for message in refusals if "\n" in message or not 20 < len(message) < 900]
