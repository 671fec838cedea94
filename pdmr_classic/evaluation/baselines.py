"""Baselines that a model must beat: a constant prediction, recording conditions alone, and logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from numpy.typing import ArrayLike, NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Metric
from pdmr_classic.features.names import (
    CHANGE_SUFFIX,
    MATERIAL,
    QUALITY,
    feature_view,
    missing_indicator,
    modality_columns,
    quality_modality,
)
from pdmr_classic.metrics import always_positive_f1, score
from pdmr_classic.models.decision.threshold import choose_threshold
from pdmr_classic.models.ensemble.views import MATERIAL_MODALITY, find_modalities
from pdmr_classic.splits import Fold, GroupedFolds, count_feasible_folds
from pdmr_classic.workers import use_one_thread

Table = Any
"""Features, shape [n, F]: an array, or a DataFrame."""
_FOLDS = 5
_MAX_ITERATIONS = 1000


def floor_scores(truth: Ints, classes: tuple[str, ...], positive: str | None) -> dict[str, Any]:
    """Return the floor: the scores of always predicting the positive class (several classes: the most frequent)."""
    labels = np.array(classes, dtype=object)[truth]
    label = positive or str(pd.Series(labels).mode()[0])
    scores = score(labels, np.full(len(labels), label, dtype=object), positive=positive)
    floor: dict[str, Any] = {"label": label, "macro_f1": scores["macro_f1"]}
    return floor if positive is None else floor | {"f1": always_positive_f1(scores["positive_share"])}


def find_present_modalities(features: pd.DataFrame) -> list[str]:
    """Return the modalities that at least one recording has, in column order."""
    columns = modality_columns(list(features.columns))
    present = find_modalities(features.to_numpy(dtype=np.float64), columns)
    return [name for name in columns if present[name].any()]


def drop_modality(features: pd.DataFrame, modality: str) -> pd.DataFrame:
    """Return the features with a modality, and its change from baseline, missing from every recording."""
    views = {modality, modality + CHANGE_SUFFIX} | ({MATERIAL} if modality == MATERIAL_MODALITY else set())
    is_dropped = [
        quality_modality(name) == modality if feature_view(name) == QUALITY else feature_view(name) in views
        for name in features.columns
    ]
    return features.mask(np.broadcast_to(is_dropped, features.shape))


def select_shortcut_features(features: pd.DataFrame) -> pd.DataFrame:
    """Return features of the recording conditions, not of behaviour: quality features and missing modalities."""
    columns = modality_columns(list(features.columns))
    present = find_modalities(features.to_numpy(dtype=np.float64), columns)
    quality = features[[name for name in features.columns if feature_view(name) == QUALITY]]
    missing = {missing_indicator(name): (~rows).astype(np.float64) for name, rows in present.items()}
    return quality.assign(**missing)


class ThresholdedBaseline:
    """A system whose threshold is chosen on grouped inner folds of the training rows; the base of all baselines.

    Parameters
    ----------
    positive_index : int or None
        Index of the positive class; None with more than two classes, which need no threshold.
    seed : int
    metric : str
        Metric that the threshold optimises.
    """

    def __init__(self, positive_index: int | None, seed: int = 0, metric: Metric = "f1") -> None:
        self.positive_index = positive_index
        self.seed = seed
        self.metric: Metric = metric

    def fit(self, X: Table, y: Ints, groups: ArrayLike, weights: Floats | None = None) -> Self:
        """Fit on class indices y [n]; each class must occur in rows with positive weight."""
        weights = np.ones(len(y)) if weights is None else weights
        rows = weights > 0
        X, y, groups, weights = X[rows], y[rows], np.asarray(groups)[rows], weights[rows]
        with use_one_thread():
            if self._needs_inner_folds:
                splitter = GroupedFolds(count_feasible_folds(y, groups, _FOLDS), random_state=self.seed)
                splits = list(splitter.split(X, y, groups))
                probability = self._predict_out_of_fold(X, y, groups, weights, splits)
                if self.positive_index is not None:
                    p, is_positive = probability[:, self.positive_index], y == self.positive_index
                    self.threshold_ = choose_threshold(
                        p, is_positive, groups, metric=self.metric, seed=self.seed, sample_weight=weights
                    )
            self._fit_final(X, y, groups, weights)
        return self

    @property
    def _needs_inner_folds(self) -> bool:
        return self.positive_index is not None

    def _predict_out_of_fold(
        self, X: Table, y: Ints, groups: NDArray[Any], weights: Floats, splits: Sequence[Fold]
    ) -> Floats:
        """Return probabilities of the training rows [n, K], each from models without the row's subject."""
        raise NotImplementedError

    def _fit_final(self, X: Table, y: Ints, groups: NDArray[Any], weights: Floats) -> None:
        raise NotImplementedError

    def _predict_probability(self, X: Table) -> Floats:
        raise NotImplementedError

    def predict(self, X: Table) -> tuple[Ints, Floats]:
        """Return class indices [n] and probabilities [n, K]."""
        with use_one_thread():
            probability = self._predict_probability(X)
        if self.positive_index is None:
            return probability.argmax(axis=1), probability
        is_positive = probability[:, self.positive_index] >= self.threshold_
        return np.where(is_positive, self.positive_index, 1 - self.positive_index), probability


