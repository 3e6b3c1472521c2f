"""Ways to describe a finding; each file holds one ``STRATEGY`` and is found by its name.

A file whose name starts with an underscore holds what several of them share.
"""
