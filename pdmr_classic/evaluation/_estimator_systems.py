"""Train users' own classifiers on the training rows of one outer fold, and predict the held-out rows."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Metric, Settings
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.estimators import FittedEstimator, OwnEstimator, estimator_error, select_inputs
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.models.decision.threshold import choose_threshold
from pdmr_classic.models.ensemble.calibration import Calibrator, cross_fit
from pdmr_classic.progress import Reporter
from pdmr_classic.sample_weights import weigh_evidence
from pdmr_classic.splits import GroupedFolds, count_feasible_folds

ESTIMATOR_PREFIX = "estimator "
_FOLDS = 5


class EstimatorBaseline:
    """A user's own classifier, with a threshold chosen on grouped inner folds of the training rows.

    Scores that are not probabilities are calibrated on the same folds.

    Parameters
    ----------
    own : OwnEstimator
    positive_index : int or None
        Index of the positive class; None with more than two classes, which need no threshold.
    n_classes : int
    seed : int
    metric : str
        Metric that the threshold optimises.
    """

    def __init__(
        self, own: OwnEstimator, positive_index: int | None, n_classes: int, seed: int = 0, metric: Metric = "f1"
    ) -> None:
        self.own = own
        self.positive_index = positive_index
        self.n_classes = n_classes
        self.seed = seed
        self.metric: Metric = metric

    def fit(self, X: pd.DataFrame, y: Ints, groups: NDArray[Any], weights: Floats | None = None) -> Self:
        """Fit on class indices y [n]; each class must occur in rows with positive weight."""
        weights = np.ones(len(y)) if weights is None else weights
        rows = weights > 0
        X, y, groups, weights = X[rows], y[rows], groups[rows], weights[rows]
        if self.positive_index is not None or not self.own.has_probabilities:
            probability = self._predict_out_of_fold(X, y, groups, weights)
            if self.positive_index is not None:
                p, is_positive = probability[:, self.positive_index], y == self.positive_index
                self.threshold_ = choose_threshold(
                    p, is_positive, groups, metric=self.metric, seed=self.seed, sample_weight=weights
                )
        self.model_: FittedEstimator = self.own.fit(X, y, groups, weights)
        return self

    def _predict_out_of_fold(self, X: pd.DataFrame, y: Ints, groups: NDArray[Any], weights: Floats) -> Floats:
        """Return the probabilities of the training rows, and fit the calibrator."""
        splitter = GroupedFolds(count_feasible_folds(y, groups, _FOLDS), random_state=self.seed)
        splits = list(splitter.split(X, y, groups))
        parts = []
        for train, test in splits:
            fitted = self.own.fit(X.iloc[train], y[train], groups[train], weights[train])
            parts.append((test, fitted.predict_scores(X.iloc[test], self.n_classes)))
        scores = np.empty((len(y), parts[0][1].shape[1]))
        for test, part in parts:
            scores[test] = part
        if self.own.has_probabilities:
            return scores

        def fit_calibrator(rows: Any) -> Calibrator:
            return Calibrator().fit(scores[rows], y[rows], weigh_evidence(weights[rows], y[rows], groups[rows]))

        self.calibrator_ = fit_calibrator(np.arange(len(y)))
        return cross_fit(fit_calibrator, scores, y, splits, self.n_classes, weights)

    def predict(self, X: pd.DataFrame) -> tuple[Ints, Floats]:
        """Return class indices [n] and probabilities [n, K]."""
        scores = self.model_.predict_scores(X, self.n_classes)
        probability = scores if self.own.has_probabilities else self.calibrator_.predict_proba(scores)
        if self.positive_index is None:
            return probability.argmax(axis=1), probability
        is_positive = probability[:, self.positive_index] >= self.threshold_
        return np.where(is_positive, self.positive_index, 1 - self.positive_index), probability


def run_estimators(
    table: EvaluationTable, settings: Settings, outer: OuterFold, reporter: Reporter
) -> dict[str, dict[str, list[Any]]]:
    """Return the record of each of the user's own classifiers.

    Raises
    ------
    ConfigError
        One raises an error; says in which fold.
    """
    return {ESTIMATOR_PREFIX + own.name: _run(own, table, settings, outer, reporter) for own in table.estimators}


def _run(
    own: OwnEstimator, table: EvaluationTable, settings: Settings, outer: OuterFold, reporter: Reporter
) -> dict[str, list[Any]]:
    X, train, learning = select_inputs(table.features), outer.train, settings.learning
    positive_index = None if table.positive is None else table.classes.index(table.positive)
    baseline = EstimatorBaseline(own, positive_index, len(table.classes), learning.seed, learning.metric)
    groups, weights = table.groups.to_numpy(dtype=object), table.weights
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            training_weights = None if weights is None else weights[train]
            baseline.fit(X.iloc[train], table.codes[train], groups[train], training_weights)
            predicted, probability = baseline.predict(X.iloc[outer.test])
    except Exception as error:
        place = f"in outer fold {outer.fold + 1} of repeat {outer.repeat + 1}"
        expected = f"fit and scores for {len(train)} training and {len(outer.test)} held-out recordings"
        found = f"{type(error).__name__}: {error}"
        raise estimator_error(own.name, f"raised an error {place}", expected, found) from error
    for text in sorted({f"{warning.category.__name__}: {str(warning.message).splitlines()[0]}" for warning in caught}):
        reporter.note(Finding(f"estimator-warning {own.name} {text}", f"the estimator {own.name} warned: {text}"))
    return {"rows": outer.test.tolist(), "predicted": predicted.tolist(), "probability": probability.tolist()}
