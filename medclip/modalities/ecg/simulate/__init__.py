"""A simulator of twelve-lead ECGs with known findings, for tests, examples and demonstrations.

A moving dipole is projected on the leads, so the leads are consistent with each other; every finding meets the numeric
criterion by which it is diagnosed. It is no substitute for recordings of patients.
"""

from medclip.modalities.ecg.simulate.findings import CODES, RHYTHMS
from medclip.modalities.ecg.simulate.noise import NoiseLevels
from medclip.modalities.ecg.simulate.simulator import simulate_cohort, simulate_ecg

__all__ = ["CODES", "RHYTHMS", "NoiseLevels", "simulate_cohort", "simulate_ecg"]