class _MeanOfModels(ThresholdedBaseline):
    """Mean of some untuned models."""

    def _fit_models(self, X: Floats, y: Ints, weights: Floats) -> list[Any]:
        raise NotImplementedError

    def _predict_out_of_fold(
        self, X: Floats, y: Ints, groups: NDArray[Any], weights: Floats, splits: Sequence[Fold]
    ) -> Floats:
        probability = np.empty((len(y), int(y.max()) + 1))
        for train, test in splits:
            probability[test] = _average_probabilities(self._fit_models(X[train], y[train], weights[train]), X[test])
        return probability

    def _fit_final(self, X: Floats, y: Ints, groups: NDArray[Any], weights: Floats) -> None:
        self.models_ = self._fit_models(X, y, weights)

    def _predict_probability(self, X: Floats) -> Floats:
        return _average_probabilities(self.models_, X)


class ShortcutBaseline(_MeanOfModels):
    """Mean of a default LightGBM and a logistic regression, with a threshold chosen on grouped inner folds.

    Parameters: see `LinearBaseline`.
    """

    def _fit_models(self, X: Floats, y: Ints, weights: Floats) -> list[Any]:
        trees = LGBMClassifier(random_state=self.seed, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1)
        return [trees.fit(X, y, weights), _fit_logistic_regression(X, y, weights)]


class LinearBaseline(_MeanOfModels):
    """Logistic regression (L2, C = 1) on standardised features, with a threshold chosen on grouped inner folds.

    Unknown values are replaced by the median of the training rows.

    Parameters
    ----------
    positive_index : int or None
        Index of the positive class; None with more than two classes, which need no threshold.
    seed : int
    metric : str
        Metric that the threshold optimises.
    """

    def _fit_models(self, X: Floats, y: Ints, weights: Floats) -> list[Any]:
        return [_fit_logistic_regression(X, y, weights, max_iter=_MAX_ITERATIONS)]


def _fit_logistic_regression(X: Floats, y: Ints, weights: Floats, max_iter: int = 100) -> Pipeline:
    prepare = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    return make_pipeline(prepare, LogisticRegression(max_iter=max_iter).fit(prepare.fit_transform(X), y, weights))


def _average_probabilities(models: list[Any], X: Floats) -> Floats:
    with warnings.catch_warnings():
        # LightGBM assigns column names when fitted on an array, then warns that the array to predict has none.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        return np.asarray(np.mean([model.predict_proba(X) for model in models], axis=0))
