"""Differences between the severities of two systems for the same rows, with intervals."""

from __future__ import annotations

import numpy as np

from pdmr_classic.arrays import finite_or_none
from pdmr_classic.evaluation.held_out_rows import match_rows
from pdmr_classic.evaluation.inflation import null_inflation
from pdmr_classic.evaluation.intervals import difference_interval
from pdmr_classic.evaluation.severity.intervals import bootstrap_severity, count_subject_pairs
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions


def compare_scores(
    a: SeverityPredictions, b: SeverityPredictions, name: str, seed: int = 0, inflation: float | None = None
) -> dict[str, float | None]:
    """Return the difference of a score (a - b) on the rows that both predict, with `low` and `high` of its interval.

    `inflation` of the standard error is that of `null_inflation` by default.
    """
    a, b = match_rows(a, b)
    drawn = bootstrap_severity(a, seed=seed)[name] - bootstrap_severity(b, seed=seed)[name]
    limits = difference_interval(
        drawn, count_subject_pairs(a, name), null_inflation(a) if inflation is None else inflation
    )
    low, high = limits if limits is not None and np.isfinite(drawn[0]) else (None, None)
    return {"difference": finite_or_none(drawn[0]), "low": low, "high": high}
