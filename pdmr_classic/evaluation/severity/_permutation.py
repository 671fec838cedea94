"""Permutation test of severities on fixed out-of-fold predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.evaluation._permutation import describe_permutation, p_value
from pdmr_classic.evaluation._profiles import make_profile_permuter
from pdmr_classic.evaluation.inflation import null_inflation
from pdmr_classic.evaluation.intervals import divide, nanmean
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions
from pdmr_classic.resampling import batch_sizes

_N_PERMUTATIONS = 1000


def permute_scores(predictions: SeverityPredictions, n: int = _N_PERMUTATIONS, seed: int = 0) -> dict[str, Any]:
    """Test whether concordance and rank correlation could arise from predictions that are unrelated to the scores.

    The profiles of subjects (the true scores of their recordings) are exchanged, as in `permutation_test`.

    Returns
    -------
    dict
        `permuted`, `n_permutations` and `p_fixed_predictions`: a p-value for `ccc` and `spearman`, if they are defined.
    """
    _, first, recording = np.unique(predictions.recording.astype(str), return_index=True, return_inverse=True)
    values, codes = np.unique(predictions.truth[first], return_inverse=True)
    subject = predictions.subject[first]
    permute = make_profile_permuter(codes, subject)
    rng = np.random.default_rng(seed)
    observed = _score_truth(predictions, predictions.truth[:, None])
    batches = [
        _score_truth(predictions, values[permute(rng, size)[recording]]) for size in batch_sizes(n, len(predictions))
    ]
    permuted = {name: np.concatenate([batch[name] for batch in batches]) for name in observed}
    return {
        "permuted": describe_permutation(codes.astype(np.int32), subject).replace("label", "score"),
        "n_permutations": n,
        "p_fixed_predictions": {
            name: p_value(permuted[name], float(score[0]), null_inflation(predictions))
            for name, score in observed.items()
            if np.isfinite(score[0])
        },
    }


def _score_truth(predictions: SeverityPredictions, truth: Floats) -> dict[str, Floats]:
    """Return concordance and rank correlation under each column of true scores [n, N], averaged over repeats."""
    repeats = [_score_repeat(predictions, rows, truth) for rows in predictions.repeat_rows()]
    return {name: np.mean([scores[name] for scores in repeats], axis=0) for name in repeats[0]}


def _score_repeat(predictions: SeverityPredictions, rows: Ints, truth: Floats) -> dict[str, Floats]:
    y, x = predictions.predicted[rows], truth[rows]
    covariance, spread = _centre(x).T @ _centre(y) / len(rows), x.var(axis=0) + y.var()
    correlations = [
        _correlate(rankdata(truth[fold], axis=0), rankdata(predictions.predicted[fold]))
        for fold in predictions.fold_rows(rows)
    ]
    ccc = divide(2 * covariance, spread + (x.mean(axis=0) - y.mean()) ** 2)
    return {"ccc": ccc, "spearman": nanmean(np.stack(correlations))}


def _correlate(x: Floats, y: Floats) -> Floats:
    """Return the correlation of each column of x [n, N] with y [n]; NaN for equal values."""
    return divide(_centre(x).T @ _centre(y), len(y) * x.std(axis=0) * y.std())


def _centre(values: Floats) -> Floats:
    return np.asarray(values - values.mean(axis=0))
