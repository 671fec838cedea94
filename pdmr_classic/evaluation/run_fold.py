"""One outer fold: train on one side, predict the other, with the model, its baselines and under stress."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.evaluation.baselines import ShortcutBaseline, select_modality, shortcut_columns
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.io.results import PROBABILITY_PREFIX
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.progress import CollectingReporter

MODEL, SHORTCUT = "model", "shortcut"
ONLY, STRESS = "only ", "stress "


def run_fold(table: EvaluationTable, settings: Settings, outer: OuterFold) -> dict[str, Any]:
    """Train on the training rows alone, and predict the held-out ones.

    Returns
    -------
    dict
        Ready for JSON: `inner` scores of the model, its `importance` of features, `systems` (by name: rows, predicted,
        probability) and `findings`.
    """
    told = CollectingReporter()
    model = _fitted(table, table.features, settings, outer, told)
    systems = {MODEL: _predicted(model, table, table.features, outer)}
    for name, features in table.altered.items():
        systems[STRESS + name] = _predicted(model, table, features, outer)
    systems[SHORTCUT] = _shortcut(table, settings, outer)
    for modality in table.modalities:
        features = select_modality(table.features, modality)
        try:
            single = _fitted(table, features, settings, outer, CollectingReporter())
        except DataError as error:
            # Too few recordings of it in this fold: the comparison is poorer, the evaluation is not.
            told.note(Finding("modality-left-out", f"{modality} alone could not be learned", found=error.finding.what))
            continue
        systems[ONLY + modality] = _predicted(single, table, features, outer)
    inner = {name: float(value) for name, value in model.facts_["inner_scores"].items()}
    findings = [finding.as_dict() for finding in told.findings]
    return {"inner": inner, "importance": model.facts_.get("importance"), "systems": systems, "findings": findings}


def _fitted(
    table: EvaluationTable, features: pd.DataFrame, settings: Settings, outer: OuterFold, told: CollectingReporter
) -> DepressionModel:
    train = outer.train
    return DepressionModel(settings).fit(
        features.iloc[train],
        table.status.iloc[train],
        table.groups.iloc[train],
        sample_weight=_weights(table, outer),
        reporter=told,
    )


def _weights(table: EvaluationTable, outer: OuterFold) -> Floats | None:
    return None if table.weights is None else table.weights[outer.train]


def _predicted(
    model: DepressionModel, table: EvaluationTable, features: pd.DataFrame, outer: OuterFold
) -> dict[str, Any]:
    said = model.predict_features(features.iloc[outer.test])
    probability = _matrix(said, table)
    known = np.asarray(np.isfinite(probability).all(axis=1))
    predicted = np.searchsorted(np.array(table.classes), said["status"].to_numpy(dtype=str))
    return _record(outer.test[known], predicted[known], probability[known])


def _matrix(said: pd.DataFrame, table: EvaluationTable) -> Floats:
    if table.positive is None:
        return said[[f"{PROBABILITY_PREFIX}{label}" for label in table.classes]].to_numpy(dtype=np.float64)
    p = said["probability"].to_numpy(dtype=np.float64)
    return np.column_stack([p if label == table.positive else 1 - p for label in table.classes])


def _shortcut(table: EvaluationTable, settings: Settings, outer: OuterFold) -> dict[str, Any]:
    X, y = shortcut_columns(table.features).to_numpy(dtype=np.float64), table.codes
    place = None if table.positive is None else table.classes.index(table.positive)
    baseline = ShortcutBaseline(place, settings.learning.seed, settings.learning.metric)
    groups = table.groups.to_numpy(dtype=object)
    baseline.fit(X[outer.train], y[outer.train], groups[outer.train], _weights(table, outer))
    return _record(outer.test, *baseline.predict(X[outer.test]))


def _record(rows: Ints, predicted: Ints, probability: Floats) -> dict[str, Any]:
    return {"rows": rows.tolist(), "predicted": predicted.tolist(), "probability": probability.tolist()}
