"""Evaluation of predicted severities: scores with intervals, baselines, coverage, comparison."""
