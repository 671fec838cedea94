"""The recordings to predict, with what tables tell about them: subjects and conditions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pdmr_classic.config import DataSettings, LabelColumns
from pdmr_classic.errors import ConfigError
from pdmr_classic.io._label_columns import read_label_columns
from pdmr_classic.io._labels_and_subjects import group_events
from pdmr_classic.io.dataset import Dataset, load_dataset
from pdmr_classic.io.labels.condition_values import read_conditions
from pdmr_classic.io.labels.groups import read_subjects
from pdmr_classic.io.selection import Selection, has_column, select_recordings
from pdmr_classic.io.table_source import TableSource
from pdmr_classic.progress import Reporter


@dataclass(frozen=True, eq=False)
class PredictionInputs:
    """Recordings to predict.

    Attributes
    ----------
    dataset : Dataset
        All recordings of the folder.
    selection : Selection
        The recordings to predict.
    subjects, conditions : Series of str or None
        Index `data_id`; None if they are not needed, an empty string where unknown.
    """

    dataset: Dataset
    selection: Selection
    subjects: pd.Series | None = None
    conditions: pd.Series | None = None


def read_prediction_inputs(
    data: Path | TableSource,
    settings: DataSettings,
    *,
    ids: Path | None = None,
    skip_missing: bool = False,
    pool_subjects: bool = False,
    subjects: Path | None = None,
    experts: str | None = None,
    conditions: Path | None = None,
    label_columns: LabelColumns | None = None,
    reporter: Reporter,
) -> PredictionInputs:
    """Load the recordings to predict, and read their subjects and conditions where they are needed.

    Parameters
    ----------
    data : Path or TableSource
        As for `load_dataset`; of several splits, test is used.
    settings : DataSettings
        Those of the model.
    ids : Path, optional
        As for `select_recordings`. If it is a table with the column of `events`, it also tells the events.
    skip_missing : bool
        Report ids without a recording instead of raising.
    pool_subjects : bool
        Whether subjects are needed: from the table `subjects`, `ids` or the label table.
    subjects, conditions : Path, optional
        Tables with data_id and subject_id, or the column `experts`.
    experts : str, optional
        The column of conditions that the model was trained with; None needs no conditions.
    label_columns : LabelColumns, optional
        What the features of the model need from the label table: from `ids`, if it has these columns, or the table of
        the data set. They are then in the data set that is returned; classes and scores are not read.
    reporter : Reporter
        Receives findings.

    Raises
    ------
    DataError
        A file cannot be read, an id has no recording, or there are no subjects.
    ConfigError
        Conditions are given, but not needed; or subjects are to be pooled, but the model predicts persons.
    """
    if conditions is not None and experts is None:
        raise ConfigError(
            "--conditions has no effect: the model has no experts", hint="fit with --experts, or remove --conditions"
        )
    if pool_subjects and settings.events is not None:
        raise ConfigError(
            "--pool-subjects has no effect: the model predicts persons from their events", hint="remove --pool-subjects"
        )
    dataset = _load(data, settings, ids)
    selection = select_recordings(dataset, ids, settings, skip_missing=skip_missing)
    if label_columns:
        selection = read_label_columns(selection, data, settings, label_columns, reporter)
    selected = selection.dataset
    subject_ids = None
    if pool_subjects:
        file = subjects or selection.find_subject_table(settings)
        id_column = settings.id_column if file is not None and file == selection.file else None
        subject_ids = read_subjects(
            selected.data_ids, selected.folder, file, settings.groups, id_column=id_column, reporter=reporter
        )
    if experts is None:
        return PredictionInputs(dataset, selection, subject_ids)
    file = conditions or (selection.file if selection.is_table else None)
    values, findings = read_conditions(
        selected.data_ids,
        selected.folder,
        experts,
        file,
        required=conditions is not None,
        id_column=settings.id_column,
    )
    for finding in findings:
        reporter.note(finding)
    return PredictionInputs(dataset, selection, subject_ids, values)


def _load(data: Path | TableSource, settings: DataSettings, ids: Path | None) -> Dataset:
    """Return all recordings; those of a person, as one row, if the settings or the table of ids tell their events."""
    tells_events = ids is not None and settings.events is not None and has_column(ids, settings.events, settings)
    own = settings.model_copy(update={"events": None}) if tells_events else settings
    # Ids may be in any split of the tables of a data set.
    dataset = load_dataset(data, split="test", use_labels=False, all_splits=ids is not None, settings=own)
    return group_events(replace(dataset, settings=settings), None, {}, ids) if tells_events else dataset
