"""File formats of electrocardiograms: one device format a file."""
