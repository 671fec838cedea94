"""Out-of-fold scores of the members, also with groups of feature columns shuffled, from one model per fold."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import joblib
import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.models.ensemble._fold_losses import average_scores
from pdmr_classic.models.ensemble.fold_data import FoldData, ViewData
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.plugins import share_plugins

ALL_COLUMNS = "all"
_UNCHANGED = "unchanged"


@dataclass(frozen=True, eq=False)
class OofScores:
    """Out-of-fold scores of each member for all rows; NaN for rows without its view.

    Attributes
    ----------
    scores : list of ndarray, shape [n, S]
        One per member.
    shuffled : list of dict
        Per member, the scores with each group of columns shuffled between recordings, and with all its columns
        (`ALL_COLUMNS`); a group without columns in its view is left out.
    """

    scores: list[Floats]
    shuffled: list[dict[Hashable, Floats]]


def compute_oof_scores(
    members: Sequence[Member],
    fold_data: FoldData,
    seed: int,
    *,
    jobs: int,
    groups: Mapping[Hashable, Ints] | None = None,
) -> OofScores:
    """Fit each member on the training rows of each fold, and score the held-out rows.

    Parameters
    ----------
    members : sequence of Member
    fold_data : FoldData
    seed, jobs : int
    groups : dict of ndarray of int, optional
        Column indices of the groups to shuffle; not of a LargeTable.
    """
    order = np.random.default_rng(seed).permutation(len(fold_data.y))
    member_data = [fold_data.view_data[member.view] for member in members]
    score_fold = joblib.delayed(share_plugins(_score_fold))
    tasks = [
        score_fold(member, data, fold, _locate_groups(member, fold_data, groups), order[data.rows], seed)
        for member, data in zip(members, member_data, strict=True)
        for fold in range(len(data.folds))
    ]
    results = iter(joblib.Parallel(n_jobs=jobs)(tasks))
    by_group = [_expand_all([next(results) for _ in data.folds], data) for data in member_data]
    return OofScores([scores.pop(_UNCHANGED) for scores in by_group], by_group)


def _locate_groups(member: Member, fold_data: FoldData, groups: Mapping[Hashable, Ints] | None) -> dict[Hashable, Ints]:
    """Return the column indices of each group, and of all columns, in the view of a member."""
    if groups is None:
        return {}
    view_columns = fold_data.views[member.view].columns
    indices = {key: np.flatnonzero(np.isin(view_columns, columns)) for key, columns in groups.items()}
    all_columns = np.arange(fold_data.view_data[member.view].n_columns)
    return {key: columns for key, columns in indices.items() if len(columns)} | {ALL_COLUMNS: all_columns}


def _score_fold(
    member: Member, data: ViewData, fold: int, groups: Mapping[Hashable, Ints], order: Ints, seed: int
) -> dict[Hashable, Floats]:
    train, test = data.folds[fold]
    if not len(test):
        empty = np.empty((0, data.n_scores))
        return dict.fromkeys([_UNCHANGED, *groups], empty)
    features, weights, subjects = data.fold_features(fold, train), data.weights[train], data.groups[train]
    model = fit_member(member, features, data.y[train], data.blocks, seed, weights, subjects)
    held_out = data.fold_features(fold, test)
    scores: dict[Hashable, Floats] = {_UNCHANGED: raw_scores(model, held_out)}
    # The same permutation for all members: all views of a recording get the values of the same other recording.
    permutation = np.argsort(np.argsort(order[test]))
    for key, columns in groups.items():
        shuffled = held_out.copy()
        shuffled[:, columns] = held_out[np.ix_(permutation, columns)]
        scores[key] = raw_scores(model, shuffled)
    return scores


def _expand_all(folds: Sequence[Mapping[Hashable, Floats]], data: ViewData) -> dict[Hashable, Floats]:
    """Average the scores of a view over repeats, and return them for all rows of the table, shape [n, S]."""
    expanded = {}
    for key in folds[0]:
        means = average_scores([scores[key] for scores in folds], data)
        expanded[key] = np.full((len(data.rows), means.shape[1]), np.nan)
        expanded[key][data.rows] = means
    return expanded
