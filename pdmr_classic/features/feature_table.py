"""Feature tables as files: one row per recording, first `data_id`, then labels if asked for, then the features."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pdmr_classic.errors import DataError, TargetError
from pdmr_classic.features.file_records import FileRecord, add_records
from pdmr_classic.features.names import (
    AUDIO,
    COVARIATES,
    LABEL,
    MATERIAL,
    QUALITY,
    VIDEO,
    feature_view,
    label_column,
    parse_name,
)
from pdmr_classic.features.table_facts import TableFacts, add_facts
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.layouts.view_folders import is_view_name
from pdmr_classic.storage.atomic import check_writable, write_atomic
from pdmr_classic.text import format_count, format_list

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""Of feature tables as text, by suffix."""
_SUFFIXES = (".parquet", *DELIMITERS)
_HEAD_BYTES = 4096
_FIRST_LABELS = ("status", "subject_id")
_VIEWS = {VIDEO, AUDIO, COVARIATES, QUALITY, MATERIAL, LABEL}


def collect_label_columns(dataset: Dataset) -> pd.DataFrame:
    """Return the label table of a data set under names that cannot be mistaken for features, such as `label__status`.

    Returns
    -------
    DataFrame of str
        Index `data_id`; first the classes and, if they are known, the subjects. An empty cell is an empty string.

    Raises
    ------
    DataError
        There is no label table.
    """
    if dataset.labels is None:
        raise DataError(
            "there is no label table",
            code="no-labels",
            file=dataset.folder,
            expected="labels.csv (or .jsonl, .json) in the folder or next to it",
            hint="add the file, pass --labels FILE, or extract without --with-labels",
        )
    table = dataset.labels
    if dataset.groups is not None and not dataset.lacks_subject_ids:
        table = table.assign(subject_id=dataset.groups)
    first = [name for name in _FIRST_LABELS if name in table]
    table = table[[*first, *(name for name in table.columns if name not in first)]]
    return table.rename(columns=lambda name: label_column(str(name)))


def refuse_label_columns(names: Iterable[object]) -> None:
    """Refuse to learn from a table that contains labels, as `extract --with-labels` writes it.

    Raises
    ------
    DataError
    """
    labels = [str(name) for name in names if feature_view(str(name)) == LABEL]
    if labels:
        raise DataError(
            f"the feature table contains {format_count(len(labels), 'column')} of labels",
            code="labels-in-features",
            expected="features only",
            found=format_list(labels),
            hint="drop the columns whose names start with label__",
        )


def check_table_writable(path: str | Path) -> None:
    """Check before long work that `write_features` can write the table.

    Raises
    ------
    ConfigError
        The name does not end in .parquet, .csv or .tsv.
    TargetError
        The file cannot be written, or would overwrite a file that is not a feature table, such as the labels.
    """
    path = Path(path)
    check_writable(path, _SUFFIXES)
    if path.exists() and not _is_feature_table(path):
        raise TargetError(
            "the feature table would overwrite another file",
            file=path,
            expected="no file, or a feature table",
            found="a different file",
            hint="choose a different --out",
        )


def write_features(
    features: pd.DataFrame,
    path: str | Path,
    labels: pd.DataFrame | None = None,
    facts: TableFacts | None = None,
    records: Iterable[FileRecord] | None = None,
    *,
    synthetic: bool = False,
) -> Path:
    """Write a feature table atomically as .parquet, .csv or .tsv, by the name of the file.

    Text files contain every digit of a number, and an empty field for NaN. They have no place for facts about the
    files; subjects that the paths of the files tell are written into a column `label__subject_id`.

    Parameters
    ----------
    features : DataFrame
        Index `data_id`; it is written as the first column.
    path : path-like
    labels : DataFrame, optional
        Columns to write before the features, see `collect_label_columns`; same rows.
    facts : TableFacts, optional
        Stored in the schema of a .parquet file, see `read_table_facts`; text files have no place for them.
    records : iterable of FileRecord, optional
        Facts about the files, stored in the same way, see `Extraction.records`.
    synthetic : bool
        Whether the recordings are marked as synthetic; stored with the records.

    Raises
    ------
    ConfigError
        The name of the file has another ending.
    TargetError

    Examples
    --------
    >>> import tempfile
    >>> features = pd.DataFrame({"video__a__mean": [0.1, float("nan")]}, pd.Index(["001", "002"], name="data_id"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(write_features(features, f"{folder}/features.csv").read_text(), end="")
    data_id,video__a__mean
    001,0.1
    002,
    """
    path = Path(path)
    check_table_writable(path)
    is_text = path.suffix in DELIMITERS
    table = join_labels(features, _add_subjects(features, labels, records or ()) if is_text else labels)

    def write(file: BinaryIO) -> None:
        if is_text:
            table.to_csv(file, index=False, sep=DELIMITERS[path.suffix], lineterminator="\n", mode="wb")
        else:
            write_parquet(table, file, facts, records, synthetic=synthetic)

    return write_atomic(path, write)


def _add_subjects(
    features: pd.DataFrame, labels: pd.DataFrame | None, records: Iterable[FileRecord]
) -> pd.DataFrame | None:
    """Return the labels with the subjects of the records, so that none is lost: `load_features` refuses to do so."""
    column = label_column("subject_id")
    subjects = {record.data_id: value for record in records for name, value in record.fields if name == "subject"}
    if (labels is not None and column in labels) or subjects.keys().isdisjoint(features.index):
        return labels
    labels = pd.DataFrame(index=features.index) if labels is None else labels
    return labels.assign(**{column: [subjects.get(data_id, "") for data_id in labels.index]})


def join_labels(features: pd.DataFrame, labels: pd.DataFrame | None) -> pd.DataFrame:
    """Return a table as it is written: `data_id`, labels, features.

    Parameters
    ----------
    features : DataFrame
        Index `data_id`.
    labels : DataFrame or None
        Same rows.
    """
    return features.reset_index() if labels is None else labels.join(features, validate="1:1").reset_index()


def write_parquet(
    table: pd.DataFrame,
    file: BinaryIO,
    facts: TableFacts | None = None,
    records: Iterable[FileRecord] | None = None,
    *,
    synthetic: bool = False,
) -> None:
    """Write the columns of a table as Parquet to an open file, with its facts and those about the files."""
    arrow = pa.Table.from_pandas(table)
    arrow = arrow if facts is None else add_facts(arrow, facts)
    pq.write_table(arrow if records is None else add_records(arrow, records, synthetic=synthetic), file)


def _is_feature_table(path: Path) -> bool:
    """Return whether a file starts with the column data_id and a column of this package."""
    try:
        # Opened here, because pyarrow cannot open a path that is not Unicode.
        with path.open("rb") as file:
            if path.suffix in DELIMITERS:
                names = file.readline(_HEAD_BYTES).decode("utf-8", "replace").split(DELIMITERS[path.suffix])
            else:
                names = pq.read_schema(file).names
    except (OSError, pa.ArrowInvalid):
        return False
    return len(names) > 1 and names[0] == "data_id" and is_feature(names[1].strip())


def is_feature(name: str) -> bool:
    """Return whether a name is that of a feature of a recording.

    Examples
    --------
    >>> is_feature("video__AU12_r__mean"), is_feature("status")
    (True, False)
    """
    view, channel, functional = parse_name(name)
    return view in _VIEWS or (is_view_name(view) and bool(channel and functional))
