"""Contracts that every other layer stands on: samples, batches, input specifications, modalities, errors."""
