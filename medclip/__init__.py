"""medclip: medical multimodal foundation models. Research use only; not a medical device.

The names below are loaded when they are used, so that ``import medclip`` takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medclip.version import __version__

if TYPE_CHECKING:
    from medclip.core.label_set import LabelSet
    from medclip.core.sample import Sample
    from medclip.data.access import open_dataset, read
    from medclip.prompts.prompt_set import PromptSet
    from medclip.zeroshot.findings import Findings
    from medclip.zeroshot.model import Model, load

__all__ = [
    "Findings",
    "LabelSet",
    "Model",
    "PromptSet",
    "Sample",
    "__version__",
    "load",
    "open_dataset",
    "read",
]

_HOMES = {
    "Findings": "medclip.zeroshot.findings",
    "LabelSet": "medclip.core.label_set",
    "Model": "medclip.zeroshot.model",
    "PromptSet": "medclip.prompts.prompt_set",
    "Sample": "medclip.core.sample",
    "load": "medclip.zeroshot.model",
    "open_dataset": "medclip.data.access",
    "read": "medclip.data.access",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'medclip' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
