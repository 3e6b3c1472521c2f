"""Medclip's own statements about findings: TOML files, one group of findings each; see ``read.py`` for their keys."""
