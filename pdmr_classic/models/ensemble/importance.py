"""Permutation importance: increase in held-out log loss when a group of feature columns is shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import joblib
import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.features.catalog import find_families
from pdmr_classic.metrics import log_loss
from pdmr_classic.models.ensemble.fold_data import FoldData, ViewData
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.ensemble.tuning import expand_scores
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.workers import use_one_thread

_ALL = "all"


def permutation_importance(
    stacker: GroupedStacker,
    fold_data: FoldData,
    scores: Sequence[Floats],
    names: Sequence[str],
    *,
    seed: int = 0,
    jobs: int = 1,
) -> dict[str, Any]:
    """Return the increase in log loss when a group of columns is shuffled between recordings.

    Base learners are fitted on the training rows of each fold and score its held-out rows with each group of columns
    shuffled; the fitted meta-learner combines the scores. A group may appear unimportant because another group contains
    the same information.

    Parameters
    ----------
    stacker : GroupedStacker
        Fitted on `fold_data`.
    fold_data : FoldData
    scores : sequence of ndarray, shape [n, S]
        Out-of-fold scores of each member, on which the stacker was fitted.
    names : sequence of str
        Feature names.
    seed, jobs : int

    Returns
    -------
    dict
        `log_loss` without shuffling, weighted as in training, and its increase in nats `by_family`, `by_modality` and
        `by_view` (all columns of the base learners on that view), largest first.

    References
    ----------
    Breiman 2001; Fisher, Rudin and Dominici 2019 (grouped columns).
    """
    family = np.array(find_families(names))
    groups = {("family", name): np.flatnonzero(family == name) for name in dict.fromkeys(family.tolist())}
    groups |= {("modality", name): columns for name, columns in fold_data.columns.items()}
    shuffled = _score_shuffled(stacker, fold_data, groups, seed, jobs)
    baseline = _log_loss(stacker, fold_data, scores)

    def increase(shuffled_scores: Sequence[Mapping[Any, Floats]], key: Any) -> float:
        replaced = [member.get(key, original) for member, original in zip(shuffled_scores, scores, strict=True)]
        return _log_loss(stacker, fold_data, replaced) - baseline

    increases: dict[str, dict[str, float]] = {"by_family": {}, "by_modality": {}, "by_view": {}}
    for kind, name in groups:
        if any((kind, name) in member_scores for member_scores in shuffled):
            increases[f"by_{kind}"][name] = increase(shuffled, (kind, name))
    for view in stacker.views_:
        view_scores = [
            member_scores if member.view == view else {}
            for member, member_scores in zip(stacker.members_, shuffled, strict=True)
        ]
        increases["by_view"][view] = increase(view_scores, _ALL)
    ordered = {kind: dict(sorted(values.items(), key=lambda item: -item[1])) for kind, values in increases.items()}
    return {"log_loss": baseline, **ordered}


def _score_shuffled(
    stacker: GroupedStacker, fold_data: FoldData, groups: Mapping[Any, Ints], seed: int, jobs: int
) -> list[dict[Any, Floats]]:
    """Return each member's out-of-fold scores of all rows, shape [n, S], with each group of columns shuffled."""
    order = np.random.default_rng(seed).permutation(len(fold_data.y))
    tasks = [
        joblib.delayed(_score_shuffled_fold)(
            member, data, fold, _locate_groups(member, fold_data, groups), order[data.rows], stacker.random_state
        )
        for member in stacker.members_
        for data in [fold_data.view_data[member.view]]
        for fold in range(len(data.folds))
    ]
    results = iter(joblib.Parallel(n_jobs=jobs)(tasks))
    member_data = [fold_data.view_data[member.view] for member in stacker.members_]
    return [_expand_all([next(results) for _ in data.folds], data) for data in member_data]


def _locate_groups(member: Member, fold_data: FoldData, groups: Mapping[Any, Ints]) -> dict[Any, Ints]:
    """Return the column indices of each group, and of all columns, in the view of a member."""
    view_columns = fold_data.views[member.view].columns
    indices = {key: np.flatnonzero(np.isin(view_columns, columns)) for key, columns in groups.items()}
    all_columns = np.arange(fold_data.view_data[member.view].n_columns)
    return {key: columns for key, columns in indices.items() if len(columns)} | {_ALL: all_columns}


def _score_shuffled_fold(
    member: Member,
    data: ViewData,
    fold: int,
    groups: Mapping[Any, Ints],
    order: Ints,
    seed: int,
) -> dict[Any, Floats]:
    train, test = data.folds[fold]
    if not len(test):
        return {key: np.empty((0, 1 if data.n_classes == 2 else data.n_classes)) for key in groups}
    model = fit_member(member, data.fold_features(fold, train), data.y[train], data.audio, seed, data.weights[train])
    held_out = data.fold_features(fold, test)
    # The same permutation for all members: all views of a recording get the values of the same other recording.
    permutation = np.argsort(np.argsort(order[test]))
    scores = {}
    for key, columns in groups.items():
        shuffled = held_out.copy()
        shuffled[:, columns] = held_out[np.ix_(permutation, columns)]
        scores[key] = raw_scores(model, shuffled)
    return scores


def _expand_all(folds: Sequence[Mapping[Any, Floats]], data: ViewData) -> dict[Any, Floats]:
    return {key: expand_scores([fold[key] for fold in folds], data) for key in folds[0]}


def _log_loss(stacker: GroupedStacker, fold_data: FoldData, scores: Sequence[Floats]) -> float:
    with use_one_thread():
        probability = stacker.combine(scores, fold_data.present)
    return log_loss(probability, fold_data.y, fold_data.weights)
