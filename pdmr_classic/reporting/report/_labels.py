"""Labels of scores, and scores with intervals as parts of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pdmr_classic.reporting._cells import LABELS, SEVERITY_LABELS, add_positive

_OWN_LABELS = {
    "recall": "Sensitivity (recall)",
    "specificity": "Specificity",
    "scaled_brier": "Scaled Brier score",
    "log_loss": "Log loss",
    "observed_expected": "Observed : expected (ideal: 1)",
    "accuracy": "Accuracy",
}
_FIELDS = ("mean", "sd", "low", "high")


def label_score(name: str, positive: str | None = None) -> str:
    """Return the label of a score of predicted classes.

    Examples
    --------
    >>> label_score("f1", "Depression"), label_score("recall"), label_score("new_score")
    ('F1 of Depression', 'Sensitivity (recall)', 'New score')
    """
    label = _OWN_LABELS.get(name) or LABELS.get(name) or name.replace("_", " ").capitalize()
    return add_positive(label, positive) if name == "f1" else label


def label_severity(name: str) -> str:
    """Return the label of a score of predicted severities."""
    return SEVERITY_LABELS.get(name) or label_score(name)


def take_interval(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return mean, SD and interval of a score, and the reason if it has none."""
    reason = {"reason": part["reason"]} if part.get("reason") else {}
    return {name: part.get(name) for name in _FIELDS} | reason


def take_scores(scores: Mapping[str, Any], names: Iterable[str]) -> dict[str, dict[str, Any] | None]:
    """Return some of the scores of a system, None for those that it does not have."""
    return {name: take_interval(scores[name]) if name in scores else None for name in names}
