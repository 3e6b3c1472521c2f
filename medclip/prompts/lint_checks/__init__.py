"""Checks of the linter; each file holds one ``CHECK``."""
