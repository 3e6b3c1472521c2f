"""NIfTI on the grid of the volume."""

from medclip.core.modality import MapWriter
from medclip.modalities.imaging.map_nifti import write_nifti

__all__ = ["MAP_WRITER"]

MAP_WRITER = MapWriter("nifti", "NIfTI on the grid of the volume, without identifiers", ".nii.gz", write_nifti)
