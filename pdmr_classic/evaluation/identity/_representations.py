"""What is attacked: raw features, what the members of a model select and learn from, and what the model puts out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import Pipeline

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.features.names import modality_columns
from pdmr_classic.models.ensemble.view_stack import ViewStack
from pdmr_classic.models.ensemble.views import find_modalities
from pdmr_classic.models.learners.learners import log_odds, raw_scores
from pdmr_classic.models.learners.preprocessing import NormalizeAudio
from pdmr_classic.models.model import DepressionModel

RAW, SELECTED, INPUTS = "raw features", "selected features", "model inputs"
SCORES, PREDICTIONS = "member scores", "predictions"
DESCRIPTIONS = {
    RAW: "what is extracted from a recording",
    SELECTED: "the features that a member of the model selects",
    INPUTS: "what a member learns from, after selection, scaling and suppression",
    SCORES: "the scores of all members",
    PREDICTIONS: "what the model predicts: probabilities, or the score",
}

Forms = dict[str, Floats]


def represent(features: pd.DataFrame, model: DepressionModel | None) -> dict[str, Forms]:
    """Return the forms of each representation of some recordings, each of shape [n, F]; NaN where it has none.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
    model : DepressionModel or None
        Without it, there are only raw features.
    """
    raw = _raw_forms(features)
    return {RAW: raw} if model is None else {RAW: raw, **_model_forms(features, model)}


def _raw_forms(features: pd.DataFrame) -> Forms:
    table = features.to_numpy(dtype=np.float64)
    columns = modality_columns(features.columns)
    forms = {name: table[:, index] for name, index in columns.items() if np.isfinite(table[:, index]).any()}
    return (
        forms
        if len(forms) == 1
        else {"all": table[:, np.sort(np.concatenate([columns[name] for name in forms]))], **forms}
    )


def _model_forms(features: pd.DataFrame, model: DepressionModel) -> dict[str, Forms]:
    table = features.reindex(columns=model.feature_names_)
    forms: dict[str, Forms] = {SELECTED: {}, INPUTS: {}}
    scores = []
    for name, rows, X, pipeline in member_rows(table, model):
        selection = _selection(pipeline)
        if selection is not None:
            forms[SELECTED][name] = _fill(selection.transform(X), rows)
        forms[INPUTS][name] = _fill(member_inputs(pipeline, X), rows)
        scores.append(_fill(raw_scores(pipeline, X), rows))
    if scores:
        forms[SCORES] = {"scores": np.hstack(scores)}
    forms[PREDICTIONS] = {"predictions": _predict(table, model)}
    return {name: kept for name, part in forms.items() if (kept := _drop_equal(part))}


def list_stacks(model: DepressionModel) -> dict[str, ViewStack]:
    """Return the stacks of a model, by a prefix for the names of their members; a saved lite model has none."""
    presence, severity = model.predictor_.presence, model.predictor_.severity
    stacks: dict[str, ViewStack] = {}
    if presence is not None and presence.stacker is not None:
        stacks[""] = presence.stacker
    if severity is not None:
        stacks["score "] = severity.stacker_
    return stacks


def member_rows(table: pd.DataFrame, model: DepressionModel) -> Iterator[tuple[str, Mask, Floats, Pipeline]]:
    """Yield each member's name, the rows that have its view, its columns of these rows, and its pipeline."""
    X = table.to_numpy(dtype=np.float64)
    for prefix, stack in list_stacks(model).items():
        present = find_modalities(X, stack.columns_)
        for member in stack.members_:
            view = stack.views_[member.view]
            rows = view.rows(present)
            if rows.any():
                yield prefix + member.name, rows, stack.view_features(view, X[rows]), stack.models_[member.name]


def member_inputs(pipeline: Pipeline, X: Floats) -> Floats:
    """Return what the last step of a member learns from: the output of all steps before it."""
    return np.asarray(pipeline[:-1].transform(X), dtype=np.float64)


def _selection(pipeline: Pipeline) -> Pipeline | None:
    """Return the first steps, as far as they only normalise audio vectors and select; None if they do not select."""
    n_steps = 0
    while isinstance(pipeline[n_steps], NormalizeAudio | SelectorMixin):
        n_steps += 1
    steps = pipeline[:n_steps]
    return steps if any(isinstance(step, SelectorMixin) for _, step in steps.steps) else None


def _predict(table: pd.DataFrame, model: DepressionModel) -> Floats:
    raw = model.predictor_.predict_raw(table)
    parts = [] if raw.probability is None else [log_odds(raw.probability)]
    return np.column_stack([*parts, *([] if raw.scores is None else [raw.scores])])


def _fill(values: Floats, rows: Mask) -> Floats:
    """Return the values of some rows as all rows, NaN in the others."""
    filled = np.full((len(rows), values.shape[1]), np.nan)
    filled[rows] = values
    return filled


def _drop_equal(forms: Forms) -> Forms:
    """Return each form once: learners of one kind often learn from the same columns."""
    kept: Forms = {}
    for name, values in forms.items():
        equal = (np.array_equal(values, other, equal_nan=True) for other in kept.values())
        if not any(equal):
            kept[name] = values
    return kept
