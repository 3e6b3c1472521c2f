"""Data sets of electrocardiograms: one data set a file."""
