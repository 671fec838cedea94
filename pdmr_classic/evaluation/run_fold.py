"""Run one outer fold: train on its training rows, and predict the held-out rows, also by parts and baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Settings
from pdmr_classic.evaluation._adjusted_systems import ADJUSTMENTS, adjusted_decisions
from pdmr_classic.evaluation._baseline_systems import run_baselines
from pdmr_classic.evaluation._channel_importance import channel_importance
from pdmr_classic.evaluation._estimator_systems import run_estimators
from pdmr_classic.evaluation._member_systems import predict_parts
from pdmr_classic.evaluation.confounds.systems import run_confound_systems
from pdmr_classic.evaluation.events import POOLED_RECORDINGS, predict_pooled_recordings
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.predictions import probability_matrix
from pdmr_classic.evaluation.severity.run_systems import run_severity_systems
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.progress import CollectingReporter

MODEL = "model"
LABEL_SET = "label_set"
STRESS_PREFIX = "stress "


_Records = dict[str, dict[str, Any]]


def run_fold(table: EvaluationTable, settings: Settings, outer: OuterFold) -> dict[str, Any]:
    """Train every system on the training rows only, and predict the held-out rows.

    Returns
    -------
    dict
        JSON-serialisable: `inner` (cross-validated scores on the training rows), `importance`, `threshold`, `members`
        (see `describe_members`), `systems` (for each name: rows, predicted, probability; of the model also the label
        sets), `findings` and, with scores, `severity` (see `run_severity_systems`).
    """
    reporter = CollectingReporter()
    # First, because a user's own code is more likely to fail, and the model takes the longest.
    own = run_estimators(table, settings, outer.restrict(table.has_status), reporter)
    model = _fit_model(table, table.features, settings, outer, reporter)
    result: dict[str, Any] = {"inner": {}, "importance": None, "systems": {}}
    if table.classes:
        labelled = outer.restrict(table.has_status)
        result = {
            "inner": {name: float(value) for name, value in model.metadata_["inner_scores"].items()},
            "importance": _measure_importance(model, table, labelled),
            "threshold": model.threshold_,
            "members": model.metadata_["members"],
            "systems": {**_run_class_systems(model, table, settings, labelled), **own},
        }
    if table.scores is not None:
        result["severity"] = run_severity_systems(model, table, table.scores, outer, settings.learning.seed)
    return {**result, "findings": [finding.as_dict() for finding in reporter.findings]}


def _measure_importance(model: DepressionModel, table: EvaluationTable, outer: OuterFold) -> dict[str, Any] | None:
    """Return the importance of families, modalities and views in the inner folds, and of channels when held out."""
    if "importance" not in model.metadata_:
        return None
    return {**model.metadata_["importance"], "by_channel": channel_importance(model, table, outer)}


def _run_class_systems(
    model: DepressionModel, table: EvaluationTable, settings: Settings, outer: OuterFold
) -> _Records:
    # With too few training subjects for the level, there are no sets.
    label_sets = model.decision_.supports_level(settings.severity.level)
    return {
        MODEL: _predict_held_out(model, table, table.features, outer, label_sets=label_sets),
        **_run_parts(model, table, outer),
        **_run_stress_tests(model, table, outer),
        **{
            name: _predict_held_out(model, table, table.features, outer, **options)
            for name, options in adjusted_decisions(table, settings, outer).items()
        },
        **_run_pooled_recordings(table, settings, outer),
        **run_baselines(table, settings, outer),
        **run_confound_systems(table, outer, lambda features: _fit_and_predict(table, features, settings, outer)),
    }


def _run_parts(model: DepressionModel, table: EvaluationTable, outer: OuterFold) -> _Records:
    parts = predict_parts(model, table.features.iloc[outer.test])
    return {name: _make_record(predictions, table, outer) for name, predictions in parts.items()}


def _run_pooled_recordings(table: EvaluationTable, settings: Settings, outer: OuterFold) -> _Records:
    predictions = predict_pooled_recordings(table, settings, outer)
    return {} if predictions is None else {POOLED_RECORDINGS: _make_record(predictions, table, outer)}


def _run_stress_tests(model: DepressionModel, table: EvaluationTable, outer: OuterFold) -> _Records:
    return {
        STRESS_PREFIX + name: _predict_held_out(model, table, features, outer)
        for name, features in table.altered.items()
    }


def _fit_model(
    table: EvaluationTable, features: pd.DataFrame, settings: Settings, outer: OuterFold, reporter: CollectingReporter
) -> DepressionModel:
    train, scores = outer.train, table.scores
    return DepressionModel(settings).fit(
        features.iloc[train],
        table.status.iloc[train] if table.classes else None,
        table.groups.iloc[train],
        severity=None if scores is None else scores.values.iloc[train],
        scale=None if scores is None else scores.scale,
        conditions=None if table.conditions is None else table.conditions.iloc[train],
        sample_weight=_training_weights(table, outer),
        reporter=reporter,
    )


def _training_weights(table: EvaluationTable, outer: OuterFold) -> Floats | None:
    return None if table.weights is None else table.weights[outer.train]


def _predict_held_out(
    model: DepressionModel, table: EvaluationTable, features: pd.DataFrame, outer: OuterFold, **decision: Any
) -> dict[str, Any]:
    conditions = None if table.conditions is None else table.conditions.iloc[outer.test]
    predictions = model.predict_features(
        features.iloc[outer.test], conditions=conditions, reporter=CollectingReporter(), **decision
    )
    return _make_record(predictions, table, outer)


def _make_record(predictions: pd.DataFrame, table: EvaluationTable, outer: OuterFold) -> dict[str, Any]:
    probability = probability_matrix(predictions, table.classes, table.positive)
    finite = np.asarray(np.isfinite(probability).all(axis=1))
    predicted = np.searchsorted(np.array(table.classes), predictions["status"].to_numpy(dtype=str))
    record = _prediction_record(outer.test[finite], predicted[finite], probability[finite])
    if LABEL_SET in predictions:
        record[LABEL_SET] = [
            [label in labels for label in table.classes] for labels in predictions.loc[finite, LABEL_SET]
        ]
    # Of the target population, if probabilities were corrected for it.
    adjustment = {name: predictions.attrs[name] for name in ADJUSTMENTS if name in predictions.attrs}
    return record | adjustment


def _fit_and_predict(
    table: EvaluationTable, features: pd.DataFrame, settings: Settings, outer: OuterFold
) -> dict[str, Any]:
    model = _fit_model(table, features, settings, outer, CollectingReporter())
    return _predict_held_out(model, table, features, outer)


def _prediction_record(rows: Ints, predicted: Ints, probability: Floats) -> dict[str, Any]:
    return {"rows": rows.tolist(), "predicted": predicted.tolist(), "probability": probability.tolist()}
