"""A digital chest with known findings: a volume in Hounsfield units, and its projection as a radiograph.

Every organ is an implicit shape, so that a patient can be computed on any grid, and every finding has an exact mask. It
is no substitute for images of patients.
"""
