"""What a good result must beat: calling everything positive, and knowing only how a recording was made."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from numpy.typing import ArrayLike, NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Metric
from pdmr_classic.features.names import MATERIAL, QUALITY, modality_columns, view_of
from pdmr_classic.metrics import always_positive_floor, score
from pdmr_classic.models.decision.threshold import choose_threshold
from pdmr_classic.models.ensemble.fold_data import FITTED_MODALITY
from pdmr_classic.models.ensemble.views import find_modalities
from pdmr_classic.splits import GroupedFolds, feasible_folds
from pdmr_classic.workers import one_thread

_FOLDS = 5


def floor_scores(truth: Ints, classes: tuple[str, ...], positive: str | None) -> dict[str, Any]:
    """Return the scores of one answer to everything: the positive class, or the most frequent one of several."""
    labels = np.array(classes, dtype=object)[truth]
    answer = positive or str(pd.Series(labels).mode()[0])
    scores = score(labels, np.full(len(labels), answer, dtype=object), positive=positive)
    found: dict[str, Any] = {"answer": answer, "macro_f1": scores["macro_f1"]}
    return found if positive is None else found | {"f1": always_positive_floor(scores["positive_share"])}


def list_modalities(features: pd.DataFrame) -> list[str]:
    """Return the modalities of which some recording has something, in the order of the columns."""
    columns = modality_columns(list(features.columns))
    present = find_modalities(features.to_numpy(dtype=np.float64), columns)
    return [name for name in columns if present[name].any()]


def select_modality(features: pd.DataFrame, modality: str) -> pd.DataFrame:
    """Return the columns of one modality, with the materials that are made of it."""
    views = {modality, MATERIAL} if modality == FITTED_MODALITY else {modality}
    return features[[name for name in features.columns if view_of(name) in views]]


def drop_modality(features: pd.DataFrame, modality: str) -> pd.DataFrame:
    """Return the features as if no recording had a modality."""
    views = {modality, MATERIAL, QUALITY} if modality == FITTED_MODALITY else {modality}
    gone = [view_of(name) in views for name in features.columns]
    return features.mask(np.broadcast_to(gone, features.shape))


def shortcut_columns(features: pd.DataFrame) -> pd.DataFrame:
    """Return what says how a recording was made, not how somebody behaved: quality, and what is missing."""
    columns = modality_columns(list(features.columns))
    present = find_modalities(features.to_numpy(dtype=np.float64), columns)
    quality = features[[name for name in features.columns if view_of(name) == QUALITY]]
    missing = {f"missing__{name}": (~rows).astype(np.float64) for name, rows in present.items()}
    return quality.assign(**missing)


class ShortcutBaseline:
    """The mean of a default LightGBM and a logistic regression, with a threshold from grouped inner folds.

    Parameters
    ----------
    place : int or None
        Of the positive class; None with more than two classes, which need no threshold.
    seed : int
    metric : str
        What the threshold is chosen for.
    """

    def __init__(self, place: int | None, seed: int = 0, metric: Metric = "f1") -> None:
        self.place = place
        self.seed = seed
        self.metric: Metric = metric

    def fit(self, X: Floats, y: Ints, groups: ArrayLike, weights: Floats | None = None) -> Self:
        """Fit on class numbers y [n]; every class must be there, in rows of a weight above 0."""
        weights = np.ones(len(y)) if weights is None else weights
        rows = weights > 0
        X, y, groups, weights = X[rows], y[rows], np.asarray(groups)[rows], weights[rows]
        with one_thread():
            if self.place is not None:
                inner, is_positive = self._out_of_fold(X, y, groups, weights)[:, self.place], y == self.place
                self.threshold_ = choose_threshold(
                    inner, is_positive, groups, metric=self.metric, seed=self.seed, sample_weight=weights
                )
            self.models_ = self._fitted(X, y, weights)
        return self

    def _out_of_fold(self, X: Floats, y: Ints, groups: NDArray[Any], weights: Floats) -> Floats:
        splitter = GroupedFolds(feasible_folds(y, groups, _FOLDS), random_state=self.seed)
        probability = np.empty((len(y), int(y.max()) + 1))
        for train, test in splitter.split(X, y, groups):
            probability[test] = _mean_probability(self._fitted(X[train], y[train], weights[train]), X[test])
        return probability

    def _fitted(self, X: Floats, y: Ints, weights: Floats) -> list[Any]:
        prepare = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        linear = LogisticRegression().fit(prepare.fit_transform(X), y, weights)
        trees = LGBMClassifier(random_state=self.seed, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1)
        return [trees.fit(X, y, weights), make_pipeline(prepare, linear)]

    def predict(self, X: Floats) -> tuple[Ints, Floats]:
        """Return class numbers [n] and probabilities [n, K]."""
        with one_thread():
            probability = _mean_probability(self.models_, X)
        if self.place is None:
            return probability.argmax(axis=1), probability
        other = 1 - self.place
        return np.where(probability[:, self.place] >= self.threshold_, self.place, other), probability


def _mean_probability(models: list[Any], X: Floats) -> Floats:
    with warnings.catch_warnings():
        # LightGBM invents names for the columns of an array and then misses them.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        return np.asarray(np.mean([model.predict_proba(X) for model in models], axis=0))
