"""The table that outer folds are made of: features, labels, subjects, and the same recordings under stress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.baselines import list_modalities
from pdmr_classic.features.names import is_learned
from pdmr_classic.progress import Reporter
from pdmr_classic.text import format_count


@dataclass(frozen=True, eq=False)
class EvaluationTable:
    """Everything that outer folds are made of.

    Attributes
    ----------
    features : DataFrame, shape [n, F]
    status, groups : Series, length n
    classes : tuple of str
    positive : str or None
    modalities : tuple of str
        Those that a model of its own is trained on, for comparison.
    altered : mapping of str to DataFrame
        The same recordings under stress, by the name of what was done to them.
    weights : ndarray, length n, optional
        How much each recording counts in training; all count the same in the scores.
    """

    features: pd.DataFrame
    status: pd.Series
    groups: pd.Series
    classes: tuple[str, ...]
    positive: str | None
    modalities: tuple[str, ...] = ()
    altered: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    weights: Floats | None = None

    @property
    def codes(self) -> Ints:
        return np.searchsorted(np.array(self.classes), self.status.to_numpy(dtype=str))


def make_table(
    features: pd.DataFrame,
    status: pd.Series,
    groups: pd.Series,
    *,
    positive: str | None,
    altered: Mapping[str, pd.DataFrame],
    weights: pd.Series | None,
    rows: pd.Series,
) -> EvaluationTable:
    """Return the table of some rows.

    Parameters
    ----------
    features, status, groups
        As for `evaluate_features`.
    positive : str or None
        The class that F1 is about; None with more than two classes.
    altered : mapping of str to DataFrame
    weights : Series of float, or None
    rows : Series of bool
        Which rows are used, see `usable_rows`.
    """
    kept = rows.to_numpy()
    modalities = list_modalities(features)
    return EvaluationTable(
        features[kept],
        status[kept],
        groups[kept],
        tuple(sorted(status[kept].unique())),
        positive,
        tuple(modalities) if len(modalities) > 1 else (),
        {name: other[kept] for name, other in altered.items()},
        None if weights is None else weights.to_numpy()[kept],
    )


def usable_rows(features: pd.DataFrame, reporter: Reporter) -> pd.Series:
    """Return which rows have a modality: without any, there is nothing to be right or wrong about."""
    behaviour = [name for name in features.columns if is_learned(name)]
    kept = features[behaviour].notna().any(axis=1)
    if not kept.all():
        lost = format_count((~kept).sum(), "recording has", "recordings have")
        what = f"{lost} nothing that a model can use: left out"
        reporter.note(Finding("nothing-left", what))
    return kept
