"""Scores of parts of the recordings: whether a model is as good for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import HEADLINES, summarise_scores

_UNKNOWN = "(unknown)"
_MOST_GROUPS = 20


def check_subgroup_columns(labels: pd.DataFrame, by: Sequence[str], subjects: pd.Series) -> None:
    """Refuse columns that do not make subgroups, before any work is done.

    Raises
    ------
    ConfigError
        There is no such column, it has too many values, or each of them is one subject.
    """
    for column in by:
        if column not in labels:
            raise ConfigError(
                "--by names no column of the labels", expected=", ".join(labels.columns), found=repr(column)
            )
        n_values = labels[column].nunique()
        if n_values > _MOST_GROUPS:
            raise ConfigError(
                f"--by {column} makes too many groups",
                expected=f"a column of at most {_MOST_GROUPS} different values",
                found=str(n_values),
                hint="write coarser groups into a column of their own",
            )
        if (subjects.groupby(labels[column].to_numpy()).nunique() == 1).all():
            raise ConfigError(
                f"--by {column} tells single people apart: their scores would be published, and say nothing of others",
                expected="a column whose values several subjects share, such as gender or site",
            )


# fairlearn's MetricFrame would give the same means, but neither AUC by folds nor intervals by subjects; and it is
# one more thing to install.
def score_subgroups(predictions: Predictions, groups: pd.Series, seed: int = 0) -> dict[str, Any]:
    """Return the scores of each subgroup, and the largest gap between two of them.

    Parameters
    ----------
    predictions : Predictions
    groups : Series of str
        Index `data_id`; an empty cell is its own group.
    seed : int

    Returns
    -------
    dict
        `groups`: as `summarise_scores`, by value; `gaps`: by score, the `gap` and the two values that it lies `between`, the
        better one first. A score that does not exist in a group (AUC where it has one class) has no part in a gap.
    """
    of_row = groups.replace("", _UNKNOWN).loc[predictions.recording].to_numpy(dtype=object)
    found = {str(value): summarise_scores(predictions.subset(of_row == value), seed) for value in sorted(set(of_row))}
    return {"groups": found, "gaps": _gaps(found)}


def _gaps(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    gaps = {}
    for name in HEADLINES:
        means = {value: part["scores"].get(name, {}).get("mean") for value, part in found.items()}
        known = {value: mean for value, mean in means.items() if mean is not None and np.isfinite(mean)}
        if len(known) > 1:
            best, worst = max(known, key=lambda value: known[value]), min(known, key=lambda value: known[value])
            gaps[name] = {"gap": known[best] - known[worst], "between": [best, worst]}
    return gaps
