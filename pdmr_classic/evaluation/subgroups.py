"""Scores by subgroup of the recordings, to compare performance between groups of people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import HEADLINE_SCORES, summarise_scores

_MISSING = "(unknown)"
_MAX_GROUPS = 20


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
        if n_values > _MAX_GROUPS:
            raise ConfigError(
                f"--by {column} has too many values",
                expected=f"a column with at most {_MAX_GROUPS} distinct values",
                found=str(n_values),
                hint="add a column with fewer values to the label table",
            )
        if (subjects.groupby(labels[column].to_numpy()).nunique() == 1).all():
            raise ConfigError(
                f"--by {column} has only one subject per value: its scores would describe individuals, not groups",
                expected="a column whose values are shared by several subjects, such as gender or site",
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
        `worst` group. Groups in which a score is undefined (AUC with only one class) are ignored.
    """
    row_groups = groups.replace("", _MISSING).loc[predictions.recording].to_numpy(dtype=object)
    summaries = {
        str(value): summarise_scores(predictions.subset(row_groups == value), seed) for value in sorted(set(row_groups))
    }
    return {"groups": summaries, "gaps": _largest_gaps(summaries)}


def _largest_gaps(summaries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    gaps = {}
    for name in HEADLINE_SCORES:
        means = {value: summary["scores"].get(name, {}).get("mean") for value, summary in summaries.items()}
        defined = {value: mean for value, mean in means.items() if mean is not None and np.isfinite(mean)}
        if len(defined) > 1:
            best, worst = max(defined, key=lambda value: defined[value]), min(defined, key=lambda value: defined[value])
            gaps[name] = {"gap": defined[best] - defined[worst], "best": best, "worst": worst}
    return gaps
