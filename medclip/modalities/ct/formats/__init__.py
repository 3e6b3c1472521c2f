"""File formats of CT volumes, one a file."""
