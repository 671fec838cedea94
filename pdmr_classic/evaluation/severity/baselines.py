"""Baselines that predicted severities must beat: one score for everyone, and recording conditions alone."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from lightgbm import LGBMRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pdmr_classic.arrays import Floats
from pdmr_classic.workers import use_one_thread

MEAN, MEDIAN = "mean", "median"


class ShortcutRegressor:
    """Mean of a default LightGBM and a ridge regression, on features of the recording conditions alone.

    The counterpart of `ShortcutBaseline`, which predicts classes; for the features see `select_shortcut_features`.

    Parameters
    ----------
    seed : int

    Examples
    --------
    >>> conditions = np.arange(60.0)[:, None]
    >>> severity = ShortcutRegressor().fit(conditions, conditions[:, 0]).predict(np.array([[10.0], [50.0]]))
    >>> bool(severity[0] < 20 < 40 < severity[1])
    True
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, X: Floats, y: Floats, weights: Floats | None = None) -> Self:
        """Fit on scores y [n]; rows without weight are left out. X may contain NaN."""
        weights = np.ones(len(y)) if weights is None else weights
        rows = weights > 0
        X, y, weights = X[rows], y[rows], weights[rows]
        prepare = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        trees = LGBMRegressor(random_state=self.seed, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1)
        with use_one_thread():
            linear = Ridge().fit(prepare.fit_transform(X), y, weights)
            self.models_: list[Any] = [trees.fit(X, y, weights), make_pipeline(prepare, linear)]
        return self

    def predict(self, X: Floats) -> Floats:
        """Return severities [n]."""
        with use_one_thread(), warnings.catch_warnings():
            # LightGBM assigns column names when fitted on an array, then warns that the array to predict has none.
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            return np.asarray(np.mean([model.predict(X) for model in self.models_], axis=0))


def constant_severities(scores: Floats, weights: Floats | None = None) -> dict[str, float]:
    """Return the severities that minimise squared and absolute error if everyone gets the same one.

    Parameters
    ----------
    scores : ndarray, shape [n]
        True scores of the training recordings.
    weights : ndarray, shape [n], optional

    Returns
    -------
    dict
        `mean` and (lower weighted) `median`.

    Examples
    --------
    >>> constant_severities(np.array([1.0, 2.0, 9.0]))
    {'mean': 4.0, 'median': 2.0}
    """
    weights = np.ones(len(scores)) if weights is None else weights
    order = np.argsort(scores, kind="stable")
    at_half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return {MEAN: float(np.average(scores, weights=weights)), MEDIAN: float(scores[order][at_half])}
