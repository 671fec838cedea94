"""Which features speak: what the loss of a trained stack rises by when a group of columns is shuffled."""

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
from pdmr_classic.models.ensemble.tuning import spread_over_rows
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.workers import one_thread

_ALL = "all"


def permutation_importance(
    stacker: GroupedStacker,
    fold_data: FoldData,
    columns: Sequence[Floats],
    names: Sequence[str],
    *,
    seed: int = 0,
    jobs: int = 1,
) -> dict[str, Any]:
    """Return by how much the log loss rises when the values of a group of columns change places between recordings.

    Base learners are fitted on each fold's training rows, and asked about its held-out rows with each group of columns
    shuffled among them; the stack's own meta-learner joins the scores. Features that say the same stand in
    for each other: a group may look idle because another one speaks for it.

    Parameters
    ----------
    stacker : GroupedStacker
        Fitted on the data.
    fold_data : FoldData
    columns : sequence of ndarray, shape [n, S]
        Out-of-fold scores of each member, on which the stacker was fitted.
    names : sequence of str
        Of the columns of features.
    seed, jobs : int

    Returns
    -------
    dict
        `log_loss` as it is, weighted as in training, and its rise in nats `by_family`, `by_modality` and `by_view` (all
        columns of the base learners on that view), largest first.

    References
    ----------
    Breiman 2001; Fisher, Rudin and Dominici 2019 (grouped columns).
    """
    family = np.array(find_families(names))
    groups = {("family", name): np.flatnonzero(family == name) for name in dict.fromkeys(family.tolist())}
    groups |= {("modality", name): places for name, places in fold_data.columns.items()}
    shuffled = _shuffled_columns(stacker, fold_data, groups, seed, jobs)
    as_is = _loss(stacker, fold_data, columns)

    def rise(of_members: Sequence[Mapping[Any, Floats]], key: Any) -> float:
        joined = [found.get(key, column) for found, column in zip(of_members, columns, strict=True)]
        return _loss(stacker, fold_data, joined) - as_is

    rises: dict[str, dict[str, float]] = {"by_family": {}, "by_modality": {}, "by_view": {}}
    for kind, name in groups:
        if any((kind, name) in found for found in shuffled):
            rises[f"by_{kind}"][name] = rise(shuffled, (kind, name))
    for view in stacker.views_:
        of_view = [
            found if member.view == view else {} for member, found in zip(stacker.members_, shuffled, strict=True)
        ]
        rises["by_view"][view] = rise(of_view, _ALL)
    ordered = {kind: dict(sorted(found.items(), key=lambda item: -item[1])) for kind, found in rises.items()}
    return {"log_loss": as_is, **ordered}


def _shuffled_columns(
    stacker: GroupedStacker, fold_data: FoldData, groups: Mapping[Any, Ints], seed: int, jobs: int
) -> list[dict[Any, Floats]]:
    """Return each member's out-of-fold scores over all rows, shape [n, S], with each group of columns shuffled."""
    order = np.random.default_rng(seed).permutation(len(fold_data.y))
    tasks = [
        joblib.delayed(_fold)(
            member, data, fold, _places(member, fold_data, groups), order[data.rows], stacker.random_state
        )
        for member in stacker.members_
        for data in [fold_data.view_data[member.view]]
        for fold in range(len(data.folds))
    ]
    flat = iter(joblib.Parallel(n_jobs=jobs)(tasks))
    of_members = [fold_data.view_data[member.view] for member in stacker.members_]
    return [_over_all([next(flat) for _ in data.folds], data) for data in of_members]


def _places(member: Member, fold_data: FoldData, groups: Mapping[Any, Ints]) -> dict[Any, Ints]:
    """Return where the columns of each group stand in the table of a member, and all of them."""
    columns = fold_data.views[member.view].columns
    found = {key: np.flatnonzero(np.isin(columns, places)) for key, places in groups.items()}
    every = np.arange(fold_data.view_data[member.view].n_columns)
    return {key: places for key, places in found.items() if len(places)} | {_ALL: every}


def _fold(
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
    model = fit_member(member, data.in_fold(fold, train), data.y[train], data.audio, seed, data.weights[train])
    held_out = data.in_fold(fold, test)
    # The same order for every member: a recording meets the same stranger's values in all views.
    stranger = np.argsort(np.argsort(order[test]))
    scores = {}
    for key, places in groups.items():
        shuffled = held_out.copy()
        shuffled[:, places] = held_out[np.ix_(stranger, places)]
        scores[key] = raw_scores(model, shuffled)
    return scores


def _over_all(folds: Sequence[Mapping[Any, Floats]], data: ViewData) -> dict[Any, Floats]:
    return {key: spread_over_rows([fold[key] for fold in folds], data) for key in folds[0]}


def _loss(stacker: GroupedStacker, fold_data: FoldData, columns: Sequence[Floats]) -> float:
    with one_thread():
        probability = stacker.join(columns, fold_data.present)
    return log_loss(probability, fold_data.y, fold_data.weights)
