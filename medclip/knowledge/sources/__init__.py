"""Readers of published vocabularies, one layout a file; see ``medclip/knowledge/source.py``."""
