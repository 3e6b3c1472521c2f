"""Contract tests that a plug-in can run on itself: what medclip relies on, whatever the kind of data.

>>> from medclip.core.modality import discover
>>> from medclip.testing import check_modality
>>> for modality in discover().values():
...     check_modality(modality)
"""

from __future__ import annotations

from medclip.testing.contract import ContractError
from medclip.testing.dataset import check_dataset
from medclip.testing.encoder import check_encoder
from medclip.testing.format import check_format
from medclip.testing.modality import check_modality
from medclip.testing.objective import check_objective

__all__ = [
    "ContractError",
    "check_dataset",
    "check_encoder",
    "check_format",
    "check_modality",
    "check_objective",
]
