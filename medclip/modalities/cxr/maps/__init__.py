"""Formats for maps of findings, one per module."""
