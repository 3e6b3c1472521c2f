"""File formats of chest radiographs."""
