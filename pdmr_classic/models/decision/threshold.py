"""Choice of the probability threshold above which a recording is classified as positive."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import Metric
from pdmr_classic.sample_weights import weigh_evidence

_N_BOOTSTRAPS = 200
_MAX_CELLS = 2_100_000
_EPSILON = 1e-6
_RIDGE = 1.0
_N_NEWTON_STEPS = 20


def choose_threshold(
    probability: ArrayLike,
    is_positive: ArrayLike,
    groups: ArrayLike,
    *,
    metric: Metric = "f1",
    seed: int = 0,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the threshold that maximises a metric: the median over bootstrap samples of subjects.

    In each sample, the probabilities are recalibrated to its labels, and the threshold maximises the expected metric
    under these probabilities. The threshold with the largest F1 on the labels depends on one or two recordings: over
    repeated splits, it varied four times as much and was not better on new people.

    Parameters
    ----------
    probability : array-like of float, shape [n]
        Out-of-fold: from models that were trained without the subject of the recording.
    is_positive : array-like of bool, shape [n]
    groups : array-like, shape [n]
    metric : {"f1", "macro_f1", "balanced_accuracy", "logloss"}
        F1 of the positive class, mean F1 of both classes, or mean recall of both classes; 0.5 is returned for log loss,
        which does not depend on a threshold.
    seed : int
    sample_weight : array-like of float, shape [n], optional
        Rows with weight 0 are ignored. Only ratios of weights matter: their sum is replaced by the number of pairs of
        a subject and a class, see `weigh_evidence`.

    Returns
    -------
    float
        The midpoint between two adjacent probabilities; the lowest probability if all recordings should be positive;
        the midpoint between the highest probability and 1 if none should be.

    References
    ----------
    Lipton, Elkan and Naryanaswamy 2014 (thresholds for the expected F1); Menon et al. 2013 (balanced accuracy).

    Examples
    --------
    >>> choose_threshold([0.1, 0.2, 0.8, 0.9], [False, False, True, True], ["a", "b", "c", "d"])
    0.5
    """
    probability, is_positive, groups, sample_weight = align_rows(
        probability=probability, is_positive=is_positive, groups=groups, sample_weight=sample_weight
    )
    if metric == "logloss":
        return 0.5
    row_weights = np.ones(len(np.asarray(groups))) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    is_used = row_weights > 0
    p, positive = np.asarray(probability, dtype=float)[is_used], np.asarray(is_positive, dtype=bool)[is_used]
    _, subject = np.unique(np.asarray(groups)[is_used], return_inverse=True)
    row_weights = weigh_evidence(row_weights[is_used], positive.astype(int), subject)
    n_subjects = int(subject.max()) + 1
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), _N_BOOTSTRAPS).T
    # The first column is the original sample, so that at least one sample remains if both classes are rarely drawn.
    draws = np.column_stack([np.ones(n_subjects), counts])
    thresholds = []
    # Of a large table, some samples at a time: all would take up more memory than the features.
    step = max(_MAX_CELLS // len(p), 1)
    for first in range(0, draws.shape[1], step):
        weights = row_weights[:, None] * draws[:, first : first + step][subject]
        has_both = (weights[positive].sum(axis=0) > 0) & (weights[~positive].sum(axis=0) > 0)
        weights = weights[:, has_both | (np.arange(first, first + weights.shape[1]) == 0)]
        recalibrated = _recalibrate(p, positive, weights)
        thresholds.append(_find_thresholds(p, recalibrated, weights, _EXPECTED_METRICS[metric]))
    return float(np.median(np.concatenate(thresholds)))


def _recalibrate(p: Floats, positive: Mask, weights: Floats) -> Floats:
    """Return sigmoid(a logit(p) + b), shape [n, B], with a and b fitted for each column of weights.

    A ridge penalty shrinks a to 1 and b to 0, because with few subjects recalibration would overfit.
    """
    z = np.log(np.clip(p, _EPSILON, 1 - _EPSILON) / np.clip(1 - p, _EPSILON, 1 - _EPSILON))
    design = np.column_stack([z, np.ones(len(z))])
    start = np.tile([[1.0], [0.0]], weights.shape[1])
    coefficients = start.copy()
    for _ in range(_N_NEWTON_STEPS):
        q = _sigmoid(design @ coefficients)
        gradient = design.T @ (weights * (q - positive[:, None])) + _RIDGE * (coefficients - start)
        hessian = np.einsum("ni,nb,nj->bij", design, weights * q * (1 - q), design) + _RIDGE * np.eye(2)
        coefficients = coefficients - np.clip(np.linalg.solve(hessian, gradient.T[..., None])[..., 0].T, -1, 1)
    return _sigmoid(design @ coefficients)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def _find_thresholds(p: Floats, recalibrated: Floats, weights: Floats, metric: _ExpectedMetric) -> Floats:
    """Return the best threshold on p [n] per column of probabilities and weights [n, B], shape [B]."""
    order = np.argsort(-p, kind="stable")
    descending = p[order]
    zeros = np.zeros((1, weights.shape[1]))
    true_positives = np.vstack([zeros, np.cumsum(weights[order] * recalibrated[order], axis=0)])
    predicted_positives = np.vstack([zeros, np.cumsum(weights[order], axis=0)])
    value = metric(true_positives, predicted_positives)
    # Recordings with equal probability cannot be separated: a threshold is possible only after the last of them.
    is_possible = np.concatenate([[True], descending[:-1] > descending[1:], [True]])
    best = np.argmax(np.where(is_possible[:, None], value, -1.0), axis=0)
    above, below = np.append(1.0, descending), np.append(descending, descending[-1])
    return np.asarray((above[best] + below[best]) / 2)


# Takes the expected weight of true positives and the weight of predicted positives, when the 0, 1, ..., n recordings
# with the highest probabilities are predicted positive; shapes [n + 1, B].
_ExpectedMetric = Callable[[Floats, Floats], Floats]


def _expected_f1(true_positives: Floats, predicted_positives: Floats) -> Floats:
    return np.asarray(2 * true_positives / (predicted_positives + true_positives[-1]))


def _expected_macro_f1(true_positives: Floats, predicted_positives: Floats) -> Floats:
    true_negatives, predicted_negatives = _count_negatives(true_positives, predicted_positives)
    negative_f1 = 2 * true_negatives / (predicted_negatives + true_negatives[0])
    return np.asarray((_expected_f1(true_positives, predicted_positives) + negative_f1) / 2)


def _expected_balanced_accuracy(true_positives: Floats, predicted_positives: Floats) -> Floats:
    true_negatives, _ = _count_negatives(true_positives, predicted_positives)
    return np.asarray((true_positives / true_positives[-1] + true_negatives / true_negatives[0]) / 2)


def _count_negatives(true_positives: Floats, predicted_positives: Floats) -> tuple[Floats, Floats]:
    """Return the expected weight of true negatives, and the weight of predicted negatives."""
    predicted_negatives = predicted_positives[-1] - predicted_positives
    false_negatives = true_positives[-1] - true_positives
    return np.asarray(predicted_negatives - false_negatives), np.asarray(predicted_negatives)


_EXPECTED_METRICS: dict[str, _ExpectedMetric] = {
    "f1": _expected_f1,
    "macro_f1": _expected_macro_f1,
    "balanced_accuracy": _expected_balanced_accuracy,
}
