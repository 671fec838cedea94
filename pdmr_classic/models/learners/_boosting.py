"""Boosting on all rows of a table on disk, which is binned batch by batch.

Preprocessing, and with LightGBM the limits of the bins, come from a sample of subjects; XGBoost sketches all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import xgboost
from lightgbm import LGBMClassifier, LGBMModel
from numpy.typing import NDArray
from xgboost import XGBClassifier

from pdmr_classic.arrays import Floats

_MANY_CLASSES = 3


@dataclass(frozen=True, eq=False)
class Rows:
    """Features, targets and weights of rows.

    Attributes
    ----------
    X : ndarray or LargeTable, shape [n, F]
    y, weights : ndarray, shape [n]
    """

    X: Any
    y: NDArray[Any]
    weights: Floats

    @property
    def unequal_weights(self) -> Floats | None:
        """The weights, or None if all are 1: a weighted median differs from an unweighted one, even if all are 1."""
        return None if (self.weights == 1).all() else self.weights


def fit_boosting(estimator: Any, rows: Rows, sample: Rows, transform: Callable[[Floats], Floats]) -> None:
    """Fit a LightGBM or XGBoost estimator in place, on all rows.

    Parameters
    ----------
    estimator : LGBMModel or XGBModel
    rows : Rows
        With a LargeTable of unprocessed features.
    sample : Rows
        Some of them, preprocessed, with all classes.
    transform : callable
        Preprocesses rows, shape [n, F].
    """
    n_rounds = estimator.get_params()["n_estimators"]
    # One tree on the sample makes a fitted estimator, whose trees are then replaced.
    estimator.set_params(n_estimators=1).fit(sample.X, sample.y)
    estimator.set_params(n_estimators=n_rounds)
    if isinstance(estimator, LGBMModel):
        booster = _train_lightgbm(estimator, rows, sample, transform)
        estimator.booster_.model_from_string(booster.model_to_string(num_iteration=-1))
    else:
        estimator.get_booster().load_model(_train_xgboost(estimator, rows, transform).save_raw())


def _train_lightgbm(
    estimator: LGBMModel, rows: Rows, sample: Rows, transform: Callable[[Floats], Floats]
) -> lightgbm.Booster:
    params = {name: value for name, value in estimator.get_params().items() if value is not None}
    n_rounds = params.pop("n_estimators")
    params.pop("importance_type", None)
    params |= _lightgbm_objective(estimator, sample.y)
    limits = lightgbm.Dataset(sample.X, label=sample.y, params=params, free_raw_data=True)
    batches = _Batches(rows.X, transform)
    data = lightgbm.Dataset(batches, label=rows.y, weight=rows.unequal_weights, reference=limits, params=params)
    return lightgbm.train(params, data, num_boost_round=n_rounds)


def _lightgbm_objective(estimator: LGBMModel, y: NDArray[Any]) -> dict[str, Any]:
    if not isinstance(estimator, LGBMClassifier):
        return {"objective": estimator.objective or "regression"}
    n_classes = len(np.unique(y))
    return {"objective": "binary"} if n_classes < _MANY_CLASSES else {"objective": "multiclass", "num_class": n_classes}


class _Batches(lightgbm.Sequence):
    """Preprocessed rows for LightGBM."""

    def __init__(self, X: Any, transform: Callable[[Floats], Floats]) -> None:
        self.X, self.transform = X, transform
        self.batch_size = max(len(next(iter(X.batches()))), 1)

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, key: Any) -> Any:
        rows = np.arange(len(self.X))[key]
        values = self.transform(self.X[np.atleast_1d(rows)].read())
        return values if rows.ndim else values[0]


def _train_xgboost(estimator: Any, rows: Rows, transform: Callable[[Floats], Floats]) -> xgboost.Booster:
    params = {name: value for name, value in estimator.get_xgb_params().items() if value is not None}
    if isinstance(estimator, XGBClassifier) and (n_classes := len(np.unique(rows.y))) >= _MANY_CLASSES:
        params |= {"objective": "multi:softprob", "num_class": n_classes}
    data = xgboost.QuantileDMatrix(_Iterator(rows, transform), max_bin=params["max_bin"], nthread=1)
    return xgboost.train(params, data, num_boost_round=estimator.get_num_boosting_rounds())


class _Iterator(xgboost.DataIter):
    """Preprocessed rows for XGBoost, read again in each pass."""

    def __init__(self, rows: Rows, transform: Callable[[Floats], Floats]) -> None:
        self.rows, self.transform = rows, transform
        self.reset()
        super().__init__()

    def reset(self) -> None:
        """Start a pass."""
        self.batches: Iterator[Any] = self._read()

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Pass the next batch on, and return whether there was one."""
        batch = next(self.batches, None)
        if batch is not None:
            input_data(**batch)
        return batch is not None

    def _read(self) -> Iterator[dict[str, Any]]:
        start, weights = 0, self.rows.unequal_weights
        for part in self.rows.X.batches():
            chosen = slice(start, start + len(part))
            values = self.transform(part.read()).astype(np.float32)
            weight = None if weights is None else weights[chosen]
            yield {"data": values, "label": self.rows.y[chosen], "weight": weight}
            start += len(part)
