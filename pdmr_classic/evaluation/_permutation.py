"""Permutation test on fixed out-of-fold predictions: p-values of the scores, from permuted labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.evaluation._profiles import Codes, has_mixed_profile, make_profile_permuter
from pdmr_classic.evaluation.inflation import null_inflation
from pdmr_classic.evaluation.intervals import nanmean
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.resampling import batch_sizes

_N_PERMUTATIONS = 1000
_TOLERANCE = 1e-12


def permutation_test(predictions: Predictions, n: int = _N_PERMUTATIONS, seed: int = 0) -> dict[str, Any]:
    """Test whether the scores could arise from predictions that are unrelated to the labels.

    Labels are permuted by exchanging the label profiles of subjects (see `make_profile_permuter`): between subjects
    and, for subjects with several labels, between their recordings. The predictions are fixed: models are not retrained
    on permuted labels.

    Returns
    -------
    dict
        `permuted` ("subject labels"; "label profiles of subjects" if some subjects have several labels; "recording
        labels within subjects" if all subjects have the same shares of labels), `n_permutations`, and
        `p_fixed_predictions`, one p-value per score.

    Notes
    -----
    The scores of permuted labels are computed with the observed number of recordings of each class: if subjects have
    different numbers of recordings, an exchange changes these numbers, and with them the F1 of any prediction.

    The permutation distribution is widened around its mean, because fixed predictions understate its variance (see
    `null_inflation`).
    """
    _, first, recording = np.unique(predictions.recording.astype(str), return_index=True, return_inverse=True)
    truth, subject = predictions.truth[first].astype(np.int16), predictions.subject[first]
    permute = make_profile_permuter(truth, subject)
    observed = _score_labels(predictions, truth[recording][:, None])
    rng = np.random.default_rng(seed)
    batches = [_score_labels(predictions, permute(rng, size)[recording]) for size in batch_sizes(n, len(predictions))]
    permuted = {name: np.concatenate([batch[name] for batch in batches]) for name in observed}
    return {
        "permuted": describe_permutation(truth, subject),
        "n_permutations": n,
        "p_fixed_predictions": {
            name: p_value(permuted[name], value[0], null_inflation(predictions))
            for name, value in observed.items()
            if np.isfinite(value[0])
        },
    }


def describe_permutation(truth: Codes, subject: Ints) -> str:
    """Return what an exchange of label profiles permutes; `truth` and `subject` are those of each recording."""
    if not has_mixed_profile(truth, subject).any():
        return "subject labels"
    profiles = pd.crosstab(subject, truth, normalize="index").to_numpy()
    return "recording labels within subjects" if np.ptp(profiles, axis=0).max() == 0 else "label profiles of subjects"


def p_value(permuted: Floats, score: float, inflation: float) -> float:
    """Return the share of permuted scores, widened around their mean, that reach the observed score."""
    permuted = permuted[np.isfinite(permuted)]
    mean = permuted.mean()
    widened = mean + inflation * (permuted - mean)
    return float(1 + np.count_nonzero(widened >= score - _TOLERANCE)) / (1 + len(permuted))


# Vectorised over a thousand label columns, unlike `metrics.score`; a test checks that both agree.
def _score_labels(predictions: Predictions, truth: Codes) -> dict[str, Floats]:
    """Return AUC and macro F1 (and F1 of the positive class) under each column of labels, averaged over repeats."""
    repeats = [_score_repeat(predictions, rows, truth) for rows in predictions.repeat_rows()]
    return {name: np.mean([scores[name] for scores in repeats], axis=0) for name in repeats[0]}


def _score_repeat(predictions: Predictions, rows: Ints, truth: Codes) -> dict[str, Floats]:
    f1 = _f1_scores(truth[rows], predictions.predicted[rows], predictions.truth[rows], len(predictions.classes))
    p = predictions.probability
    class_aucs = [
        nanmean(np.stack([_auc_scores(truth[fold] == k, p[fold, k]) for fold in predictions.fold_rows(rows)]))
        for k in predictions.auc_classes
    ]
    scores = {} if predictions.positive_index is None else {"f1": f1[predictions.positive_index]}
    return scores | {"macro_f1": nanmean(f1), "auc": nanmean(np.stack(class_aucs))}


def _f1_scores(truth: Codes, predicted: Ints, observed: Ints, n_classes: int) -> Floats:
    """Return the F1 of each class and label column [K, N], each true class weighted to its observed number of rows."""
    n_observed = np.bincount(observed, minlength=n_classes)
    rates = np.stack([_prediction_rates(truth == k, predicted, n_classes) for k in range(n_classes)])
    # [true class, predicted class, N]; classes that were never observed have no weight.
    expected = np.where(n_observed[:, None, None] > 0, n_observed[:, None, None] * rates, 0.0)
    n_hits, n_predicted = np.einsum("kkn->kn", expected), expected.sum(axis=0)
    return np.where(n_observed[:, None] > 0, 2 * n_hits / np.maximum(n_observed[:, None] + n_predicted, 1), np.nan)


def _prediction_rates(is_true: Mask, predicted: Ints, n_classes: int) -> Floats:
    """Return the share of rows of one class that are predicted as each class [K, N]; NaN if it has no rows."""
    counts = (predicted == np.arange(n_classes)[:, None]) @ is_true.astype(float)
    n_true = is_true.sum(axis=0)
    return np.asarray(np.divide(counts, n_true, out=np.full_like(counts, np.nan), where=n_true > 0))


def _auc_scores(positive: Mask, p: Floats) -> Floats:
    """Return the AUC of each label column [n, N], as the Mann-Whitney U statistic from a single ranking."""
    n_positive = positive.sum(axis=0)
    n_pairs = n_positive * (len(p) - n_positive)
    u = rankdata(p) @ positive.astype(float) - n_positive * (n_positive + 1) / 2
    return np.asarray(np.divide(u, n_pairs, out=np.full(len(n_pairs), np.nan), where=n_pairs > 0))
