"""The curves of a calibration, by method: how they are fitted and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

__all__ = ["FITS", "probabilities"]

Parameters = tuple[float, ...]
# Log-odds and labels of one finding, both (N,).
Column = tuple[np.ndarray, np.ndarray]

_LOG_TEMPERATURES = (-7.0, 7.0)


def probabilities(method: str, logits: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Return ``(N,)`` probabilities for the log-odds ``(N,)`` of one finding."""
    from scipy.special import expit

    if method == "isotonic":
        knots, values = np.split(np.asarray(parameters), 2)
        return np.asarray(np.interp(logits, knots, values))
    slope, offset = (1.0 / parameters[0], 0.0) if method == "temperature" else parameters
    found: np.ndarray = expit(slope * logits + offset)
    return found


def _temperature(columns: Sequence[Column]) -> list[Parameters | None]:
    """One temperature for all findings, by likelihood (Guo et al., arXiv 1706.04599)."""
    from scipy.optimize import minimize_scalar

    logits = np.concatenate([values for values, _ in columns])
    signs = 1.0 - 2.0 * np.concatenate([labels for _, labels in columns])
    found = minimize_scalar(
        lambda log_t: np.logaddexp(0.0, signs * logits * np.exp(-log_t)).mean(),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
        options={"xatol": 1e-8},
    )
    return [(float(np.exp(found.x)),)] * len(columns)


def _platt(columns: Sequence[Column]) -> list[Parameters | None]:
    """Slope and offset per finding, by likelihood; a slope that is not positive would turn the ranking round."""
    from sklearn.linear_model import LogisticRegression

    fitted: list[Parameters | None] = []
    for logits, labels in columns:
        # A finding that is parted perfectly has no finite slope without some penalty.
        model = LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(logits[:, None], labels)
        slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
        fitted.append((slope, offset) if slope > 0 else None)
    return fitted


def _isotonic(columns: Sequence[Column]) -> list[Parameters | None]:
    """A rising step curve per finding; beyond the outermost recordings it is flat."""
    from sklearn.isotonic import IsotonicRegression

    fitted: list[Parameters | None] = []
    for logits, labels in columns:
        model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(logits, labels)
        is_flat = model.y_thresholds_[0] == model.y_thresholds_[-1]
        fitted.append(None if is_flat else (*map(float, model.X_thresholds_), *map(float, model.y_thresholds_)))
    return fitted


FITS: Mapping[str, Callable[[Sequence[Column]], list[Parameters | None]]] = {
    "temperature": _temperature,
    "platt": _platt,
    "isotonic": _isotonic,
}
