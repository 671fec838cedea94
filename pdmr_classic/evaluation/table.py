"""The data of an evaluation: features, labels, subjects, weights, and the altered features of the stress tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.confounds.plan import ConfoundPlan
from pdmr_classic.evaluation.estimators import OwnEstimator
from pdmr_classic.features.feature_table import refuse_label_columns
from pdmr_classic.io.flow import Flow
from pdmr_classic.io.labels.scales import Scale
from pdmr_classic.models.participant_flow import RowCounter, has_usable_data
from pdmr_classic.models.training import RecordingTable
from pdmr_classic.progress import Reporter
from pdmr_classic.text import format_count


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of all recordings.

    Attributes
    ----------
    values : Series of float, length n
        NaN for recordings without a score.
    scale : Scale
    """

    values: pd.Series
    scale: Scale


@dataclass(frozen=True)
class EvaluationFacts:
    """What an evaluation tells about its data, with the rows that cannot be predicted.

    Attributes
    ----------
    fingerprint : str
        See `fingerprint_data`.
    training_fingerprint : str
        That of the rows with `train` in the label column `split`, on which `fit` trains; empty without such a split.
    flow : Flow
        From all rows of the table to those that can be predicted.
    """

    fingerprint: str = ""
    training_fingerprint: str = ""
    flow: Flow = ()


@dataclass(frozen=True, eq=False)
class EvaluationTable:
    """The data of all outer folds.

    Attributes
    ----------
    features : DataFrame, shape [n, F]
    status, groups : Series of str, length n
        Label ("" without one, if scores are learned) and subject.
    classes : tuple of str
        Empty if only scores are learned.
    positive : str or None
    altered : mapping of str to DataFrame
        Features of the same recordings in each stress test, by its name.
    weights : ndarray, length n, optional
        Sample weights in training; scores are not weighted.
    confounds : ConfoundPlan, optional
        With `--confounds`.
    scores : Scores, optional
        If scores are learned.
    conditions : Series of str, length n, optional
        Condition of each recording, if the model has experts.
    recordings : RecordingTable, optional
        The single recordings, if the rows are persons with events.
    facts : EvaluationFacts
        About the whole table.
    estimators : tuple of OwnEstimator
        Classifiers of the user's own, to be scored beside the model.
    """

    features: pd.DataFrame
    status: pd.Series
    groups: pd.Series
    classes: tuple[str, ...]
    positive: str | None
    altered: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    weights: Floats | None = None
    confounds: ConfoundPlan | None = None
    scores: Scores | None = None
    conditions: pd.Series | None = None
    recordings: RecordingTable | None = None
    facts: EvaluationFacts = EvaluationFacts()

    @property
    def counter(self) -> RowCounter:
        """Counts recordings and subjects of the rows."""
        return RowCounter(self.groups, None if self.recordings is None else self.recordings.persons)

    estimators: tuple[OwnEstimator, ...] = ()

    @property
    def codes(self) -> Ints:
        """Index of each label in `classes`, shape [n]; meaningless where there is no label."""
        return np.searchsorted(np.array(self.classes), self.status.to_numpy(dtype=str))

    @property
    def has_status(self) -> Mask:
        """Whether each recording has a label, shape [n]."""
        return np.asarray(self.status != "")


def make_table(
    features: pd.DataFrame,
    status: pd.Series,
    groups: pd.Series,
    *,
    positive: str | None,
    altered: Mapping[str, pd.DataFrame],
    weights: pd.Series | None,
    rows: pd.Series,
    scores: Scores | None = None,
    conditions: pd.Series | None = None,
    recordings: RecordingTable | None = None,
) -> EvaluationTable:
    """Make the table of the selected rows.

    Parameters
    ----------
    features, status, groups
        See `evaluate_features`.
    positive : str or None
        The positive class of F1; None with more than two classes.
    altered : mapping of str to DataFrame
    weights : Series of float, or None
    rows : Series of bool
        The rows to use, see `find_usable_rows`.
    scores : Scores, optional
    conditions : Series of str, optional
    recordings : RecordingTable, optional
    """
    mask = rows.to_numpy()
    return EvaluationTable(
        features[mask],
        status[mask],
        groups[mask],
        tuple(sorted(set(status[mask]) - {""})),
        positive,
        {name: altered_features[mask] for name, altered_features in altered.items()},
        None if weights is None else weights.to_numpy()[mask],
        scores=None if scores is None else Scores(scores.values[mask], scores.scale),
        conditions=None if conditions is None else conditions[mask],
        recordings=None if recordings is None else recordings.select(features.index[mask]),
    )


def find_usable_rows(features: pd.DataFrame, reporter: Reporter) -> pd.Series:
    """Return a mask of the rows that have at least one modality; the others cannot be predicted.

    Raises
    ------
    DataError
        The table contains labels.
    """
    refuse_label_columns(features.columns)
    usable = pd.Series(has_usable_data(features), features.index)
    if not usable.all():
        what = f"{format_count((~usable).sum(), 'recording has', 'recordings have')} no usable data and will be skipped"
        reporter.note(Finding("no-usable-data", what))
    return usable
