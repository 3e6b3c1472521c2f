"""Chest radiographs."""
