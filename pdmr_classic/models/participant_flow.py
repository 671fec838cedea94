"""The participant flow of `fit` and `evaluate`: from the folder to the recordings that are learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Mask
from pdmr_classic.features.names import is_model_input
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.flow import Flow, extend_flow, start_flow
from pdmr_classic.models.targets import Targets
from pdmr_classic.storage.mapped_table import iterate_rows

_UNKNOWN_SUBJECTS = ("recording", "infer")
_BATCH_ROWS = 2000


def describe_selection(data: Dataset, labelled: Dataset, *, training: Dataset | None = None) -> Flow:
    """Return the flow from the folder to the labelled recordings.

    Parameters
    ----------
    data : Dataset
        As passed by the user.
    labelled : Dataset
        The recordings to learn from.
    training : Dataset, optional
        The training split of `data`.
    """
    flow = data.flow or start_flow("in the folder", len(data.singles), count_subjects(data))
    n_loaded = len(data.singles)
    if flow[-1]["n_recordings"] != n_loaded:
        has_events = any(recording.events for recording in data.recordings)
        why = "without a known person and event, or not selected" if has_events else "not selected"
        flow = extend_flow(flow, "selected", n_loaded, count_subjects(data), why=why)
    if training is not None and len(training) < len(data):
        flow = extend_flow(
            flow, "in the training split", len(training.singles), count_subjects(training), why="in another split"
        )
    target = describe_target(data)
    flow = extend_flow(flow, f"with {target}", len(labelled.singles), count_subjects(labelled), why=f"without {target}")
    return _fill_subjects(flow)


def describe_target(data: Dataset) -> str:
    """Return what is learned of a recording, in words."""
    kinds = (["a label"] if data.settings.learns_status else []) + (["a score"] if data.settings.learns_score else [])
    return " or ".join(kinds)


def count_subjects(data: Dataset) -> int | None:
    """Return the number of subjects; None if the subject of a recording is unknown."""
    if data.groups is None or data.groups_source in _UNKNOWN_SUBJECTS or (data.groups == "").any():
        return None
    return int(data.groups.nunique())


def _fill_subjects(flow: Flow) -> Flow:
    """Return the flow with the number of subjects of each step that has the recordings of the next one."""
    filled: list[dict[str, Any]] = []
    for step in reversed(flow):
        later = filled[0] if filled else step
        is_same = step["n_recordings"] == later["n_recordings"]
        n_subjects = later["n_subjects"] if step["n_subjects"] is None and is_same else step["n_subjects"]
        filled.insert(0, {**step, "n_subjects": n_subjects})
    return tuple(filled)


@dataclass(frozen=True, eq=False)
class RowCounter:
    """Counts recordings and subjects of rows, which may be persons with several recordings.

    Attributes
    ----------
    groups : Series of str, length n
        Subject of each row.
    persons : Series of str, optional
        Row that each single recording belongs to, if rows are persons with events.
    has_subjects : bool
        Whether subjects are known.
    """

    groups: pd.Series
    persons: pd.Series | None = None
    has_subjects: bool = True

    def count(self, rows: Mask) -> tuple[int, int | None]:
        """Return the number of recordings, and of subjects if they are known."""
        groups = self.groups[rows]
        n_recordings = len(groups) if self.persons is None else int(self.persons.isin(groups.index).sum())
        return n_recordings, int(groups.nunique()) if self.has_subjects else None


def has_usable_data(features: pd.DataFrame) -> Mask:
    """Return which rows have a value in any column that models use, shape [n]."""
    inputs = [name for name in features.columns if is_model_input(str(name))]
    batches = iterate_rows(features, _BATCH_ROWS)
    return np.concatenate([batch[inputs].notna().any(axis=1).to_numpy() for batch in batches])


def extend_to_usable(flow: Flow, features: pd.DataFrame, counter: RowCounter) -> Flow:
    """Return the flow with the rows that have usable data; it must end with all rows of the table."""
    return extend_flow(flow, "with usable data", *counter.count(has_usable_data(features)), why="no usable data")


def extend_to_training(flow: Flow, features: pd.DataFrame, targets: Targets, counter: RowCounter) -> Flow:
    """Return the flow with the rows that have usable data, and those that a model is trained on.

    Parameters
    ----------
    flow : Flow
        To the labelled recordings, which are the rows of `features`.
    features : DataFrame, shape [n, F]
    targets : Targets
    counter : RowCounter
        Of the same rows.
    """
    is_weighted = pd.Series(False, features.index)
    for target in (targets.presence, targets.severity):
        if target is not None:
            is_weighted[target.groups.index[target.weights > 0]] = True
    trained = has_usable_data(features) & is_weighted.to_numpy()
    flow = extend_to_usable(flow, features, counter)
    return extend_flow(flow, "trained on", *counter.count(trained), why="sample weight 0")
