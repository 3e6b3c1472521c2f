"""Computed tomography of the chest."""
