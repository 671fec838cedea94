"""Differences between the scores of two systems of predicted classes for the same rows, with intervals."""

from __future__ import annotations

import numpy as np

from pdmr_classic.arrays import finite_or_none
from pdmr_classic.evaluation.held_out_rows import match_rows
from pdmr_classic.evaluation.inflation import null_inflation
from pdmr_classic.evaluation.intervals import bootstrap_scores, count_rarest_class_subjects, difference_interval
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import main_score


def compare_main_scores(a: Predictions, b: Predictions, seed: int = 0) -> dict[str, dict[str, float | None]]:
    """Return the difference (a - b) of the main score and of the AUC on the rows that both predict.

    Returns
    -------
    dict
        For each score `difference`, and `low` and `high` of its 95% interval, which draws subjects; None if undefined.
    """
    a, b = match_rows(a, b)
    drawn_a, drawn_b = bootstrap_scores(a, seed=seed), bootstrap_scores(b, seed=seed)
    differences = {}
    for name in (main_score(a.positive), "auc"):
        drawn = np.asarray(drawn_a[name] - drawn_b[name])
        low, high = difference_interval(drawn, count_rarest_class_subjects(a), null_inflation(a)) or (None, None)
        differences[name] = {"difference": finite_or_none(drawn[0]), "low": low, "high": high}
    return differences
