"""Scores by subgroup of the recordings, to compare performance between groups of people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation._profiles import make_profile_permuter
from pdmr_classic.evaluation.held_out_rows import HeldOutRows
from pdmr_classic.evaluation.intervals import weighted_scores
from pdmr_classic.evaluation.outer_folds import SUBJECT_COLUMN
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import HEADLINE_SCORES, summarise_scores
from pdmr_classic.io.labels.sessions import is_session_name
from pdmr_classic.resampling import batch_sizes

_MISSING = "(unknown)"
MAX_GROUPS = 20
_N_PERMUTATIONS = 500
_TOLERANCE = 1e-12


def check_subgroup_columns(labels: pd.DataFrame, by: Sequence[str], subjects: pd.Series) -> None:
    """Raise before any computation if a column cannot define subgroups.

    Raises
    ------
    ConfigError
        The column does not exist, has too many values, or each value belongs to a single subject.
    """
    for column in by:
        if column not in labels:
            raise ConfigError(
                "--by names a column that is not in the label table",
                expected=", ".join(labels.columns),
                found=repr(column),
            )
        n_values = labels[column].nunique()
        if n_values > MAX_GROUPS:
            raise ConfigError(
                f"--by {column} has too many values",
                expected=f"a column with at most {MAX_GROUPS} distinct values",
                found=str(n_values),
                hint="add a column with fewer values to the label table",
            )
        if (subjects.groupby(labels[column].to_numpy()).nunique() == 1).all():
            raise ConfigError(
                f"--by {column} has only one subject per value: its scores would describe individuals, not groups",
                expected="a column whose values are shared by several subjects, such as gender or site",
            )


def check_leave_column(
    labels: pd.DataFrame, column: str | None, *, has_subjects: bool = True, has_events: bool = False
) -> None:
    """Raise before any computation if there is no column whose values could be held out.

    With `has_subjects`, `subject_id` need not be a column: subjects are known from elsewhere. With `has_events`, rows
    are persons, who are in several sessions, and have no value where their recordings differ.

    Raises
    ------
    ConfigError
    """
    if column is not None and column not in labels and not (has_subjects and column == SUBJECT_COLUMN):
        raise ConfigError(
            "--leave names a column that is not in the label table",
            expected=", ".join(labels.columns),
            found=repr(column),
        )
    if column in labels and has_events and (is_session_name(str(column)) or (labels[column] == "").all()):
        raise ConfigError(
            f"--leave {column} holds out some recordings of a person; with --events each person is one row",
            expected="a column that is the same for all recordings of a person, such as site",
            hint="drop --leave, or evaluate recordings, without --events",
        )


# Not fairlearn's MetricFrame: it has no fold-averaged AUC and no subject bootstrap, and is one more dependency.
def score_subgroups(predictions: Predictions, groups: pd.Series, seed: int = 0) -> dict[str, Any]:
    """Return the scores of each subgroup and, for each score, the largest gap between two subgroups.

    Parameters
    ----------
    predictions : Predictions
    groups : Series of str
        Indexed by `data_id`; recordings with an empty cell form the group "(unknown)".
    seed : int

    Returns
    -------
    dict
        `groups`: for each value, see `summarise_scores`; `gaps`: for each score, the `gap` between the `best` and the
        `worst` group, the 95% quantile of the gap by chance (`chance_95`) and a permutation `p`. Groups in which a
        score is undefined (AUC with only one class) are ignored.

    Notes
    -----
    Gaps by chance: the groups are permuted between subjects with the same (most frequent) label, so that the shares of
    the classes in each group hardly change; predictions are fixed. The largest of many gaps is never 0: with six groups
    of ten subjects, an AUC gap of .3 is usual.
    """
    row_groups = name_groups(groups, predictions)
    summaries = {
        str(value): summarise_scores(predictions.subset(row_groups == value), seed) for value in sorted(set(row_groups))
    }
    gaps = _largest_gaps(summaries)
    if gaps:
        by_chance = _draw_gaps(predictions, row_groups, seed)
        gaps = {name: gap | _compare_with_chance(gap["gap"], by_chance[name]) for name, gap in gaps.items()}
    return {"groups": summaries, "gaps": gaps}


def name_groups(groups: pd.Series, predictions: HeldOutRows) -> NDArray[Any]:
    """Return the group of each row, shape [n], dtype object; "(unknown)" for an empty cell."""
    return np.asarray(groups.replace("", _MISSING).loc[predictions.recording].to_numpy(dtype=object))


def _largest_gaps(summaries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    gaps = {}
    for name in HEADLINE_SCORES:
        means = {value: summary["scores"].get(name, {}).get("mean") for value, summary in summaries.items()}
        defined = {value: mean for value, mean in means.items() if mean is not None and np.isfinite(mean)}
        if len(defined) > 1:
            best, worst = max(defined, key=lambda value: defined[value]), min(defined, key=lambda value: defined[value])
            gaps[name] = {"gap": defined[best] - defined[worst], "best": best, "worst": worst}
    return gaps


def _compare_with_chance(gap: float, by_chance: Floats) -> dict[str, float]:
    by_chance = by_chance[np.isfinite(by_chance)]
    n_larger = np.count_nonzero(by_chance >= gap - _TOLERANCE)
    return {"chance_95": float(np.quantile(by_chance, 0.95)), "p": float(1 + n_larger) / (1 + len(by_chance))}


def _draw_gaps(predictions: Predictions, row_groups: NDArray[Any], seed: int) -> dict[str, Floats]:
    """Return the largest gaps between randomly permuted groups, for each score, shape [permutations]."""
    _, first, recording = np.unique(predictions.recording.astype(str), return_index=True, return_inverse=True)
    values, group = np.unique(row_groups[first].astype(str), return_inverse=True)
    subject = predictions.subject[first]
    permute = make_profile_permuter(group, subject, _most_frequent_label(predictions.truth[first], subject))
    rng = np.random.default_rng(seed)
    parts = []
    for size in batch_sizes(_N_PERMUTATIONS, len(predictions)):
        permuted = permute(rng, size)[recording]
        parts.append([weighted_scores(predictions, (permuted == k).astype(np.float64)) for k in range(len(values))])
    return {
        name: np.concatenate([_widest_gap(np.stack([group[name] for group in part])) for part in parts])
        for name in parts[0][0]
    }


def _widest_gap(scores: Floats) -> Floats:
    """Return the largest difference between the finite scores of each column [groups, n]; NaN if fewer than two are."""
    is_finite = np.isfinite(scores)
    gap = np.where(is_finite, scores, -np.inf).max(axis=0) - np.where(is_finite, scores, np.inf).min(axis=0)
    return np.where(is_finite.sum(axis=0) > 1, gap, np.nan)


def _most_frequent_label(truth: Ints, subject: Ints) -> Ints:
    """Return for each recording the most frequent label of its subject."""
    counts = pd.crosstab(subject, truth)
    return np.asarray(counts.to_numpy().argmax(axis=1)[np.unique(subject, return_inverse=True)[1]])
