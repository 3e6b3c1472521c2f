"""Simulated chest radiographs with known findings: line integrals through a digital phantom.

They are made for tests, examples and demonstrations, and are no substitute for images of patients.
"""

from medclip.modalities.cxr.simulate.simulator import CODES, simulate_radiograph

__all__ = ["CODES", "simulate_radiograph"]
