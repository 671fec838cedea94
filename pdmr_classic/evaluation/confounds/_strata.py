"""Scores within strata of equal recording conditions, and differences in score between two systems."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, finite_or_none
from pdmr_classic.evaluation.bootstrap import bootstrap_statistics
from pdmr_classic.evaluation.held_out_rows import match_rows
from pdmr_classic.evaluation.inflation import null_inflation
from pdmr_classic.evaluation.intervals import (
    bootstrap_scores,
    count_rarest_class_subjects,
    difference_interval,
    nanmean,
    weighted_auc,
)
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import find_limits

_N_STRATA = 3
_N_DRAWS = 2000
_MIN_PAIRS = 20


def compare_aucs(a: Predictions, b: Predictions, seed: int = 0) -> dict[str, float | None]:
    """Return the difference in AUC, a - b, on the rows that both have, with its 95% interval.

    Returns
    -------
    dict
        `difference`, `low` and `high`; None if undefined.
    """
    a, b = match_rows(a, b)
    if not len(a):
        return {"difference": None, "low": None, "high": None}
    drawn = bootstrap_scores(a, seed=seed)["auc"] - bootstrap_scores(b, seed=seed)["auc"]
    low, high = difference_interval(drawn, count_rarest_class_subjects(a), null_inflation(a)) or (None, None)
    return {"difference": finite_or_none(drawn[0]), "low": low, "high": high}


def score_within_strata(
    system: Predictions, conditions: Predictions, seed: int = 0, n_strata: int = _N_STRATA
) -> dict[str, Any]:
    """Return the AUC of a system among recordings whose conditions predict about the same.

    Each fold is divided into strata (thirds) by the probability that the conditions give, without dividing ties. The
    AUC is the share of concordant pairs among all pairs within a stratum, averaged over repeats.

    Parameters
    ----------
    system : Predictions
    conditions : Predictions
        Of a nuisance group, for the same recordings.
    seed : int
    n_strata : int

    Returns
    -------
    dict
        `n_strata`, `n_pairs` (per repeat) and `auc` with `mean`, `low`, `high`: None with fewer than 20 pairs, as when
        conditions and labels are the same thing.
    """
    system, conditions = match_rows(system, conditions)
    undefined: dict[str, float | None] = {"mean": None, "low": None, "high": None}
    result: dict[str, Any] = {"n_strata": n_strata, "n_pairs": 0, "auc": undefined}
    if not len(system):
        return result
    strata = [_make_strata(conditions, k, n_strata) for k in system.auc_classes]
    ones = np.ones((len(system), 1))
    _, n_pairs = _stratified_auc(system, strata, ones)
    result["n_pairs"] = round(float(n_pairs[0]))
    if result["n_pairs"] < _MIN_PAIRS:
        return result
    drawn = bootstrap_statistics(
        system.subject, lambda weights: {"auc": _stratified_auc(system, strata, weights)[0]}, _N_DRAWS, seed
    )["auc"]
    return result | {"auc": {"mean": finite_or_none(drawn[0]), **find_limits(system, "auc", drawn)}}


def _make_strata(conditions: Predictions, k: int, n_strata: int) -> Ints:
    """Return the stratum of each row, numbered over all repeats and folds."""
    strata = np.empty(len(conditions), dtype=np.intp)
    number = 0
    for rows in conditions.repeat_rows():
        for fold in conditions.fold_rows(rows):
            p = np.round(conditions.probability[fold, k], 6)
            edges = np.quantile(p, np.arange(1, n_strata) / n_strata, method="lower")
            strata[fold] = number + np.searchsorted(edges, p, side="left")
            number += n_strata
    return strata


def _stratified_auc(system: Predictions, strata: list[Ints], weights: Floats) -> tuple[Floats, Floats]:
    """Return the AUC within strata and the number of pairs per repeat, both of shape [B]; the mean over classes."""
    aucs, counts = [], []
    for k, stratum in zip(system.auc_classes, strata, strict=True):
        concordant = np.zeros(weights.shape[1])
        total = np.zeros(weights.shape[1])
        for rows in _split_rows(stratum):
            positive = system.truth[rows] == k
            if positive.all() or not positive.any():
                continue
            pairs = weights[rows][positive].sum(axis=0) * weights[rows][~positive].sum(axis=0)
            concordant += np.nan_to_num(weighted_auc(system.probability[rows, k], positive, weights[rows])) * pairs
            total += pairs
        aucs.append(np.divide(concordant, total, out=np.full(len(total), np.nan), where=total > 0))
        counts.append(total / len(np.unique(system.repeat)))
    return nanmean(np.stack(aucs)), np.min(counts, axis=0)


def _split_rows(stratum: Ints) -> list[NDArray[np.intp]]:
    return [np.flatnonzero(stratum == number) for number in np.unique(stratum)]
