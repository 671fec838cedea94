"""The probability from which a recording is called positive."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import Metric

_BOOTSTRAPS = 200
_CERTAIN = 1e-6
_RIDGE = 1.0
_NEWTON_STEPS = 20


def choose_threshold(
    probability: ArrayLike,
    is_positive: ArrayLike,
    groups: ArrayLike,
    *,
    metric: Metric = "f1",
    seed: int = 0,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the threshold that maximises a metric: the median over bootstraps of the subjects.

    In each bootstrap the probabilities are calibrated to its labels, and the threshold maximises the metric that they
    expect. The threshold of the largest F1 on the labels themselves hangs on a recording or two: over repeated splits
    it spread four times as much, and was no better on new people.

    Parameters
    ----------
    probability : array-like of float, shape [n]
        Out-of-fold: from models that have not seen the recording's subject.
    is_positive : array-like of bool, shape [n]
    groups : array-like, shape [n]
    metric : {"f1", "macro_f1", "balanced_accuracy", "logloss"}
        Of the positive class, the mean of both classes, or of both recalls; log loss knows no threshold and gets 0.5.
    seed : int
    sample_weight : array-like of float, shape [n], optional
        Rows of weight 0 have no say.

    Returns
    -------
    float
        Half way between two neighbouring probabilities; the lowest one, where all should be called positive; half way
        from the highest one to 1, where none should.

    References
    ----------
    Lipton, Elkan and Naryanaswamy 2014 (thresholds for the expected F1); Menon et al. 2013 (balanced accuracy).

    Examples
    --------
    >>> choose_threshold([0.1, 0.2, 0.8, 0.9], [False, False, True, True], ["a", "b", "c", "d"])
    0.5
    """
    if metric == "logloss":
        return 0.5
    share = np.ones(len(np.asarray(groups))) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    counted = share > 0
    p, positive = np.asarray(probability, dtype=float)[counted], np.asarray(is_positive, dtype=bool)[counted]
    _, subject = np.unique(np.asarray(groups)[counted], return_inverse=True)
    n_subjects = int(subject.max()) + 1
    rng = np.random.default_rng(seed)
    times = rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), _BOOTSTRAPS).T
    # The first column is the sample itself, so that few bootstraps with both classes still leave one.
    weights = share[counted, None] * np.column_stack([np.ones(len(p)), times[subject]])
    has_both = (weights[positive].sum(axis=0) > 0) & (weights[~positive].sum(axis=0) > 0)
    weights = weights[:, has_both | (np.arange(weights.shape[1]) == 0)]
    return float(np.median(_best_thresholds(p, _calibrated(p, positive, weights), weights, _EXPECTED[metric])))


def _calibrated(p: Floats, positive: Mask, weights: Floats) -> Floats:
    """Return sigmoid(a logit(p) + b), shape [n, B], with a and b fitted under each column of weights.

    A ridge pulls a to 1 and b to 0: probabilities of a few subjects are better left alone than fitted to them.
    """
    z = np.log(np.clip(p, _CERTAIN, 1 - _CERTAIN) / np.clip(1 - p, _CERTAIN, 1 - _CERTAIN))
    design = np.column_stack([z, np.ones(len(z))])
    start = np.tile([[1.0], [0.0]], weights.shape[1])
    coefficients = start.copy()
    for _ in range(_NEWTON_STEPS):
        q = _sigmoid(design @ coefficients)
        gradient = design.T @ (weights * (q - positive[:, None])) + _RIDGE * (coefficients - start)
        hessian = np.einsum("ni,nb,nj->bij", design, weights * q * (1 - q), design) + _RIDGE * np.eye(2)
        coefficients = coefficients - np.clip(np.linalg.solve(hessian, gradient.T[..., None])[..., 0].T, -1, 1)
    return _sigmoid(design @ coefficients)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def _best_thresholds(p: Floats, expected: Floats, weights: Floats, metric: _Expected) -> Floats:
    """Return the best threshold on p [n] for each column of expected positives and weights, shape [n, B]."""
    order = np.argsort(-p, kind="stable")
    falling = p[order]
    none = np.zeros((1, weights.shape[1]))
    hits = np.vstack([none, np.cumsum(weights[order] * expected[order], axis=0)])
    called = np.vstack([none, np.cumsum(weights[order], axis=0)])
    value = metric(hits, called)
    # Recordings with the same probability are called together: a cut is possible only behind the last of them.
    possible = np.concatenate([[True], falling[:-1] > falling[1:], [True]])
    best = np.argmax(np.where(possible[:, None], value, -1.0), axis=0)
    above, below = np.append(1.0, falling), np.append(falling, falling[-1])
    return np.asarray((above[best] + below[best]) / 2)


# Of the weight that is called positive, and of the positives in it; rows: none, then one more at a time; the last: all.
_Expected = Callable[[Floats, Floats], Floats]


def _expected_f1(hits: Floats, called: Floats) -> Floats:
    return np.asarray(2 * hits / (called + hits[-1]))


def _expected_macro_f1(hits: Floats, called: Floats) -> Floats:
    rejected, passed = _of_the_others(hits, called)
    return np.asarray((_expected_f1(hits, called) + 2 * rejected / (passed + rejected[0])) / 2)


def _expected_balanced_accuracy(hits: Floats, called: Floats) -> Floats:
    rejected, _ = _of_the_others(hits, called)
    return np.asarray((hits / hits[-1] + rejected / rejected[0]) / 2)


def _of_the_others(hits: Floats, called: Floats) -> tuple[Floats, Floats]:
    """Return what is called negative and is, and all that is called negative."""
    passed = called[-1] - called
    return np.asarray(passed - (hits[-1] - hits)), np.asarray(passed)


_EXPECTED: dict[str, _Expected] = {
    "f1": _expected_f1,
    "macro_f1": _expected_macro_f1,
    "balanced_accuracy": _expected_balanced_accuracy,
}
