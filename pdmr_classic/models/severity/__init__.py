"""Severity: a stack that predicts a score, with intervals and ordered classes."""
