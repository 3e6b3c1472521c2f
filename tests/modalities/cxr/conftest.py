"""Let the tests of this folder import the helper modules of images and of file formats."""

from __future__ import annotations

import sys
from pathlib import Path

_MODALITIES = Path(__file__).parents[1]
sys.path += [str(_MODALITIES / "imaging"), str(_MODALITIES / "ecg" / "formats")]
