"""Panels of the help."""

from __future__ import annotations

FILES, LABELS, SEVERITY, DECISION, CHECKS = "Files", "Labels", "Severity", "Decision", "Checks"
LEARNING, EVALUATION, CHALLENGE, GENERAL = "Learning", "Evaluation", "Challenge", "General"
PANELS = (None, FILES, LABELS, SEVERITY, DECISION, CHECKS, LEARNING, EVALUATION, CHALLENGE, GENERAL)
"""In this order; options of a single verb are above them."""
