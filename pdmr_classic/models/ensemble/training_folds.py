"""Folds for tuning, final models and importance; of a large table, tuning and importance use a sample of subjects."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import LearningSettings
from pdmr_classic.errors import Finding
from pdmr_classic.models.ensemble._member_study import use_defaults
from pdmr_classic.models.ensemble._tuning import tune
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.importance import permutation_importance
from pdmr_classic.models.ensemble.oof_scores import compute_oof_scores
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.ensemble.study_storage import AnyStudies
from pdmr_classic.models.learners.large_table import LargeTable, draw_sample
from pdmr_classic.models.learners.member import Member
from pdmr_classic.progress import Reporter
from pdmr_classic.splits import count_feasible_folds
from pdmr_classic.text import format_count


@dataclass(frozen=True, eq=False)
class TrainingFolds:
    """The folds of a training table.

    Attributes
    ----------
    tuning : FoldData
        For the trials.
    final : FoldData
        For the meta-learner and the final models; all rows.
    sample : FoldData or None
        Of a large table, other folds of the rows in `tuning`, for the importance of features.
    """

    tuning: FoldData
    final: FoldData
    sample: FoldData | None = None

    @property
    def findings(self) -> list[Finding]:
        """Warnings about views, and what is learned from a sample only."""
        return [*self.final.findings, *self._describe_sample()]

    def release_sample(self) -> TrainingFolds:
        """Return the folds without the features of the sample, which take up memory; all of it without a sample."""
        if self.sample is None:
            return self
        sample = self.sample.drop_features()
        return replace(self, tuning=sample, sample=sample)

    def _describe_sample(self) -> list[Finding]:
        facts = self.describe()
        if not facts:
            return []
        what = (
            f"the training data have more than max_rows = {facts['max_rows']} recordings: boosting, if it is a base "
            "learner, learns from all; other base learners, tuning and importance from samples of whole subjects"
        )
        drawn = format_count(facts["n_sampled"], "recording")
        of = format_count(facts["n_sampled_subjects"], "subject")
        return [Finding("sampled", what, found=f"{facts['n_used']} recordings; {drawn} of {of} to tune on")]

    def describe(self, members: Sequence[Member] = ()) -> dict[str, Any]:
        """Return the sizes of table and sample, and the members that learn from all rows; nothing without a sample."""
        if self.sample is None or not isinstance(self.final.X, LargeTable):
            return {}
        return {
            "max_rows": self.final.X.max_rows,
            "n_used": int((self.final.weights > 0).sum()),
            "n_sampled": len(self.sample.y),
            "n_sampled_subjects": len(np.unique(self.sample.groups)),
            "all_rows": [member.name for member in members if member.reads_batches],
        }


def make_training_folds(
    X: Floats | LargeTable,
    names: Sequence[str],
    codes: Ints,
    groups: NDArray[Any],
    learning: LearningSettings,
    *,
    n_folds: int,
    weights: Floats,
    scores: Floats | None = None,
) -> TrainingFolds:
    """Make the folds for tuning and training.

    Parameters
    ----------
    X : ndarray or LargeTable, shape [n, F]
    names : sequence of str, length F
    codes : ndarray of int, shape [n]
        Class numbers, or bins of scores, by which folds are stratified.
    groups : ndarray, shape [n]
    learning : LearningSettings
    n_folds : int
        Must be feasible.
    weights : ndarray, shape [n]
    scores : ndarray of float, shape [n], optional
        To predict, instead of `codes`.

    Raises
    ------
    DataError
        See `make_fold_data`.
    """

    def make(rows: Ints | slice, table: Floats | LargeTable, n_folds: int, repeats: int) -> FoldData:
        fold_data = make_fold_data(
            table,
            names,
            codes[rows],
            groups[rows],
            n_folds=n_folds,
            repeats=repeats,
            seed=learning.seed,
            weights=weights[rows],
            join_views=learning.join_views,
            suppress_identity=learning.suppress_identity,
        )
        return fold_data if scores is None else fold_data.replace_target(scores[rows])

    # Losses of tuned members are optimistic on the folds of their trials: they are compared on other ones.
    repeats = learning.repeats
    if not isinstance(X, LargeTable):
        all_folds = make(slice(None), X, n_folds, 2 * repeats)
        return TrainingFolds(all_folds.select_repeats(0, repeats), all_folds.select_repeats(repeats, 2 * repeats))
    used = np.flatnonzero(weights > 0)
    drawn = used[draw_sample(codes[used], groups[used], X.max_rows, learning.seed)]
    sampled = make(drawn, X[drawn].read(), _count_folds(codes[drawn], groups[drawn], n_folds), 2 * repeats)
    return TrainingFolds(
        tuning=sampled.select_repeats(0, repeats),
        final=make(slice(None), X, n_folds, repeats),
        sample=sampled.select_repeats(repeats, 2 * repeats),
    )


def _count_folds(codes: Ints, groups: NDArray[Any], n_folds: int) -> int:
    if codes.min() < codes.max():
        return count_feasible_folds(codes, groups, n_folds)
    return min(n_folds, len(np.unique(groups)))


def tune_members(
    members: Sequence[Member],
    folds: TrainingFolds,
    learning: LearningSettings,
    *,
    jobs: int,
    reporter: Reporter,
    storage: AnyStudies | None = None,
) -> list[Member]:
    """Return the members with tuned hyperparameters, see `tune`; the default ones on views that the sample lacks."""
    views = folds.tuning.view_data
    tunable = [member for member in members if member.view in views]
    tuned = tune(tunable, views, learning, jobs=jobs, reporter=reporter, storage=storage)
    by_name = {member.name: member for member in tuned}
    return [
        by_name[member.name] if member.name in by_name else use_defaults(member, folds.final.view_data[member.view])
        for member in members
    ]


def measure_sample_importance(
    members: Sequence[Member],
    sample: FoldData,
    groups: Mapping[Hashable, Ints],
    classes: NDArray[Any],
    *,
    seed: int,
    jobs: int,
) -> dict[str, Any]:
    """Return the permutation importance of groups of columns in a stack of the sample of a large table.

    Parameters
    ----------
    members : sequence of Member
    sample : FoldData
        Folds other than those of tuning.
    groups : mapping of ndarray of int
        See `column_groups`.
    classes : ndarray, shape [K]
    seed, jobs : int
    """
    members = [member for member in members if member.view in sample.views]
    scores = compute_oof_scores(members, sample, seed, jobs=jobs, groups=groups)
    stacker = GroupedStacker(members, random_state=seed, jobs=jobs)
    stacker.fit_oof_scores(members, scores.scores, sample, classes, final_models=False)
    return permutation_importance(stacker, sample, scores, groups)
