"""Calibration curve in the bins of the calibration error, with slope and intercept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.evaluation.bootstrap import bootstrap_statistics, percentile_interval
from pdmr_classic.evaluation.calibration_scores import select_probability, split_into_bins
from pdmr_classic.evaluation.intervals import count_rarest_class_subjects
from pdmr_classic.evaluation.predictions import Predictions

_DRAWS = 500
_BINNING = (
    "{n} bins with the same number of recordings, sorted by probability, within each repeat over its pooled folds; the "
    "expected calibration error is the mean distance between predicted and observed share, weighted by the number of "
    "recordings{mean}. Even perfectly calibrated probabilities have one above 0 on so few recordings."
)
_OVER_REPEATS = ", and the mean over repeats; the points are means over repeats, too"


def build_calibration(predictions: Predictions, scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return the calibration curve, and slope, intercept and error as in the scores of the evaluation.

    Parameters
    ----------
    predictions : Predictions
    scores : mapping
        Of the same predictions, see `summarise_calibration`.

    Notes
    -----
    The intervals of the observed shares are expanded percentiles of a bootstrap of subjects, within fixed bins.
    """
    p, is_true = select_probability(predictions)
    repeats = [_sort_bins(p, rows) for rows in predictions.repeat_rows()]
    n_bins = min(map(len, repeats))
    observed = bootstrap_statistics(
        predictions.subject, lambda weights: _observe(repeats, n_bins, is_true, weights), _DRAWS
    )
    n_subjects = count_rarest_class_subjects(predictions)
    bins = []
    for k in range(n_bins):
        low, high = percentile_interval(observed[str(k)], n_subjects, bounds=(0.0, 1.0)) or (None, None)
        bins.append(
            {
                "predicted": float(np.mean([p[bins[k]].mean() for bins in repeats])),
                "observed": float(observed[str(k)][0]),
                "low": low,
                "high": high,
                "n": float(np.mean([len(bins[k]) for bins in repeats])),
            }
        )
    return {
        "bins": bins,
        "slope": scores.get("calibration_slope"),
        "intercept": scores.get("calibration_intercept"),
        "ece": scores["calibration_error"],
        "binning": _BINNING.format(n=n_bins, mean=_OVER_REPEATS if len(repeats) > 1 else ""),
    }


def _sort_bins(p: Floats, rows: Ints) -> list[Ints]:
    return split_into_bins(rows[np.argsort(p[rows], kind="stable")])


def _observe(repeats: list[list[Ints]], n_bins: int, is_true: Floats, weights: Floats) -> dict[str, Floats]:
    """Return the observed share in each bin for each weight column, averaged over repeats; NaN in an empty bin."""
    shares = {}
    with np.errstate(invalid="ignore"):
        for k in range(n_bins):
            parts = [is_true[bins[k]] @ weights[bins[k]] / weights[bins[k]].sum(axis=0) for bins in repeats]
            shares[str(k)] = np.mean(parts, axis=0)
    return shares
