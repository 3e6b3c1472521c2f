"""From scores to probabilities, fitted on labelled recordings that are not evaluated."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from medclip.core.errors import ConfigError
from medclip.core.files import read_json
from medclip.zeroshot.calibration_fit import FITS, probabilities

__all__ = ["FEWEST_RECORDS", "Calibration", "Method", "fit_calibration"]

Method = Literal["temperature", "platt", "isotonic"]

# With fewer records of either kind, a fitted curve says more about these records than about the finding.
FEWEST_RECORDS = 10
_SCHEMA = 1
_MAXIMUM_BYTES = 64 << 20


@dataclass(frozen=True)
class Calibration:
    """Curves from log-odds to probability, and what they were fitted on.

    The probabilities hold for recordings like those: the same model, prompts and kind of patients.

    Args:
        method: ``temperature`` (one for all findings), ``platt`` or ``isotonic`` (each finding on its own).
        parameters: Per calibrated finding: ``(T,)``, ``(slope, offset)``, or knots ``(x..., y...)``.
        left_out: Why a finding is not calibrated, by code.
        fitted_on: Data set, folds, numbers of records, model, prompts, in plain types.
    """

    method: Method
    parameters: Mapping[str, tuple[float, ...]]
    left_out: Mapping[str, str]
    fitted_on: Mapping[str, Any]

    def apply(self, logits: np.ndarray, codes: tuple[str, ...]) -> np.ndarray:
        """Return probabilities; a finding that is not calibrated keeps its score.

        Args:
            logits: ``(N, C)`` log-odds.
            codes: Finding of each column.
        """
        columns = [
            probabilities(self.method, logits[:, column], self.parameters[code])
            if code in self.parameters
            else probabilities("temperature", logits[:, column], (1.0,))
            for column, code in enumerate(codes)
        ]
        return np.stack(columns, axis=1)

    def summary(self) -> str:
        """Say in a line what the probabilities rest on."""
        on = self.fitted_on
        folds = ", ".join(map(str, on.get("folds", ())))
        return (
            f"probabilities by {self.method} on {on.get('dataset')}, folds {folds} ({on.get('n_records')} recordings)"
        )

    def check(self, **wanted: str | None) -> None:
        """Refuse to serve another model, other prompts or other scores than those it was fitted on.

        Raises:
            ConfigError: One of the named values differs from ``fitted_on``.
        """
        for name, value in wanted.items():
            if self.fitted_on.get(name) != value:
                raise ConfigError(
                    f"the calibration was fitted with another {name}",
                    received=value,
                    allowed=self.fitted_on.get(name),
                    action="fit it again: medclip evaluate --calibrate-fold",
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain types."""
        return {
            "schema": _SCHEMA,
            "method": self.method,
            "fitted_on": dict(self.fitted_on),
            "left_out": dict(self.left_out),
            "parameters": {code: list(values) for code, values in self.parameters.items()},
        }

    def to_json(self) -> str:
        """Return ``to_dict`` as text that ``read`` reads."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> Calibration:
        """Read a file with the text of ``to_json``.

        Raises:
            ConfigError: The file is missing or no calibration.
        """
        try:
            content = read_json(path, maximum_bytes=_MAXIMUM_BYTES)
            if content["schema"] != _SCHEMA or content["method"] not in get_args(Method):
                raise ValueError(f"schema {content['schema']}, method {content['method']}")
            parameters = {code: tuple(map(float, values)) for code, values in content["parameters"].items()}
            if not all(math.isfinite(value) for values in parameters.values() for value in values):
                raise ValueError("a parameter is not finite")
            return cls(content["method"], parameters, dict(content["left_out"]), dict(content["fitted_on"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(f"{path} is no calibration ({error})", action="fit one on a validation fold") from error


def fit_calibration(
    method: Method,
    logits: np.ndarray,
    labels: np.ndarray,
    codes: tuple[str, ...],
    *,
    fitted_on: Mapping[str, Any],
) -> Calibration:
    """Fit the curves.

    Args:
        method: ``temperature``, ``platt`` or ``isotonic``.
        logits: ``(N, C)`` log-odds on validation recordings.
        labels: ``(N, C)``: 1, 0, or nan where not assessed.
        codes: Finding of each column.
        fitted_on: What these recordings, this model and these prompts are; stored with the curves.

    Raises:
        ConfigError: The method is unknown, or no finding has enough recordings.
    """
    if method not in FITS:
        raise ConfigError("unknown calibration", received=method, allowed=list(FITS))
    assessed = ~np.isnan(labels)
    counts = {code: np.bincount(labels[assessed[:, at], at].astype(int), minlength=2) for at, code in enumerate(codes)}
    enough = [at for at, code in enumerate(codes) if counts[code].min() >= FEWEST_RECORDS]
    left_out = {
        code: f"{counts[code][1]} recordings with and {counts[code][0]} without it, at least {FEWEST_RECORDS} needed"
        for at, code in enumerate(codes)
        if at not in enough
    }
    if not enough:
        raise ConfigError(
            "no finding has enough recordings to calibrate on", received=left_out.values(), action="add folds"
        )
    fitted = FITS[method]([(logits[assessed[:, at], at], labels[assessed[:, at], at]) for at in enough])
    parameters = {}
    for at, values in zip(enough, fitted, strict=True):
        if values is None:
            left_out[codes[at]] = "its scores do not rise with the finding on these recordings"
        else:
            parameters[codes[at]] = values
    return Calibration(method, parameters, left_out, dict(fitted_on))
