"""Reasons not to take the scores of a results file at their face value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pdmr_classic.errors import Finding
from pdmr_classic.models.decision.hints import find_mixed_subjects
from pdmr_classic.text import format_count

_NEARLY_ALL = 0.9
_MARGIN = 0.1
_EPSILON = 1e-9


def find_note_warnings(
    notes: Mapping[str, Any], overlap: pd.Index, truth: pd.Series, subjects: pd.Series | None
) -> list[Finding]:
    """Return the warnings that follow from the notes of `predict`.

    Parameters
    ----------
    notes : mapping
        As returned by `read_notes`.
    overlap : Index
        The scored recordings that were in the training data.
    truth : Series of str
        Labels of the scored recordings.
    subjects : Series of str, optional
        Subjects of at least these recordings.
    """
    warnings = []
    if len(overlap):
        n = format_count(len(overlap), "recording was", "recordings were")
        what = f"{n} in the training data: these scores say nothing about new people"
        warnings.append(Finding("scored-overlap", what, found=f"{len(overlap)} of {len(truth)}"))
    if notes.get("mismatch"):
        what = "the recordings do not match those of training (--allow-mismatch): the scores may say little"
        warnings.append(Finding("scored-mismatch", what))
    if notes.get("n_subjects") and subjects is not None:
        warnings += find_mixed_subjects(truth, subjects.reindex(truth.index, fill_value="").to_numpy(dtype=object))
    return warnings


def find_uncertain_warnings(n_uncertain: int, n_scored: int) -> list[Finding]:
    """Return a warning if recordings without a decision are left out of the scores.

    Examples
    --------
    >>> find_uncertain_warnings(5, 15)[0].what
    '5 recordings are Uncertain and are left out: the scores are those of the others, which are easier'
    """
    if not n_uncertain:
        return []
    what = format_count(n_uncertain, "recording is Uncertain and is", "recordings are Uncertain and are")
    what += " left out: the scores are those of the others, which are easier"
    return [Finding("scored-uncertain", what, found=f"{n_uncertain} of {n_uncertain + n_scored}")]


def find_score_warnings(scores: Mapping[str, float], positive: str | None) -> list[Finding]:
    """Return the warnings that follow from scores, as returned by `score`.

    Examples
    --------
    >>> scores = {"f1": 0.6, "floor": 0.667, "precision": 0.5, "recall": 0.75, "positive_share": 0.5}
    >>> [warning.what for warning in find_score_warnings(scores, "Depression")]
    ['F1 is not higher than that of always predicting Depression']
    """
    if positive is None:
        return []
    warnings = []
    if scores["f1"] < scores["floor"] + _EPSILON:
        what = f"F1 is not higher than that of always predicting {positive}"
        warnings.append(Finding("below-floor", what, found=f"{scores['f1']:.3f} and {scores['floor']:.3f}"))
    share = scores["positive_share"]
    # The number of true positives is recall times positives, and precision times predicted positives.
    predicted = scores["recall"] * share / scores["precision"] if scores["precision"] else 0.0
    if predicted >= _NEARLY_ALL and predicted >= share + _MARGIN:
        what = f"nearly all recordings are predicted as {positive}"
        warnings.append(Finding("nearly-all-positive", what, found=f"{predicted:.0%}; {share:.0%} are labelled so"))
    return warnings
