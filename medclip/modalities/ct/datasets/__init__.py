"""Data sets of computed tomography, one file each."""
