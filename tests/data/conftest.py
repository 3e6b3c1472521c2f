"""Let the tests of this folder import the helper modules beside them."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "modalities/ecg/datasets")]
