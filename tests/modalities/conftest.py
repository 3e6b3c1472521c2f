"""Let tests of several folders write CT series with the helper that lies with those of the modality."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "ct"))
