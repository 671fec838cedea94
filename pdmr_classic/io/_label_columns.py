"""Columns of the label table that features need, for recordings to predict: classes and scores are never read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from pdmr_classic.config import DataSettings, LabelColumns
from pdmr_classic.errors import DataError, Finding, PdmrError
from pdmr_classic.io.dataset import Dataset, scan_dataset
from pdmr_classic.io.labels.covariates import select_covariate
from pdmr_classic.io.labels.labels import read_labels
from pdmr_classic.io.selection import Selection
from pdmr_classic.io.table_source import TableSource
from pdmr_classic.progress import Reporter

# A target that is no column: with it, no class is read.
_NO_TARGET = "none of the columns"
_NO_CLASSES = {"target": _NO_TARGET, "score_column": None, "label_column": None, "map": None, "cutoff": None}


def read_label_columns(
    selection: Selection,
    data: Path | TableSource,
    settings: DataSettings,
    columns: LabelColumns,
    reporter: Reporter,
) -> Selection:
    """Add the columns to the selected recordings, and their subjects if these are needed.

    The table is the file that selected the recordings, if it has any of the columns; otherwise the label table of the
    data set, in any layout. A column that is not there is left out: who makes features from it says what that means.

    Parameters
    ----------
    selection : Selection
    data : Path or TableSource
        As for `load_dataset`; of several splits, test is used.
    settings : DataSettings
        Those of the model.
    columns : LabelColumns
    reporter : Reporter
        Is told why a table cannot be used.
    """
    file = selection.file if selection.is_table else None
    if file is not None and not _has_columns(file, settings, columns):
        file = None
    labelled, error = _load(data, file, settings, columns, all_splits=selection.file is not None)
    if error is not None:
        what = "the label table of these recordings cannot be used, and the model predicts without its columns"
        reporter.note(
            Finding(
                "labels-unread", what, file=error.file or selection.dataset.folder, found=error.what, hint=error.hint
            )
        )
    if labelled is None or labelled.labels is None:
        return selection
    dataset = selection.dataset
    table = _select_columns(labelled.labels, columns).reindex(dataset.data_ids, fill_value="")
    groups = None
    if columns.needs_subjects and labelled.groups is not None and not labelled.lacks_subject_ids:
        groups = labelled.groups.reindex(dataset.data_ids, fill_value="")
    return replace(selection, dataset=replace(dataset, labels=table.rename_axis("data_id"), groups=groups))


def _has_columns(file: Path, settings: DataSettings, columns: LabelColumns) -> bool:
    own = DataSettings(id_column=settings.id_column, groups="subject_id")
    table = read_labels(file, own, with_status=False)[0]
    return len(_select_columns(table, columns).columns) > 0


def _select_columns(table: pd.DataFrame, columns: LabelColumns) -> pd.DataFrame:
    found = {}
    for name in (*columns.required, *columns.optional):
        try:
            found[name] = select_covariate(table, name)
        except PdmrError:
            continue
    return pd.DataFrame(found, index=table.index, dtype=object)


def _load(
    data: Path | TableSource, file: Path | None, settings: DataSettings, columns: LabelColumns, *, all_splits: bool
) -> tuple[Dataset | None, Finding | None]:
    """Load the recordings with their label table, and return what is wrong with it.

    Problems with subjects matter only if they are needed.
    """
    groups = settings.groups if columns.needs_subjects else None
    own = settings.model_copy(update={**_NO_CLASSES, "groups": groups})
    try:
        dataset, errors = scan_dataset(
            data, split="test", labels=file, all_splits=all_splits, may_lack_labels=True, settings=own
        )
    except DataError as error:
        return None, error.finding
    except PdmrError as error:
        if groups is None:
            return None, error.finding
        return _load(data, file, settings, replace(columns, needs_subjects=False), all_splits=all_splits)
    is_used = dataset.labels is not None
    return dataset, errors[0] if errors and (columns.needs_subjects or not is_used) else None
