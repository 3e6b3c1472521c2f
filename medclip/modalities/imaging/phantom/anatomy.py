"""The person behind a simulated image: what is individual in a healthy chest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Anatomy", "Posture", "draw_anatomy"]

Posture = Literal["upright", "supine"]


@dataclass(frozen=True)
class Anatomy:
    """Measures of a chest; lengths in mm.

    Args:
        age_years: 20 to 90.
        sex: ``female`` or ``male``.
        half_width_mm: Half of the inner width of the rib cage where it is widest.
        half_depth_mm: Half of its inner depth.
        apex_mm: Height of the top of the lungs above the middle of the chest.
        dome_mm: Height of the right dome of the diaphragm; the left one lies ``dome_offset_mm`` lower.
        dome_offset_mm: See above.
        sulcus_mm: How far the diaphragm falls off towards the chest wall.
        fat_mm: Thickness of fat under the skin.
        muscle_mm: Thickness of the muscle between fat and ribs.
        cardiothoracic_ratio: Width of the heart as a share of the inner width of the chest.
        heart_turn_rad: Angle of the heart's long axis below the horizontal.
        scoliosis_mm: Largest shift of the spine to the side.
        kyphosis_mm: Depth of the curve of the thoracic spine.
        aorta_mm: Radius of the aorta.
        blood_hounsfield: Attenuation of blood: about 40 without contrast medium, 150 or more with it.
        posture: ``upright`` with the arms down, or ``supine`` with the arms up.
    """

    age_years: int
    sex: Literal["female", "male"]
    half_width_mm: float
    half_depth_mm: float
    apex_mm: float
    dome_mm: float
    dome_offset_mm: float
    sulcus_mm: float
    fat_mm: float
    muscle_mm: float
    cardiothoracic_ratio: float
    heart_turn_rad: float
    scoliosis_mm: float
    kyphosis_mm: float
    aorta_mm: float
    blood_hounsfield: float
    posture: Posture


def draw_anatomy(patient: np.random.Generator, record: np.random.Generator, *, posture: Posture) -> Anatomy:
    """Draw a healthy chest; ``patient`` decides what stays from record to record, ``record`` breath and contrast."""
    age = int(patient.integers(20, 91))
    is_male = bool(patient.random() < 0.5)
    size = (1.0 if is_male else 0.91) * (1 + 0.05 * np.clip(patient.standard_normal(), -2, 2))
    lung_height = size * patient.uniform(0.94, 1.06)
    breath_out_mm = 18.0 * record.random() ** 2 + (14.0 if posture == "supine" else 0.0)
    has_contrast = record.random() < 0.5
    return Anatomy(
        age_years=age,
        sex="male" if is_male else "female",
        half_width_mm=136.0 * size * patient.uniform(0.96, 1.04),
        half_depth_mm=90.0 * size * patient.uniform(0.92, 1.08),
        apex_mm=128.0 * lung_height,
        dome_mm=-98.0 * lung_height + breath_out_mm,
        dome_offset_mm=patient.uniform(6.0, 16.0),
        sulcus_mm=patient.uniform(52.0, 66.0),
        fat_mm=patient.uniform(6.0, 30.0),
        muscle_mm=patient.uniform(9.0, 16.0),
        cardiothoracic_ratio=patient.uniform(0.40, 0.475),
        heart_turn_rad=np.radians(patient.uniform(25.0, 50.0)),
        scoliosis_mm=patient.uniform(-6.0, 6.0),
        kyphosis_mm=patient.uniform(4.0, 14.0) + 0.1 * (age - 20),
        aorta_mm=12.0 * size + 0.05 * (age - 20),
        blood_hounsfield=float(record.uniform(150.0, 260.0)) if has_contrast else 42.0,
        posture=posture,
    )
