"""The systems of the confound audit in one outer fold: nuisance groups alone, and the model on repaired features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.confounds._residuals import Residualiser
from pdmr_classic.evaluation.confounds.audit import fill_unknown
from pdmr_classic.evaluation.confounds.plan import ConfoundPlan
from pdmr_classic.evaluation.confounds.rules import select_unsolved
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.features.names import MATERIAL, feature_view, modality_columns
from pdmr_classic.models.ensemble.views import find_modalities

NUISANCE_PREFIX, REPAIRED = "nuisance ", "repaired"
REPAIRED_PREFIX = f"{REPAIRED} "

Records = dict[str, dict[str, Any]]


def run_confound_systems(
    table: EvaluationTable, outer: OuterFold, fit_and_predict: Callable[[pd.DataFrame], dict[str, Any]]
) -> Records:
    """Return the records of the nuisance groups, and of the model on repaired features.

    Parameters
    ----------
    table : EvaluationTable
        Without a plan (`--confounds`), there are no such systems.
    outer : OuterFold
    fit_and_predict : callable
        Trains the model on the training rows of a feature table, and predicts the held-out rows.
    """
    plan = table.confounds
    if plan is None:
        return {}
    systems: Records = {
        f"{NUISANCE_PREFIX}{name}": dict(records[outer.repeat, outer.fold]) for name, records in plan.records.items()
    }
    repairs = {REPAIRED: plan.found} if plan.found else {}
    if len(plan.found) > 1:
        repairs[f"{REPAIRED_PREFIX}{plan.found[0]}"] = plan.found[:1]
    for name, groups in repairs.items():
        try:
            systems[name] = fit_and_predict(repair_features(table, plan, groups, outer))
        except DataError:
            # The model itself could be trained: only this comparison is incomplete, and its summary says so.
            continue
    return systems


def repair_features(
    table: EvaluationTable, plan: ConfoundPlan, groups: Sequence[str], outer: OuterFold
) -> pd.DataFrame:
    """Return the features of all rows, repaired by what the training rows tell about some groups.

    Rules come first (see `apply_rules`); then what nuisance columns without a rule explain is removed from every
    feature that learners see. Labels are not used. Input of fold-fitted families is left out.
    """
    repaired = plan.repaired[groups[0] if len(groups) == 1 else ""]
    kept = repaired[[name for name in repaired.columns if feature_view(str(name)) != MATERIAL]]
    columns = [select_unsolved(name, plan.groups[name].columns, plan.rules) for name in groups]
    nuisance = fill_unknown(pd.concat(columns, axis=1).to_numpy(dtype=np.float64), outer.train)
    if not nuisance.shape[1]:
        return kept
    groups_of_rows = table.groups.to_numpy(dtype=object)
    values = kept.to_numpy(dtype=np.float64, copy=True)
    inputs = modality_columns(list(map(str, kept.columns)))
    present = find_modalities(values, inputs)
    for modality, indices in inputs.items():
        values[:, indices] = _residualise(values[:, indices], nuisance, present[modality], outer, groups_of_rows)
    return pd.DataFrame(values, index=kept.index, columns=kept.columns)


def _residualise(
    features: Floats, nuisance: Floats, present: np.ndarray, outer: OuterFold, groups: np.ndarray
) -> Floats:
    """Return the features of one modality without what the nuisance columns explain; NaN where it is missing."""
    train = outer.train[present[outer.train]]
    if not len(train):
        return features
    repaired = np.full_like(features, np.nan)
    residualiser = Residualiser(len(set(groups[train]))).fit(features[train], nuisance[train])
    repaired[present] = residualiser.transform(features[present], nuisance[present])
    # A feature that no training row has stays unknown.
    repaired[:, ~np.isfinite(features[train]).any(axis=0)] = np.nan
    return repaired
