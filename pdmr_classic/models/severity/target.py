"""Validate the scores to learn before any recording is read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.io.labels.scales import Scale
from pdmr_classic.models.decision.conformal import required_subjects
from pdmr_classic.models.learners.learners import check_learners
from pdmr_classic.models.learners.regressors import REGRESSORS
from pdmr_classic.models.severity.stacker import count_score_folds, score_bins
from pdmr_classic.sample_weights import check_weights
from pdmr_classic.text import format_count, format_list

MIN_SUBJECTS = 10
"""Fewest subjects to learn a score from."""


@dataclass(frozen=True, eq=False)
class SeverityTarget:
    """Validated scores, subjects and weights of the training recordings.

    Attributes
    ----------
    score : Series of float, length n
        NaN for recordings without a score, which have weight 0: they are only predicted.
    groups : Series of str, length n
        Subject of each recording, in the same order.
    weights : ndarray, shape [n]
    scale : Scale
    n_folds : int
        Number of inner folds.
    bins : ndarray of int, shape [n]
        Bins of similar scores, to stratify the folds by.
    level : float
        Of the intervals: it needs enough subjects.
    """

    score: pd.Series
    groups: pd.Series
    weights: Floats
    scale: Scale
    n_folds: int
    bins: Ints
    level: float

    def replace_groups(self, groups: pd.Series, requested_folds: int) -> SeverityTarget:
        """Return a copy with other subjects.

        Raises
        ------
        DataError
            There are too few subjects.
        """
        _, groups = align_rows(score=self.score, groups=groups)
        _check_subjects(groups.to_numpy(dtype=object)[self.weights > 0], self.level)
        n_folds, bins = _plan_folds(self.score, groups, self.weights, requested_folds)
        return replace(self, groups=groups, n_folds=n_folds, bins=bins)


def check_severity(
    score: pd.Series,
    groups: pd.Series,
    scale: Scale,
    settings: Settings,
    sample_weight: ArrayLike | None = None,
) -> SeverityTarget:
    """Validate scores, subjects, learners and the level of the intervals.

    Parameters
    ----------
    score, groups : Series, length n
        Score (float; NaN if it is unknown) and subject of each recording, matched by their index.
    scale : Scale
    settings : Settings
    sample_weight : array-like of float, length n, optional

    Raises
    ------
    DataError
        A score is outside its scale, all scores are equal, or there are fewer than ten subjects.
    ConfigError
        A learner is unknown, or the level needs more subjects.
    """
    score, groups, sample_weight = align_rows(score=score, groups=groups, sample_weight=sample_weight)
    score = score.astype(np.float64)
    weights = np.where(score.notna(), check_weights(sample_weight, len(score)), 0.0)
    subjects = groups.to_numpy(dtype=object)
    names, learning = settings.severity.learners, settings.learning
    check_learners(names, REGRESSORS, learning, section="severity", purpose=" for scores")
    _check_range(score.dropna(), scale)
    _check_subjects(subjects[weights > 0], settings.severity.level)
    used = score[weights > 0]
    if used.nunique() == 1:
        raise DataError(
            "all scores are equal: there is nothing to learn",
            code="constant-score",
            column=str(score.name or "score"),
            expected="at least two different scores",
            found=f"{used.iloc[0]:g} for {format_count(len(used), 'recording')}",
            hint="check the column of scores",
        )
    n_folds, bins = _plan_folds(score, groups, weights, settings.learning.folds)
    return SeverityTarget(score, groups, weights, scale, n_folds, bins, settings.severity.level)


def _plan_folds(score: pd.Series, groups: pd.Series, weights: Floats, requested: int) -> tuple[int, Ints]:
    """Return the number of inner folds and the bins to stratify them by."""
    subjects, is_used = groups.to_numpy(dtype=object), weights > 0
    bins = score_bins(score.to_numpy(dtype=np.float64), subjects, requested, weights)
    return count_score_folds(bins[is_used], subjects[is_used], requested), bins


def _check_range(score: pd.Series, scale: Scale) -> None:
    outside = score[~score.between(scale.low, scale.high)]
    if len(outside):
        raise DataError(
            f"{format_count(len(outside), 'score is', 'scores are')} outside the scale {scale.name}",
            code="outside-scale",
            column=str(score.name or "score"),
            expected=f"{scale.low:g} to {scale.high:g}",
            found=format_list(f"{value:g} for {data_id!r}" for data_id, value in outside.items()),
            hint="correct the scores, or pass another --scale",
        )


def _check_subjects(subjects: np.ndarray, level: float) -> None:
    n_subjects = len(np.unique(subjects.astype(str)))
    if n_subjects < MIN_SUBJECTS:
        raise DataError(
            f"a score cannot be learned from {format_count(n_subjects, 'subject')}",
            code="too-few-groups",
            expected=f"at least {MIN_SUBJECTS} subjects with a score",
            found=str(n_subjects),
            hint="add subjects, or learn the class (without --target)",
        )
    if n_subjects < required_subjects(level):
        raise ConfigError(
            f"--level {level:g} needs at least {required_subjects(level)} subjects with a score",
            code="level-too-high",
            found=format_count(n_subjects, "subject"),
            hint="choose a lower level, such as 0.9, or add subjects",
        )
