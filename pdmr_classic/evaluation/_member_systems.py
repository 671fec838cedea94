"""Predictions of each view and each base learner of a fitted model alone, without training any of them again."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdmr_classic.features.names import COVARIATES
from pdmr_classic.models.decision.decision import Decision
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.ensemble.view_stack import ViewStack
from pdmr_classic.models.model import DepressionModel

VIEW_PREFIX, MEMBER_PREFIX = "view ", "member "
WITH_COVARIATES = "covariates and "


def predict_parts(model: DepressionModel, features: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Predict with the members of each view ("view video") and with each member ("member video/svm").

    The members of a part are combined as in the model. Calibrators, weights and the threshold are fitted on their
    out-of-fold scores for the training subjects. A part with the same members as a larger one is left out.

    Parameters
    ----------
    model : DepressionModel
        Fitted in this process.
    features : DataFrame, shape [n, F]

    Returns
    -------
    dict of str to DataFrame
        As returned by `DepressionModel.predict_features`; NaN for rows without the view.
    """
    table = features.reindex(columns=model.feature_names_)
    return {name: _predict_part(model, members, table) for name, members in list_parts(model.stacker_).items()}


def list_parts(stacker: ViewStack) -> dict[str, list[str]]:
    """Return the names of the members of each part: views, if there are several, and members.

    With covariates and several other views, also the covariates and each of these ("covariates and video").
    """
    views = {view: [member.name for member in stacker.members_ if member.view == view] for view in stacker.views_}
    whole_views = {VIEW_PREFIX + view: members for view, members in views.items() if len(views) > 1}
    members = {MEMBER_PREFIX + name: [name] for names in views.values() if len(names) > 1 for name in names}
    return whole_views | _list_with_covariates(stacker) | members


def _list_with_covariates(stacker: ViewStack) -> dict[str, list[str]]:
    needs = {name: view.needs for name, view in stacker.views_.items()}
    others = [name for name, modalities in needs.items() if modalities == {name} != {COVARIATES}]
    if COVARIATES not in needs or len(others) < 2:
        return {}
    return {
        WITH_COVARIATES + other: [
            member.name for member in stacker.members_ if needs[member.view] <= {COVARIATES, other}
        ]
        for other in others
    }


def _predict_part(model: DepressionModel, members: list[str], table: pd.DataFrame) -> pd.DataFrame:
    part = model.stacker_.select_members(members)
    decision = _fit_decision(part, model)
    return decision.assign_classes(part.predict_proba(table), table.index, decision.threshold_)


def _fit_decision(part: GroupedStacker, model: DepressionModel) -> Decision:
    probability, rows = part.oof_probability_, part.training_rows_
    usable = np.asarray(np.isfinite(probability).all(axis=1))
    decision = Decision(model.classes_, model.positive_, model.settings.learning)
    return decision.fit(probability[usable], part.classes_[rows.y[usable]], rows.groups[usable], rows.weights[usable])
