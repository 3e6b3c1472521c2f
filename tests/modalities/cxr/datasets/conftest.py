"""Let the tests of this folder import the helper modules of all image sets and of all tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[2]), str(Path(__file__).parents[3])]
