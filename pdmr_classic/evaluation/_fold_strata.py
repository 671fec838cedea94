"""By what the outer folds are stratified, and whether a score can be learned from each of their training sets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.table import EvaluationTable, Scores
from pdmr_classic.models.decision.conformal import required_subjects
from pdmr_classic.models.severity.stacker import score_bins
from pdmr_classic.models.severity.target import MIN_SUBJECTS


def find_strata(table: EvaluationTable, n_folds: int, *, leave: bool = False) -> pd.Series:
    """Return by what the outer folds are stratified: the labels, or ranges of scores if there are no labels.

    A recording with a score but no label has the label of the clinical cut-off, or the most frequent one; this only
    decides in which fold it is. If whole conditions are left out, scores need no strata, only enough subjects.
    """
    if table.scores is None:
        return table.status
    if not table.classes and leave:
        return _halve(table.groups)
    if not table.classes:
        return _bin_scores(table.scores, table.groups, n_folds)
    labelled = table.status[table.has_status]
    return table.status.where(table.has_status, _guess_labels(table, table.scores, str(labelled.mode()[0])))


def _halve(groups: pd.Series) -> pd.Series:
    """Return two strata of subjects at random, so that the checks of classes hold."""
    names = np.unique(groups.to_numpy(dtype=str))
    first = set(np.random.default_rng(0).permutation(names)[: len(names) // 2])
    return groups.astype(str).map(lambda name: "first half" if name in first else "second half").astype(object)


def _guess_labels(table: EvaluationTable, scores: Scores, most_frequent: str) -> pd.Series:
    if scores.scale.clinical_cutoff is None or table.positive is None:
        return pd.Series(most_frequent, index=table.status.index, dtype=object)
    negative = next(label for label in table.classes if label != table.positive)
    is_clinical = scores.scale.is_clinical(scores.values)
    return pd.Series(np.where(is_clinical, table.positive, negative), index=table.status.index, dtype=object)


def _bin_scores(scores: Scores, groups: pd.Series, n_folds: int) -> pd.Series:
    values = scores.values.fillna(scores.values.mean())
    # At least two bins, so that severe cases are not all in one fold.
    bins = score_bins(
        values.to_numpy(dtype=np.float64), groups.to_numpy(dtype=object), max(2, min(n_folds, groups.nunique() // 2))
    )
    ranges = values.groupby(bins).agg(["min", "max"])
    names = {code: f"scores {low:g} to {high:g}" for code, (low, high) in zip(ranges.index, ranges.values, strict=True)}
    return pd.Series([names[code] for code in bins], index=groups.index, dtype=object)


def check_training_scores(table: EvaluationTable, outer: Sequence[OuterFold], level: float) -> None:
    """Raise before any training if a training set has too few subjects with a score.

    Raises
    ------
    DataError
    """
    if table.scores is None:
        return
    is_used = table.scores.values.notna().to_numpy() & (True if table.weights is None else table.weights > 0)
    groups = table.groups.to_numpy(dtype=object)
    fewest = min(len(np.unique(groups[fold.train[is_used[fold.train]]].astype(str))) for fold in outer)
    needed = max(MIN_SUBJECTS, required_subjects(level))
    if fewest < needed:
        raise DataError(
            f"too few subjects for an evaluation: {fewest} with a score remain after holding out a fold",
            code="too-few-groups",
            expected=f"at least {needed} subjects with a score in each training set",
            found=str(len(np.unique(groups[is_used].astype(str)))) + " in all",
            hint="add subjects, or use more --folds",
        )
