"""Train users' own classifiers on the training rows of one outer fold, and predict the held-out rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Metric, Settings
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.baselines import ThresholdedBaseline
from pdmr_classic.evaluation.estimators import FittedEstimator, OwnEstimator, estimator_error, select_inputs
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.models.ensemble.calibration import Calibrator, cross_fit
from pdmr_classic.progress import Reporter
from pdmr_classic.sample_weights import weigh_evidence
from pdmr_classic.splits import Fold

ESTIMATOR_PREFIX = "estimator "


class EstimatorBaseline(ThresholdedBaseline):
    """A user's own classifier. Scores that are not probabilities are calibrated on the folds of the threshold.

    Parameters
    ----------
    own : OwnEstimator
    positive_index, seed, metric
        See `ThresholdedBaseline`.
    n_classes : int
    """

    def __init__(
        self, own: OwnEstimator, positive_index: int | None, n_classes: int, seed: int = 0, metric: Metric = "f1"
    ) -> None:
        super().__init__(positive_index, seed, metric)
        self.own = own
        self.n_classes = n_classes

    @property
    def _needs_inner_folds(self) -> bool:
        return super()._needs_inner_folds or not self.own.has_probabilities

    def _predict_out_of_fold(
        self, X: pd.DataFrame, y: Ints, groups: NDArray[Any], weights: Floats, splits: Sequence[Fold]
    ) -> Floats:
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

    def _fit_final(self, X: pd.DataFrame, y: Ints, groups: NDArray[Any], weights: Floats) -> None:
        self.model_: FittedEstimator = self.own.fit(X, y, groups, weights)

    def _predict_probability(self, X: pd.DataFrame) -> Floats:
        scores = self.model_.predict_scores(X, self.n_classes)
        return scores if self.own.has_probabilities else self.calibrator_.predict_proba(scores)


def run_estimators(
    table: EvaluationTable, settings: Settings, outer: OuterFold, reporter: Reporter
) -> dict[str, dict[str, list[Any]]]:
    """Return the record of each of the user's own classifiers.

    Raises
    ------
    ConfigError
        One raises an error; says in which fold. Or this process has imported another version of it.
    """
    for own in table.estimators:
        own.check_files()
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
