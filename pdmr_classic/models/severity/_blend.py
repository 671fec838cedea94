"""Meta-learner of scores: a weighted average of the members' predictions, on the scale of the training scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from pdmr_classic.arrays import Floats
from pdmr_classic.metrics import weighted_nanmean
from pdmr_classic.sample_weights import weigh_evidence
from pdmr_classic.splits import Fold

# Shrinks the weights towards the votes, as in the meta-learner of classes.
_RIDGE = 2.0


class Blend:
    """Weighted average of predicted scores, rescaled to the moments of the training scores.

    Parameters
    ----------
    names : sequence of str
        Member names.
    votes : sequence of float
        The weights without evidence are in proportion to these.
    shrinkage : float
        The standard deviation of the result is that of the training scores times r ** shrinkage, where r is the
        out-of-fold correlation (0 if it is negative): 0 restores the whole spread, 1 minimises the squared error.

    Notes
    -----
    Averaged predictions are pulled towards the mean, which costs concordance; the full spread costs absolute error. All
    moments are those of the training rows: predictions do not depend on which other recordings are predicted.
    """

    def __init__(self, names: Sequence[str], votes: Sequence[float], shrinkage: float) -> None:
        self.names = list(names)
        self.votes = list(votes)
        self.shrinkage = shrinkage

    def fit(self, columns: Floats, y: Floats, sample_weight: Floats, groups: NDArray[Any]) -> Self:
        """Fit on out-of-fold predictions [n, members], scores [n], row weights [n] and subjects [n]."""
        weights = weigh_evidence(sample_weight, np.zeros(len(y), dtype=np.intp), groups)
        self.weights_ = _fit_weights(columns, y, weights, np.asarray(self.votes) / np.sum(self.votes))
        blend = columns @ self.weights_
        mean, spread = _moments(y, weights)
        blend_mean, blend_spread = _moments(blend, weights)
        covariance = float(np.average((blend - blend_mean) * (y - mean), weights=weights))
        is_related = blend_spread > 0 and spread > 0 and covariance > 0
        correlation = covariance / (blend_spread * spread) if is_related else 0.0
        self.slope_ = spread * correlation**self.shrinkage / blend_spread if is_related else 0.0
        self.intercept_ = mean - self.slope_ * blend_mean
        return self

    def predict(self, columns: Floats) -> Floats:
        """Return the predicted scores, shape [n]."""
        return np.asarray(self.intercept_ + self.slope_ * (columns @ self.weights_))

    @property
    def member_weights(self) -> dict[str, float]:
        """Weight of each member by name."""
        return dict(zip(self.names, self.weights_.tolist(), strict=True))


def _moments(values: Floats, weights: Floats) -> tuple[float, float]:
    mean = float(np.average(values, weights=weights))
    return mean, float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))


def _fit_weights(columns: Floats, y: Floats, weights: Floats, prior: Floats) -> Floats:
    """Return non-negative member weights that sum to one: least squares with a ridge penalty towards the prior."""
    centred = columns - np.average(columns, axis=0, weights=weights)
    target = y - np.average(y, weights=weights)
    # In units of the likelihood, so that evidence and penalty have one scale whatever the scale of the scores.
    variance = float(np.average((target - centred @ prior) ** 2, weights=weights))
    if variance <= 0:
        return prior
    root, pull = np.sqrt(weights / variance), np.sqrt(2 * _RIDGE * len(prior))
    design = np.vstack([root[:, None] * centred, pull * np.eye(len(prior))])
    fitted = nnls(design, np.concatenate([root * target, pull * prior]))[0]
    return np.asarray(fitted / fitted.sum()) if fitted.sum() > 0 else prior


def cross_fit_blend(
    blend: Blend, columns: Floats, y: Floats, groups: NDArray[Any], folds: Sequence[Fold], sample_weight: Floats
) -> tuple[Floats, float]:
    """Predict each row with weights fitted on the training rows of its fold; return them and the mean squared error.

    Predictions are averaged over repeats; NaN for a row that is in no fold.
    """
    total, count = np.zeros(len(y)), np.zeros(len(y))
    for all_train, test in folds:
        train = all_train[sample_weight[all_train] > 0]
        total[test] += blend.fit(columns[train], y[train], sample_weight[train], groups[train]).predict(columns[test])
        count[test] += 1
    count[count == 0] = np.nan
    predicted = total / count
    return predicted, weighted_nanmean((predicted - y) ** 2, sample_weight)
