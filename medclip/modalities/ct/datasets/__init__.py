"""Data sets of computed tomography, one a file."""
