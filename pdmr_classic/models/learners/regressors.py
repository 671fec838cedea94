"""Base learners of a score: they predict a number instead of a class, and share the preprocessing of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightgbm import LGBMRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.svm import SVR
from xgboost import XGBRegressor

from pdmr_classic.models.learners._ordinal import OrdinalLogistic
from pdmr_classic.models.learners.algorithm import Learner, algorithm_params, clip_to_float32
from pdmr_classic.models.learners.member import Params

_MEDIAN = 0.5


def _lightgbm(params: Params, seed: int, **objective: Any) -> Any:
    return LGBMRegressor(
        **algorithm_params(params),
        **objective,
        max_bin=63,
        subsample_freq=1,
        random_state=seed,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )


def _lightgbm_median(params: Params, seed: int) -> Any:
    return _lightgbm(params, seed, objective="quantile", alpha=_MEDIAN)


def _xgboost(params: Params, seed: int, **objective: Any) -> Any:
    return XGBRegressor(
        **algorithm_params(params),
        **objective,
        max_bin=63,
        tree_method="hist",
        random_state=seed,
        n_jobs=1,
        verbosity=0,
    )


def _xgboost_median(params: Params, seed: int) -> Any:
    return _xgboost(params, seed, objective="reg:quantileerror", quantile_alpha=_MEDIAN)


def _svr(params: Params, seed: int) -> Any:
    return _ScaledSVR(C=params.get("C", 1.0), scale=params.get("gamma_scale", 1.0))


def _ridge(params: Params, seed: int) -> Any:
    return _ScaledRidge(params.get("C", 1.0), random_state=seed)


def _ordinal(params: Params, seed: int) -> Any:
    return OrdinalLogistic(params.get("C", 1.0))


def _extra_trees(params: Params, seed: int) -> Any:
    return _ClippedExtraTrees(**algorithm_params(params), random_state=seed, n_jobs=1)


class _ScaledSVR(SVR):  # type: ignore[misc]
    """An RBF support vector regression whose gamma is relative to the number of columns, of a standardised target."""

    def __init__(self, C: float = 1.0, scale: float = 1.0) -> None:
        super().__init__(C=C, kernel="rbf", epsilon=0.1, cache_size=200)
        self.scale = scale

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _ScaledSVR:
        self.gamma = self.scale / X.shape[1]
        self.target_mean_, spread = float(np.mean(y)), float(np.std(y))
        self.target_spread_ = spread if spread > 0 else 1.0
        super().fit(X, (y - self.target_mean_) / self.target_spread_, sample_weight)
        return self

    def predict(self, X: Any) -> Any:
        return self.target_mean_ + self.target_spread_ * super().predict(X)


class _ScaledRidge(Ridge):  # type: ignore[misc]
    """A ridge regression whose penalty is relative to the number of columns selected in the fold."""

    def __init__(self, strength: float = 1.0, random_state: int | None = None) -> None:
        super().__init__(random_state=random_state)
        self.strength = strength

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _ScaledRidge:
        self.alpha = X.shape[1] / self.strength
        super().fit(X, y, sample_weight)
        return self


class _ClippedExtraTrees(ExtraTreesRegressor):  # type: ignore[misc]
    """Extra trees for values of any size, see `clip_to_float32`."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _ClippedExtraTrees:
        super().fit(clip_to_float32(X), y, sample_weight)
        return self

    def predict(self, X: Any) -> Any:
        return super().predict(clip_to_float32(X))


REGRESSORS: dict[str, Learner] = {
    learner.name: learner
    for learner in (
        Learner("lightgbm_regressor", _lightgbm, "boosting", numeric=True, reads_batches=True),
        Learner("lightgbm_median", _lightgbm_median, "boosting", numeric=True, reads_batches=True),
        Learner("xgboost_regressor", _xgboost, "boosting", numeric=True, reads_batches=True),
        Learner("xgboost_median", _xgboost_median, "boosting", numeric=True, reads_batches=True),
        Learner("svr", _svr, "kernel", needs_scaling=True, stores_rows=True, numeric=True),
        Learner("ridge", _ridge, "linear", needs_scaling=True, numeric=True),
        Learner("ordinal", _ordinal, "linear", needs_scaling=True, numeric=True),
        Learner("extra_trees_regressor", _extra_trees, "forest", numeric=True),
    )
}
