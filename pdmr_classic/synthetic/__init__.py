"""Synthetic data sets with known effects, for demos and tests."""
