"""Simulated volumes of the chest with known findings: a digital phantom in Hounsfield units.

They are made for tests, examples and demonstrations, and are no substitute for images of patients.
"""

from medclip.modalities.ct.simulate.simulator import CODES, simulate_volume

__all__ = ["CODES", "simulate_volume"]
