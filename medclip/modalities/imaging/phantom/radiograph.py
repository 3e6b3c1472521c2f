"""A radiograph of a phantom: line integrals of attenuation, scatter, noise, and the usual logarithmic display.

Beer and Lambert: what arrives behind the patient is exp(-integral of attenuation). Attenuation of water at the
effective energy of a chest radiograph (60 keV), 0.0206 per mm, is that of the NIST tables (J. H. Hubbell and S. M.
Seltzer, NISTIR 5632, 1995).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import ndimage

from medclip.modalities.imaging.phantom.grid import Grid
from medclip.modalities.imaging.phantom.volume import Phantom

__all__ = ["MASK_SHARE", "View", "attenuation_per_mm", "display", "line_integrals", "project_masks", "projection_grid"]

View = Literal["frontal", "lateral"]

MASK_SHARE = 0.25
"""A finding covers the pixels whose rays run through it for at least this share of its longest ray."""

_WATER_PER_MM = 0.0206
_BONE_FROM, _BONE_GAIN = 120.0, 0.25  # bone absorbs more at 60 keV than Hounsfield units, measured at 70 keV, say
_SCATTER_SHARE = 0.35
_SCATTER_WIDTH_MM = 45.0
_SOURCE_MM = 1800.0
_RIM_ERROR_PX = 0.25
_TONE = 0.75  # below 1 spreads the greys of the lungs
# Radiographs are shown with their coarse contrast pressed together and their detail raised, by every vendor's way.
_DETAIL_MM, _DETAIL_GAIN = 15.0, 2.2
_COARSE_GAIN, _COARSE_TONE = 0.85, 0.75


def projection_grid(size: int, field_mm: float, *, view: View) -> Grid:
    """Grid whose pixels are those of a square radiograph; coarser along the rays."""
    pixel = field_mm / size
    along = min(max(2.0 * pixel, 2.0), 8.0)
    if view == "frontal":
        n_along = int(np.ceil(300.0 / along))
        return Grid((size, n_along, size), (pixel, along, pixel))
    n_along = int(np.ceil(field_mm / along))
    return Grid((size, size, n_along), (pixel, pixel, along))


def attenuation_per_mm(hounsfield: np.ndarray) -> np.ndarray:
    """Linear attenuation at 60 keV; float32, >= 0."""
    attenuation = hounsfield * np.float32(_WATER_PER_MM / 1000)
    attenuation += np.float32(_WATER_PER_MM)
    attenuation += np.maximum(hounsfield - _BONE_FROM, 0.0) * np.float32(_WATER_PER_MM * _BONE_GAIN / 1000)
    return np.maximum(attenuation, 0.0, out=attenuation)


def line_integrals(values: np.ndarray, grid: Grid, *, view: View, source_mm: float | None = _SOURCE_MM) -> np.ndarray:
    """Integrate over rays, in units of ``values`` times mm, ``(height, width)`` with the head at the top.

    A frontal radiograph shows the patient's right on the left of the image, taken from behind (PA); a lateral one shows
    the front on the left.

    Args:
        values: float32 of the grid's shape.
        grid: Where they lie.
        view: ``frontal`` or ``lateral``.
        source_mm: Distance from the focus to the middle of the patient; None for parallel rays.
    """
    axis = 1 if view == "frontal" else 2
    step = grid.spacing_mm[axis]
    if source_mm is None:
        flat = values.sum(axis=axis) * np.float32(step)
    else:
        flat = _cone(np.moveaxis(values, axis, 0), grid, axis, source_mm) * np.float32(step)
    image: np.ndarray = np.ascontiguousarray(flat[::-1])
    return image


def _cone(slices: np.ndarray, grid: Grid, axis: int, source_mm: float) -> np.ndarray:
    """Sum slices as a cone of rays sees them, at the scale of the middle of the patient."""
    # From behind: what lies at the back is nearer to the focus, and so is the right side in a left lateral view.
    depth = grid.axis(1) if axis == 1 else -grid.axis(2)
    across = 2 if axis == 1 else 1
    rows, columns = grid.axis(0), grid.axis(across)
    total = np.zeros((len(rows), len(columns)), np.float32)
    # Slices so near to each other that they differ by a fraction of a pixel at the rim are added first.
    rim_mm = max(abs(float(rows[0])), abs(float(columns[0])), 1.0)
    n_slices = max(1, int(2 * _RIM_ERROR_PX * grid.spacing_mm[0] * source_mm / rim_mm / grid.spacing_mm[axis]))
    for start in range(0, len(depth), n_slices):
        slab = slice(start, start + n_slices)
        shrink = (source_mm - float(depth[slab].mean())) / source_mm
        flat = slices[slab].sum(axis=0)
        total += _shrunk(_shrunk(flat, rows, shrink, axis=0), columns, shrink, axis=1)
    return total


def _shrunk(values: np.ndarray, coordinates_mm: np.ndarray, shrink: float, *, axis: int) -> np.ndarray:
    """Interpolate an image at shrunk coordinates along one axis, linearly; the body goes on beyond its edge."""
    n = len(coordinates_mm)
    if n == 1:
        return values
    places = (coordinates_mm * shrink - coordinates_mm[0]) / (coordinates_mm[1] - coordinates_mm[0])
    below = np.clip(np.floor(places).astype(np.intp), 0, n - 2)
    share = np.clip(places - below, 0.0, 1.0).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
    result: np.ndarray = np.take(values, below, axis=axis) * (1 - share)
    result += np.take(values, below + 1, axis=axis) * share
    return result


def display(absorbed: np.ndarray, pixel_mm: float, random: np.random.Generator, *, noise: float) -> np.ndarray:
    """Turn line integrals of attenuation into a picture in [0, 1] with dark air and 12 bits.

    Args:
        absorbed: Line integrals, without unit.
        pixel_mm: Size of a pixel.
        random: Source of noise.
        noise: Relative noise behind 200 mm of water in a pixel of 1 mm; larger pixels collect more photons. 0 for none.
    """
    arrived = np.exp(-absorbed)
    sigma = _SCATTER_WIDTH_MM / pixel_mm
    # Scatter comes from the patient, not from rays beside; it is so smooth that few pixels will do.
    source = arrived * np.minimum(absorbed / np.float32(1.5), 1.0)
    stride = max(1, int(sigma // 4))
    blurred = ndimage.gaussian_filter(ndimage.uniform_filter(source, stride)[::stride, ::stride], sigma / stride)
    haze = ndimage.zoom(blurred, np.array(arrived.shape) / blurred.shape, order=1, grid_mode=True, mode="nearest")
    seen = arrived + np.float32(_SCATTER_SHARE) * haze
    if noise:
        reference = np.float32(np.exp(-200.0 * _WATER_PER_MM))
        shot = random.standard_normal(seen.shape, dtype=np.float32) * np.sqrt(seen * reference)
        seen = np.maximum(seen + shot * np.float32(noise / pixel_mm), np.float32(0.02) * reference)
    dense = -np.log(seen)
    low, high = np.percentile(dense[_middle(dense)], (1.0, 98.0))
    tone = np.clip(0.06 + 0.90 * (dense - low) / max(float(high - low), 1e-6), 0.0, 1.0) ** _TONE
    coarse = ndimage.gaussian_filter(tone, _DETAIL_MM / pixel_mm, mode="nearest")
    shown = np.clip(_COARSE_GAIN * coarse**_COARSE_TONE + _DETAIL_GAIN * (tone - coarse), 0.0, 1.0)
    result: np.ndarray = (np.rint(shown * 4095) / 4095).astype(np.float32)
    return result


def _middle(image: np.ndarray) -> tuple[slice, slice]:
    height, width = image.shape
    return slice(height // 8, height - height // 8), slice(width // 6, width - width // 6)


def project_masks(phantom: Phantom, *, view: View, source_mm: float | None = _SOURCE_MM) -> dict[str, np.ndarray]:
    """Masks of findings on the radiograph: rays of at least ``MASK_SHARE`` of a finding's longest one."""
    masks = {}
    for kind, share in phantom.shares.items():
        length = line_integrals(share, phantom.grid, view=view, source_mm=source_mm)
        masks[kind] = length >= max(MASK_SHARE * float(length.max()), 1e-3)
    return masks
