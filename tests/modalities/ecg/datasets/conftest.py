"""Let the tests of this folder import the helper modules beside them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[3])]
