"""From a table of features to a tuned, stacked ensemble, its threshold, and the facts of its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array

from pdmr_classic.config import Settings
from pdmr_classic.io.results import PROBABILITY_PREFIX
from pdmr_classic.metrics import score
from pdmr_classic.models.decision.decision import Decision
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.importance import permutation_importance
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.ensemble.study_storage import open_studies
from pdmr_classic.models.ensemble.tuning import oof_columns, tune
from pdmr_classic.models.learners.learners import LEARNERS, select_learners
from pdmr_classic.models.learners.member import default_members
from pdmr_classic.models.target_checks import Target
from pdmr_classic.progress import Reporter
from pdmr_classic.storage.fingerprint import hash_data

# More trials go on with those that are there; the metric and the threshold come after them.
_NO_TRIAL_DEPENDS_ON: dict[str, Any] = {
    "learning": {"trials", "timeout", "metric", "threshold"},
    "evaluation": True,
}


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What `fit_ensemble` makes.

    Attributes
    ----------
    stacker : GroupedStacker
    decision : Decision
    oof : DataFrame
        Index `data_id`: true `status`, `predicted`, and the out-of-fold `probability` (or one column a class) of every
        training recording.
    facts : dict
        What the manifest says, ready for JSON.
    """

    stacker: GroupedStacker
    decision: Decision
    oof: pd.DataFrame
    facts: dict[str, Any]


def fit_ensemble(
    features: pd.DataFrame, target: Target, settings: Settings, *, jobs: int, studies: Path | None, reporter: Reporter
) -> Ensemble:
    """Tune base learners, stack them, choose the threshold, and ask which features the stack relies on.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
    target : Target
        Of the same rows.
    settings : Settings
    jobs : int
    studies : Path or None
        File that keeps the trials.
    reporter : Reporter

    Raises
    ------
    DataError
        There is no column to learn from.
    """
    learning = settings.learning
    classes = np.array(target.classes, dtype=object)
    names = [str(name) for name in features.columns]
    fold_data = make_fold_data(
        check_array(features.to_numpy(dtype=np.float64), ensure_all_finite="allow-nan", ensure_min_features=0),
        names,
        target.codes,
        target.groups.to_numpy(dtype=object),
        n_folds=target.n_folds,
        repeats=learning.repeats,
        seed=learning.seed,
        weights=target.weights,
    )
    for finding in (*target.findings, *fold_data.findings):
        reporter.note(finding)
    members = default_members(fold_data.views, select_learners(learning))
    asked = settings.model_dump(mode="json", exclude=_NO_TRIAL_DEPENDS_ON)
    data_and_settings = hash_data(features, target.status, target.groups, target.weights, asked=asked)
    with open_studies(studies, data_and_settings) as storage:
        tuned = tune(members, fold_data.view_data, learning, jobs=jobs, reporter=reporter, storage=storage)
    reporter.progress("training", 0, 1)
    members = [one.member for one in tuned]
    known = {one.member.name: one.scores for one in tuned if one.scores is not None}
    columns = oof_columns(members, fold_data, learning.seed, jobs=jobs, known=known)
    stacker = GroupedStacker(
        members, folds=learning.folds, repeats=learning.repeats, random_state=learning.seed, jobs=jobs
    ).fit_columns(members, columns, fold_data, classes)
    decision, oof = _decide(stacker, features.index, target, settings)
    for finding in decision.findings:
        reporter.note(finding)
    facts = _facts(features, target, settings, fold_data, stacker, decision, oof)
    if learning.importance:
        facts["importance"] = permutation_importance(stacker, fold_data, columns, names, seed=learning.seed, jobs=jobs)
    reporter.progress("training", 1, 1)
    return Ensemble(stacker, decision, oof, facts)


def _decide(
    stacker: GroupedStacker, index: pd.Index, target: Target, settings: Settings
) -> tuple[Decision, pd.DataFrame]:
    """Choose the threshold on what cross-fitted models say of the training recordings, and return that too."""
    probability = stacker.oof_probability_
    known = np.asarray(np.isfinite(probability).all(axis=1))
    status = target.status.to_numpy(dtype=object)[known]
    decision = Decision(target.classes, target.positive, settings.learning).fit(
        probability[known], status, target.groups.to_numpy(dtype=object)[known], target.weights[known]
    )
    oof = decision.labelled(probability[known], index[known], decision.threshold_)
    oof = oof.rename(columns={"status": "predicted"})
    oof.insert(0, "status", status)
    return decision, oof


def _facts(
    features: pd.DataFrame,
    target: Target,
    settings: Settings,
    fold_data: FoldData,
    stacker: GroupedStacker,
    decision: Decision,
    oof: pd.DataFrame,
) -> dict[str, Any]:
    probability = oof.drop(columns=["status", "predicted"]).rename(
        columns=lambda name: name.removeprefix(PROBABILITY_PREFIX)
    )
    return {
        "classes": {label: int((target.status == label).sum()) for label in target.classes},
        "positive": target.positive,
        # None: the threshold was given, and no metric chose it.
        "metric": decision.metric if settings.learning.threshold is None else None,
        "threshold": decision.threshold_,
        "n_recordings": len(features),
        "n_subjects": int(target.groups.nunique()),
        "folds": fold_data.n_folds,
        "views": {name: len(data.y) for name, data in fold_data.view_data.items()},
        "combined": {
            "+".join(sorted(modalities)): {
                "how": choice.how,
                "log_loss": choice.losses,
                "weights": stacker.combiners_[modalities].named_weights,
            }
            for modalities, choice in stacker.choices_.items()
        },
        "members": [{"view": m.view, "learner": m.learner, "params": dict(m.params)} for m in stacker.members_],
        # The threshold was chosen on these very rows: a check of the fit, not an estimate for new people.
        "inner_scores": score(oof["status"], oof["predicted"], positive=target.positive, probability=probability),
        "contains_training_rows": any(LEARNERS[member.learner].keeps_rows for member in stacker.members_),
        "data_fingerprint": hash_data(features, target.status, target.groups, target.weights),
        "features": list(features.columns),
    }
