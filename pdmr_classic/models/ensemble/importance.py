"""Which features speak: what the loss of a trained stack rises by when a group of columns is shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import joblib
import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.features.catalog import families_of
from pdmr_classic.metrics import log_loss
from pdmr_classic.models.ensemble.fold_data import Problem, ViewData
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.ensemble.tuning import mean_scores
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.workers import one_thread

_ALL = "all"
_AS_IS = "as is"


def permutation_importance(
    stacker: GroupedStacker, problem: Problem, names: Sequence[str], *, seed: int = 0, jobs: int = 1
) -> dict[str, Any]:
    """Return by how much the log loss rises when the values of a group of columns change places between recordings.

    Base learners are fitted on each fold's training rows once more, and asked about its held-out rows with each group
    of columns shuffled among them; the stack's own meta-learner joins the scores. Features that say the same stand in
    for each other: a group may look idle because another one speaks for it.

    Parameters
    ----------
    stacker : GroupedStacker
        Fitted on the problem.
    problem : Problem
    names : sequence of str
        Of the problem's columns.
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
    family = np.array(families_of(names))
    groups = {("family", name): np.flatnonzero(family == name) for name in dict.fromkeys(family.tolist())}
    groups |= {("modality", name): places for name, places in problem.columns.items()}
    scores = _scores(stacker, problem, groups, seed, jobs)
    as_is = _loss(stacker, problem, [found[_AS_IS] for found in scores])

    def rise(shuffled: Sequence[Mapping[Any, Floats]], key: Any) -> float:
        return _loss(stacker, problem, [found.get(key, found[_AS_IS]) for found in shuffled]) - as_is

    rises: dict[str, dict[str, float]] = {"by_family": {}, "by_modality": {}, "by_view": {}}
    for kind, name in groups:
        if any((kind, name) in found for found in scores):
            rises[f"by_{kind}"][name] = rise(scores, (kind, name))
    for view in stacker.views_:
        of_view = [
            found if m.view == view else {_AS_IS: found[_AS_IS]}
            for m, found in zip(stacker.members_, scores, strict=True)
        ]
        rises["by_view"][view] = rise(of_view, _ALL)
    ordered = {kind: dict(sorted(found.items(), key=lambda item: -item[1])) for kind, found in rises.items()}
    return {"log_loss": as_is, **ordered}


def _scores(
    stacker: GroupedStacker, problem: Problem, groups: Mapping[Any, Ints], seed: int, jobs: int
) -> list[dict[Any, Floats]]:
    """Return each member's out-of-fold scores over all rows, [n, S], as they are and with each group shuffled."""
    order = np.random.default_rng(seed).permutation(len(problem.y))
    tasks = [
        joblib.delayed(_fold)(
            member, data, fold, _places(member, problem, groups), order[data.rows], stacker.random_state
        )
        for member in stacker.members_
        for data in [problem.data[member.view]]
        for fold in range(len(data.folds))
    ]
    flat = iter(joblib.Parallel(n_jobs=jobs)(tasks))
    return [_over_all([next(flat) for _ in problem.data[m.view].folds], problem.data[m.view]) for m in stacker.members_]


def _places(member: Member, problem: Problem, groups: Mapping[Any, Ints]) -> dict[Any, Ints]:
    """Return where the columns of each group stand in the table of a member, and all of them."""
    columns = problem.views[member.view].columns
    found = {key: np.flatnonzero(np.isin(columns, places)) for key, places in groups.items()}
    width = problem.data[member.view].of_all.shape[1]
    return {key: places for key, places in found.items() if len(places)} | {_ALL: np.arange(width)}


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
        return {key: np.empty((0, 1 if data.n_classes == 2 else data.n_classes)) for key in (_AS_IS, *groups)}
    model = fit_member(member, data.of_fold(fold, train), data.y[train], data.audio, seed, data.weights[train])
    held_out = data.of_fold(fold, test)
    # The same order for every member: a recording meets the same stranger's values in all views.
    stranger = np.argsort(np.argsort(order[test]))
    scores = {_AS_IS: raw_scores(model, held_out)}
    for key, places in groups.items():
        shuffled = held_out.copy()
        shuffled[:, places] = held_out[np.ix_(stranger, places)]
        scores[key] = raw_scores(model, shuffled)
    return scores


def _over_all(folds: Sequence[Mapping[Any, Floats]], data: ViewData) -> dict[Any, Floats]:
    found = {}
    for key in folds[0]:
        scores = mean_scores([fold[key] for fold in folds], data)
        found[key] = np.full((len(data.rows), scores.shape[1]), np.nan)
        found[key][data.rows] = scores
    return found


def _loss(stacker: GroupedStacker, problem: Problem, columns: Sequence[Floats]) -> float:
    with one_thread():
        probability = stacker.join(columns, problem.present)
    return log_loss(probability, problem.y, problem.weights)
