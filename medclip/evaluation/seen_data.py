"""Whether a model may have been trained on what it is evaluated on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medclip.core.cards import have_recordings_in_common

__all__ = ["seen_data_warnings"]


def seen_data_warnings(
    training: Mapping[str, Any], dataset: str, folds: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Return one sentence for every reason to doubt that a model has not seen the recordings evaluated.

    Args:
        training: What a bundle says of its training: ``dataset``, ``train_folds``, and, if it began with weights that
            somebody had trained, ``earlier_datasets``.
        dataset: Name of the data set evaluated on.
        folds: The folds evaluated on; all if None or empty.

    >>> seen_data_warnings({"dataset": "ptbxl", "train_folds": ["1"]}, "ptbxl", ["10"])
    ()
    """
    own, earlier = str(training.get("dataset", "")), [str(name) for name in training.get("earlier_datasets", ())]
    warnings = []
    if own == dataset and (seen := _seen_folds(training.get("train_folds"), folds)):
        warnings.append(f"the model was trained on {seen} of {dataset}, which is evaluated: name other folds")
    if dataset in earlier:
        warnings.append(f"the model began with weights that were trained on {dataset}")
    warnings += [
        f"the model was trained on {name}, which has recordings in common with {dataset}: it may have seen those that "
        "are evaluated"
        for name in (own, *earlier)
        if name and name != dataset and have_recordings_in_common(name, dataset)
    ]
    return tuple(warnings)


def _seen_folds(trained: object, evaluated: Sequence[str] | None) -> str:
    """Say which folds are in both; a bundle may state its training folds only as all but those held out."""
    if not isinstance(trained, (list, tuple)):
        return "" if evaluated else "a part"
    seen = sorted({str(fold) for fold in trained} & set(evaluated or map(str, trained)))
    return f"fold {', '.join(seen)}" if seen else ""
