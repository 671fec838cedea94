"""Scores of severities by subgroup of the recordings, and of degraded recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import finite_or_none
from pdmr_classic.evaluation.held_out_rows import match_rows
from pdmr_classic.evaluation.severity.intervals import weighted_severity_scores
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions
from pdmr_classic.evaluation.severity.scores import summarise_severity
from pdmr_classic.evaluation.subgroups import name_groups

_STRESS_SCORES = ("mae", "ccc")


def score_subgroups(predictions: SeverityPredictions, groups: pd.Series, seed: int = 0) -> dict[str, Any]:
    """Return the scores of each subgroup, see `summarise_severity`.

    Concordance and correlations are lower in a subgroup whose scores hardly differ, also if the errors are the same.

    Parameters
    ----------
    predictions : SeverityPredictions
    groups : Series of str
        Indexed by `data_id`; recordings with an empty cell form the group "(unknown)".
    seed : int
    """
    rows = name_groups(groups, predictions)
    return {value: summarise_severity(predictions.subset(rows == value), seed) for value in sorted(set(rows))}


def score_stress_tests(
    unaltered: SeverityPredictions, stressed: Mapping[str, SeverityPredictions]
) -> dict[str, dict[str, Any]]:
    """Return MAE and concordance in each stress test, and those of the same recordings without alteration."""
    return {
        name: {
            "n_recordings": len(np.unique(predictions.recording.astype(str))),
            "scores": _average_scores(predictions),
            "unaltered_scores": _average_scores(match_rows(unaltered, predictions)[0]),
        }
        for name, predictions in stressed.items()
    }


def _average_scores(predictions: SeverityPredictions) -> dict[str, float | None]:
    scores = weighted_severity_scores(predictions, np.ones((len(predictions), 1)))
    return {name: finite_or_none(scores[name][0]) for name in _STRESS_SCORES}
