"""Let the tests of this folder use the server of the folder above, and each other's files."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
