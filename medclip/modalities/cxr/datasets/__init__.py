"""Data sets of chest radiographs, one a file."""
