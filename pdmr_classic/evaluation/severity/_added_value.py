"""What each view adds to the covariates alone, in severities; see `summarise_added_value` for classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.evaluation._added_value import ALL_VIEWS, is_significant, pair_with_covariates
from pdmr_classic.evaluation.intervals import divide
from pdmr_classic.evaluation.severity._differences import compare_scores
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions
from pdmr_classic.evaluation.swap_test import N_SWAPS, Differences, average_differences, swap_sums, swap_test

_SCORES = ("mae", "ccc")


def summarise_added_severity(
    model: SeverityPredictions, systems: Mapping[str, SeverityPredictions], seed: int = 0
) -> dict[str, Any]:
    """Return for each view the differences in MAE and CCC that it makes to the covariates alone; empty without these.

    Returns
    -------
    dict
        `views`: for each view, and for "all views" together, `n_recordings`, `n_subjects` and `differences` with
        `difference`, `low`, `high` and `p`; `n_permutations`.
    """
    pairs = pair_with_covariates(model, systems)
    if not pairs:
        return {}
    return {"views": {view: _compare(*pair, seed) for view, pair in pairs.items()}, "n_permutations": N_SWAPS}


def conclude_added_severity(added: Mapping[str, Any]) -> list[str]:
    """Return what the views add to the covariates alone, in a sentence; none without covariates."""
    if not added:
        return []
    view = ALL_VIEWS if ALL_VIEWS in added["views"] else next(iter(added["views"]))
    part = added["views"][view]["differences"]["mae"]
    subject = f"With {'all views together' if view == ALL_VIEWS else view}, the mean absolute error"
    if part["low"] is None or part["high"] is None:
        return [f"{subject} cannot be compared with that of the covariates alone"]
    is_apart = part["low"] > 0 or part["high"] < 0
    verdict = ("larger" if part["low"] > 0 else "smaller") + " than" if is_apart else "not distinguishable from"
    verb = "may be" if is_apart and not is_significant(part["p"]) else "is"
    p = "" if part["p"] is None else f", permutation p {part['p']:.3f}"
    facts = f"difference {part['difference']:+z.2f} (95% CI {part['low']:+z.2f} to {part['high']:+z.2f}){p}"
    return [f"{subject} {verb} {verdict} that of the covariates alone: {facts}"]


def _compare(system: SeverityPredictions, reference: SeverityPredictions, seed: int) -> dict[str, Any]:
    p = swap_test(system, severity_differences(system, reference), seed=seed)
    return {
        "n_recordings": len(np.unique(system.recording.astype(str))),
        "n_subjects": len(np.unique(system.subject)),
        "differences": {name: {**compare_scores(system, reference, name, seed), "p": p.get(name)} for name in _SCORES},
    }


def severity_differences(a: SeverityPredictions, b: SeverityPredictions) -> Differences:
    """Return a function of the differences a - b in mean absolute error and concordance.

    Systems that spread their severities differently are not exchangeable in the concordance, which depends on the
    spread: the interval says more about it than the p-value does.
    """
    subject = _number_subjects(a)

    def repeat_differences(rows: Ints) -> Differences:
        sums = [_sum_errors(system, rows, subject) for system in (a, b)]

        def differences(swaps: Floats) -> dict[str, Floats]:
            first, second = map(_scores_of_sums, swap_sums(sums[0], sums[1], swaps))
            return {name: first[name] - second[name] for name in _SCORES}

        return differences

    return average_differences([repeat_differences(rows) for rows in a.repeat_rows()])


def _number_subjects(system: SeverityPredictions) -> Ints:
    return np.unique(system.subject, return_inverse=True)[1]


def _sum_errors(system: SeverityPredictions, rows: Ints, subject: Ints) -> Floats:
    """Return sums over the rows of each subject, shape [5, S], from which the scores follow."""
    centre = system.truth[rows].mean()
    x, y = system.truth[rows] - centre, system.predicted[rows] - centre
    sums = np.zeros((int(subject.max()) + 1, 5))
    np.add.at(sums, subject[rows], np.stack([np.ones(len(rows)), np.abs(y - x), x**2, y**2, x * y], axis=1))
    return sums.T


def _scores_of_sums(sums: Floats) -> dict[str, Floats]:
    n, error, square_x, square_y, product = sums
    # The truth is centred, so that the squared difference of the means is part of the mean square.
    return {"mae": error / n, "ccc": divide(2 * product, square_x + square_y)}
