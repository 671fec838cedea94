"""Predict the held-out severities of one outer fold, with the model, its parts and the baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.evaluation._member_systems import list_parts
from pdmr_classic.evaluation.baselines import select_shortcut_features
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.severity.baselines import ShortcutRegressor, constant_severities
from pdmr_classic.evaluation.severity.predictions import MODEL
from pdmr_classic.evaluation.table import EvaluationTable, Scores
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.progress import CollectingReporter

SHORTCUT, STRESS_PREFIX = "shortcut", "stress "
WITHOUT_EXPERTS = "without experts"

Records = dict[str, dict[str, Any]]


def run_severity_systems(
    model: DepressionModel, table: EvaluationTable, scores: Scores, outer: OuterFold, seed: int
) -> Records:
    """Return the severities that each system predicts for the held-out rows with a score.

    Parameters
    ----------
    model : DepressionModel
        Fitted on the training rows.
    table : EvaluationTable
    scores : Scores
        Of the same rows.
    outer : OuterFold
    seed : int

    Returns
    -------
    dict of str to dict
        JSON-serialisable, by system: `rows` and `predicted`; of the model also `low` and `high`.
    """
    outer = outer.restrict(scores.values.notna().to_numpy())
    return {
        MODEL: _predict(model, table, table.features, outer),
        **{STRESS_PREFIX + name: _predict(model, table, features, outer) for name, features in table.altered.items()},
        **_run_parts(model, table, outer),
        **_run_baselines(table, scores, outer, seed),
    }


def _predict(
    model: DepressionModel, table: EvaluationTable, features: pd.DataFrame, outer: OuterFold
) -> dict[str, Any]:
    conditions = None if table.conditions is None else table.conditions.iloc[outer.test]
    answers = model.predict_features(features.iloc[outer.test], conditions=conditions, reporter=CollectingReporter())
    columns = [answers[name].to_numpy(dtype=np.float64) for name in ("severity", "severity_low", "severity_high")]
    return _make_record(outer, *columns)


def _make_record(outer: OuterFold, predicted: Floats, *limits: Floats) -> dict[str, Any]:
    """Return the severities of the held-out rows that could be predicted, with their intervals if there are any."""
    known = np.isfinite(predicted)
    intervals = dict(zip(("low", "high"), (limit[known].tolist() for limit in limits), strict=False))
    return {"rows": outer.test[known].tolist(), "predicted": predicted[known].tolist(), **intervals}


def _run_parts(model: DepressionModel, table: EvaluationTable, outer: OuterFold) -> Records:
    """Predict with each view and each base learner alone, without training any of them again.

    If the model has experts, also without them, with the common model of all conditions.
    """
    severity = model.severity_
    if severity is None:
        return {}
    features = table.features.iloc[outer.test].reindex(columns=model.feature_names_)
    parts = {name: severity.stacker_.select_members(members) for name, members in list_parts(severity.stacker_).items()}
    if severity.experts_ is not None:
        parts = {WITHOUT_EXPERTS: severity.stacker_, **parts}
    return {
        name: _make_record(outer, severity.scale_.clip(part.predict_scores(features))) for name, part in parts.items()
    }


def _run_baselines(table: EvaluationTable, scores: Scores, outer: OuterFold, seed: int) -> Records:
    y = scores.values.to_numpy(dtype=np.float64)[outer.train]
    weights = None if table.weights is None else table.weights[outer.train]
    constants = constant_severities(y, weights)
    records = {name: _make_record(outer, np.full(len(outer.test), value)) for name, value in constants.items()}
    columns = select_shortcut_features(table.features)
    if not (columns.nunique() > 1).any():
        return records
    X = columns.to_numpy(dtype=np.float64)
    shortcut = ShortcutRegressor(seed).fit(X[outer.train], y, weights).predict(X[outer.test])
    return {**records, SHORTCUT: _make_record(outer, scores.scale.clip(shortcut))}
