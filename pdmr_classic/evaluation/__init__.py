"""Estimate, compare and check performance: nested cross-validation, baselines, intervals, stress tests."""
