"""The model card that lies in every bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["model_card"]


def model_card(name: str, described: Mapping[str, Any]) -> str:
    """Return the README.md of a bundle, from what ``bundle.json`` says."""
    training = described["training"]
    lines = [
        f"# {name}",
        "",
        "**Research use only. Not a medical device; not for diagnosis or treatment.**",
        "",
        f"Saved by medclip {described['medclip_version']}. Load with `medclip.load({name!r})`.",
        "",
        "## Input",
        "",
        *(_input(modality, spec) for modality, spec in described["input_specs"].items()),
        "",
        "## Training data",
        "",
        *_provenance(training),
        "",
        "## Findings it has prompts for",
        "",
        *(
            f"- `{prompts}` for label set `{entry['label_set']}`: {len(entry['prompts'])} findings"
            for prompts, entry in described["prompt_sets"].items()
        ),
        "",
        "Scores are relative: higher means more like the positive description than the negative one. They are not",
        "probabilities of disease.",
        "",
    ]
    return "\n".join(lines)


def _input(modality: str, spec: Mapping[str, Any]) -> str:
    shown = ", ".join(
        f"{key} {_short(value)}" for key, value in spec.items() if key not in {"kind", "modality", "derived_channels"}
    )
    return f"- {modality}: {shown}"


def _provenance(training: Mapping[str, Any]) -> list[str]:
    return [f"- {key}: {_short(value)}" for key, value in training.items() if not isinstance(value, Mapping)] or [
        "- not stated"
    ]


def _short(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
