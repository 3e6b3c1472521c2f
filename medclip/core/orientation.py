"""Which axis of a volume runs which way through the patient."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["AxisOrder", "axis_order"]

# Patient coordinates are those of DICOM: x to the patient's left, y to the back, z to the head.
_CANONICAL = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


@dataclass(frozen=True)
class AxisOrder:
    """How the axes of a volume become foot to head, front to back, right to left.

    Args:
        axes: For each canonical axis, the axis of the volume that runs along it.
        signs: For each canonical axis, 1, or -1 if the volume's axis runs against it.
        tilt_degrees: Largest angle between a canonical axis and the volume's own.
    """

    axes: tuple[int, int, int]
    signs: tuple[int, int, int]
    tilt_degrees: float


def axis_order(direction: Sequence[float]) -> AxisOrder:
    """Return the order of axes that is nearest to the canonical one.

    Args:
        direction: 9 numbers as in ``Sample.direction``.

    >>> axis_order((0, 0, -1, 0, 1, 0, 1, 0, 0))
    AxisOrder(axes=(0, 1, 2), signs=(-1, 1, 1), tilt_degrees=0.0)
    """
    # Cosine between canonical axis i and axis j of the volume.
    cosines = _CANONICAL @ np.asarray(direction, np.float64).reshape(3, 3).T
    axes = max(itertools.permutations(range(3)), key=lambda order: sum(abs(cosines[i, j]) for i, j in enumerate(order)))
    chosen = [float(cosines[i, j]) for i, j in enumerate(axes)]
    first, second, third = (1 if cosine >= 0 else -1 for cosine in chosen)
    tilt = math.degrees(math.acos(min(1.0, min(map(abs, chosen)))))
    return AxisOrder((axes[0], axes[1], axes[2]), (first, second, third), tilt)
