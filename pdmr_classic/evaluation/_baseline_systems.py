"""Train the baselines of one outer fold on its training rows, and predict the held-out rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import Settings
from pdmr_classic.evaluation.baselines import LinearBaseline, select_shortcut_features
from pdmr_classic.evaluation.confounds.audit import predict_from_conditions, predict_with_baseline
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.features.names import is_model_input

SHORTCUT, LOGISTIC_REGRESSION = "shortcut", "logistic_regression"

_Record = dict[str, list[Any]]


def run_baselines(table: EvaluationTable, settings: Settings, outer: OuterFold) -> dict[str, _Record]:
    """Return the record of each baseline: recording conditions alone, and logistic regression on all features."""
    return {
        SHORTCUT: _run_shortcut(table, settings, outer),
        LOGISTIC_REGRESSION: _run_logistic_regression(table, settings, outer),
    }


def _run_shortcut(table: EvaluationTable, settings: Settings, outer: OuterFold) -> _Record:
    """Return the record of the shortcut baseline; without rows if no recording condition is known or differs."""
    columns = select_shortcut_features(table.features)
    if not (columns.nunique() > 1).any():
        return {"rows": [], "predicted": [], "probability": []}
    return predict_from_conditions(columns.to_numpy(dtype=np.float64), table, settings, outer)


def _run_logistic_regression(table: EvaluationTable, settings: Settings, outer: OuterFold) -> _Record:
    inputs = [is_model_input(str(name)) for name in table.features.columns]
    X: Floats = table.features.loc[:, inputs].to_numpy(dtype=np.float64)
    return predict_with_baseline(LinearBaseline, X, table, settings, outer)
