"""Test whether recording conditions tell the classes apart, together or any single one of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from pdmr_classic.arrays import Floats
from pdmr_classic.evaluation._permutation import permutation_test
from pdmr_classic.evaluation._profiles import make_profile_permuter
from pdmr_classic.evaluation.predictions import Predictions

_N_PERMUTATIONS = 1000
_TOLERANCE = 1e-9


def examine_conditions(columns: pd.DataFrame, predictions: Predictions, seed: int = 0) -> tuple[str, float]:
    """Return the column that differs most between classes, and the p of the conditions.

    The p is the smaller one of two, doubled: that of the AUC of a learner of all columns (see `permutation_test`), and
    that of the largest difference in any column (see `compare_single_columns`).

    Parameters
    ----------
    columns : DataFrame of float, shape [n, C]
        Index `data_id`.
    predictions : Predictions
        Of the learner, out of fold.
    seed : int
    """
    strongest, p_column = compare_single_columns(columns, predictions, seed)
    p_auc = permutation_test(predictions, seed=seed)["p_fixed_predictions"].get("auc", 1.0)
    return strongest, min(2 * min(p_auc, p_column), 1.0)


def compare_single_columns(columns: pd.DataFrame, predictions: Predictions, seed: int = 0) -> tuple[str, float]:
    """Return the column that differs most between classes, and the permutation p of such a difference in any column.

    A learner of several columns on few subjects misses a shortcut in one of them. The statistic is the largest
    standardised difference in mean rank between one class and the others, over all columns and classes; the label
    profiles of subjects are permuted (max-t, Westfall and Young 1993).

    Parameters
    ----------
    columns : DataFrame of float, shape [n, C]
        Index `data_id`; at least one column varies. NaN counts as the median of its column.
    predictions : Predictions
        Provide recordings, labels and subjects.
    seed : int
    """
    _, first = np.unique(predictions.recording.astype(str), return_index=True)
    truth, subject = predictions.truth[first], predictions.subject[first]
    values = columns.loc[predictions.recording[first]].astype(np.float64)
    values = values.fillna(values.median())
    varying = values.loc[:, values.nunique() > 1]
    if varying.empty:
        return "", 1.0  # constant in the recordings that were predicted
    ranks = rankdata(varying.to_numpy(), axis=0)
    ranks = (ranks - ranks.mean(axis=0)) / ranks.std(axis=0)
    permuted = make_profile_permuter(truth, subject)(np.random.default_rng(seed), _N_PERMUTATIONS)
    observed = _largest_differences(ranks, truth[:, None], len(predictions.classes))
    by_chance = _largest_differences(ranks, permuted, len(predictions.classes)).max(axis=0)
    p = (1 + np.count_nonzero(by_chance >= observed.max() - _TOLERANCE)) / (1 + _N_PERMUTATIONS)
    return str(varying.columns[int(observed[:, 0].argmax())]), float(p)


def _largest_differences(ranks: Floats, labels: NDArray[np.integer], n_classes: int) -> Floats:
    """Return the largest standardised difference of a class from the others, shape [columns, draws]."""
    differences = []
    for k in range(n_classes):
        is_class = (labels == k).astype(np.float64)
        count = is_class.sum(axis=0)
        scale = np.sqrt(np.maximum(count * (len(labels) - count), 1))
        differences.append(np.abs(ranks.T @ is_class) / scale)
    return np.asarray(np.max(differences, axis=0))
