"""Panels of the help."""

from __future__ import annotations

FILES, LABELS, SEVERITY, DECISION, CHECKS = "Files", "Labels", "Severity", "Decision", "Checks"
LEARNING, EVALUATION, GENERAL = "Learning", "Evaluation", "General"
HUB, CHALLENGE = "Hugging Face hub", "Challenge"
PANELS = (None, FILES, LABELS, SEVERITY, DECISION, CHECKS, LEARNING, EVALUATION, HUB, CHALLENGE, GENERAL)
"""In this order; options of a single verb are above them."""
