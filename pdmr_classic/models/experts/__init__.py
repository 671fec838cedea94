"""Experts by recording condition, combined with a common model."""
