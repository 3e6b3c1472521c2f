"""Data sets of chest radiographs, one file each."""
