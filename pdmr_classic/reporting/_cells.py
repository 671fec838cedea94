"""Labels of scores, and numbers with their intervals, as cells of tables and axes of plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdmr_classic.models.learners.member import is_joint_view

LABELS = {
    "f1": "F1",
    "precision": "Precision",
    "recall": "Sensitivity (recall)",
    "specificity": "Specificity",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "balanced_accuracy": "Balanced accuracy",
    "auc": "AUC, mean of folds",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
    "calibration_slope": "Calibration slope (ideal: 1)",
    "calibration_intercept": "Calibration intercept (ideal: 0)",
}
SHORT_LABELS = {**LABELS, "auc": "AUC", "brier": "Brier"}
SEVERITY_LABELS = {
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "ccc": "Concordance (CCC)",
    "pearson": "Pearson, mean of folds",
    "spearman": "Spearman, mean of folds",
    "quadratic_kappa": "Quadratic kappa of classes",
    "linear_kappa": "Linear kappa of classes",
    "accuracy": "Accuracy of classes",
    "macro_f1": "Macro F1 of classes",
}
SHORT_SEVERITY_LABELS = {
    **SEVERITY_LABELS,
    **{"mae": "MAE", "rmse": "RMSE", "ccc": "CCC", "pearson": "Pearson", "spearman": "Spearman"},
    **{"quadratic_kappa": "Quadratic kappa", "linear_kappa": "Linear kappa"},
}
MISSING = "-"
# Longer names of joint views have a line per modality.
_MAX_VIEW = 24
# Longer reasons are only in the JSON.
_MAX_REASON = 24


def add_positive(label: str, positive: str | None) -> str:
    """Return a label with the positive class, if there is one."""
    return label if positive is None else f"{label} of {positive}"


def format_with_interval(part: Mapping[str, Any]) -> str:
    """Return a score with its interval, such as "0.810 (0.75 to 0.86)"."""
    interval = format_interval(part, "z.2f")
    return f"{format_mean(part)} ({interval})" if interval else format_mean(part)


def format_mean(part: Mapping[str, Any]) -> str:
    """Return the mean, or why there is none, such as "- (one class only)"."""
    reason = (part.get("reason") or "").partition(" in ")[0]
    is_short = 0 < len(reason) <= _MAX_REASON
    return format_number(part["mean"]) + (f" ({reason})" if is_short else "")


def format_interval(part: Mapping[str, Any], form: str = "z.3f") -> str:
    """Return the limits of an interval; "" without an interval."""
    if part.get("low") is None:
        return ""
    return f"{part['low']:{form}} to {part['high']:{form}}"


def format_number(value: float | None, form: str = "z.3f") -> str:
    """Return a number; a dash if there is none."""
    return MISSING if value is None else f"{value:{form}}"


def format_difference(part: Mapping[str, Any], digits: int = 3) -> str:
    """Return a difference with its interval, such as "+0.041 (-0.02 to +0.10)"; says so if it has none."""
    if part["difference"] is None:
        return MISSING
    return f"{part['difference']:+z.{digits}f} ({format_interval(part, '+z.2f') or 'no interval'})"


def format_view(view: str, n_single: int) -> str:
    """Return a single or joint view as the name of a system, given the number of single views.

    Examples
    --------
    >>> format_view("video_change", 2), format_view("both", 2), format_view("audio+text", 3)
    ('video_change only', 'both as one view', 'audio+text as one view')
    >>> format_view("audio+text+video", 3)
    'all 3 views as one'
    """
    if not is_joint_view(view):
        return f"{view} only"
    modalities = view.split("+")
    if len(modalities) == n_single:
        return f"all {n_single} views as one"
    name = view if len(view) <= _MAX_VIEW else "+\n".join(modalities)
    return f"{name} as one view"


def name_groups(groups: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the names of subgroups; numbers for single people, whose names are their subject ids.

    Examples
    --------
    >>> name_groups({"f": {"n_subjects": 3}, "m": {"n_subjects": 1}}), name_groups({"S07": {"n_subjects": 1}})
    (['f', 'm'], ['person 1'])
    """
    # `--leave subject_id` makes each person a group.
    if all(group["n_subjects"] <= 1 for group in groups.values()):
        return [f"person {number}" for number in range(1, len(groups) + 1)]
    return list(groups)
