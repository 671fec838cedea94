"""Open a feature table, to learn from or to predict, in place of a folder with recordings."""

from __future__ import annotations

from pathlib import Path

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features._table_file import TableFile, check_columns, read_table_file
from pdmr_classic.features._undescribed_files import make_records
from pdmr_classic.features.feature_table import DELIMITERS
from pdmr_classic.features.file_records import FileRecord, read_records
from pdmr_classic.features.names import label_column
from pdmr_classic.features.store.folder import is_store
from pdmr_classic.features.store.read import read_store
from pdmr_classic.features.stored_table import FeatureTable
from pdmr_classic.features.table_facts import read_table_facts
from pdmr_classic.io.dataset import Dataset, load_dataset
from pdmr_classic.io.layouts.recordings import is_existing_file
from pdmr_classic.storage.location import parse_location
from pdmr_classic.text import format_count, format_list, format_quoted

_PARQUET = ".parquet"
_SUBJECTS = label_column("subject_id")
_SUFFIXES = (_PARQUET, *DELIMITERS)


def open_data(path: str | Path) -> Path | FeatureTable:
    """Return an open feature table if the path is one or a feature store, and any other path unchanged.

    `load_dataset` takes both.

    Raises
    ------
    DataError
        As `load_features`.
    """
    path = parse_location(path)
    is_table = path.suffix.lower() in _SUFFIXES and is_existing_file(path)
    return _open_table(path) if is_table or is_store(path) else path


def load_data(
    path: str | Path,
    *,
    split: str | None = None,
    labels: str | Path | None = None,
    all_splits: bool = False,
    settings: DataSettings | None = None,
) -> Dataset:
    """Load a folder with recordings as `load_dataset`, or a feature table or store as `load_features`.

    Parameters
    ----------
    path, split, labels, all_splits, settings
        As for `load_dataset`.

    Raises
    ------
    DataError, ConfigError
        As `load_dataset` and `load_features`.
    """
    return load_dataset(open_data(path), split=split, labels=labels, all_splits=all_splits, settings=settings)


def load_features(
    path: str | Path,
    *,
    labels: str | Path | None = None,
    groups: str | None = None,
    split: str | None = None,
    use_labels: bool = True,
    all_splits: bool = False,
    settings: DataSettings | None = None,
) -> Dataset:
    r"""Load a feature table that `extract` wrote, with labels and subjects, in place of the recordings.

    `fit`, `evaluate`, `validate` and `DepressionModel.predict` take the result like that of `load_dataset`, and return
    the same. What needs the recordings themselves, such as stress tests, is not available. A table of 256 MiB or more
    in double precision (13,000 recordings of 2,500 features) is mapped from a temporary file in `TMPDIR`, so that it
    need not fit in memory; nothing is rounded.

    Parameters
    ----------
    path : path-like
        Table (.parquet, .csv or .tsv) with a column `data_id`, one row per recording, and features; empty cells are
        missing values. Only .parquet contains the settings, the version of the extractor and facts about the files. Or
        the folder of a feature store, which contains these, too.
    labels : path-like, optional
        The label table; default: `labels.csv` (or another format) next to the feature table or in the store.
    groups, split, use_labels, all_splits, settings
        As for `load_dataset`.

    Raises
    ------
    DataError
        The table cannot be read or is not a feature table, ids are repeated or not valid, a cell is not a finite
        number, or the labels cannot be read or match no recording.
    ConfigError
        As `load_dataset`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "features.csv"
    ...     _ = table.write_text("data_id,video__AU12_r__mean,audio__vector__000\n001,0.5,\n002,0.25,1.5\n")
    ...     data = load_features(table)
    >>> data
    Dataset('features.csv', 2 recordings, 2 with video, 1 with audio)
    """
    return load_dataset(
        _open_table(parse_location(path)),
        split=split,
        labels=labels,
        groups=groups,
        use_labels=use_labels,
        all_splits=all_splits,
        settings=settings,
    )


def _open_table(path: Path) -> FeatureTable:
    if is_store(path):
        return _open_store(path)
    table = read_table_file(path)
    # Before the records, because those of another version may have another form.
    facts = read_table_facts(path) if path.suffix.lower() == _PARQUET else None
    description = read_records(table.metadata, path)
    records, is_synthetic = description or (make_records(table.features), False)
    _check_records(records, table, path)
    findings = [] if facts and description else [_undescribed_finding(path, has_facts=facts is not None)]
    if table.labels:
        findings.append(_labels_finding(path, table))
    return FeatureTable(
        *(path, table.features, facts, records, description is not None, is_synthetic, tuple(findings)),
        has_subject_column=_SUBJECTS in table.labels,
    )


def _open_store(folder: Path) -> FeatureTable:
    store = read_store(folder)
    check_columns(["data_id", *map(str, store.features.columns)], folder)
    table = TableFile(store.features, store.labels)
    _check_records(store.records, table, folder)
    findings = (_labels_finding(folder, table),) if table.labels else ()
    return FeatureTable(
        folder,
        store.features,
        store.facts,
        store.records,
        is_described=True,
        is_synthetic=store.is_synthetic,
        findings=findings,
        has_subject_column=_SUBJECTS in table.labels,
    )


def _check_records(records: tuple[FileRecord, ...], table: TableFile, path: Path) -> None:
    """Refuse a table whose rows or columns were changed after it was extracted, or that has rows without any value."""
    names = {name for layout in {record.names for record in records} for name in layout}
    columns, described = {*map(str, table.features.columns)}, {record.data_id for record in records}
    rows = {*map(str, table.features.index)}
    changes = {
        "no columns": format_list(sorted(names - columns)),
        "no rows": format_quoted(sorted(described - rows)),
        "no values of": format_quoted(sorted(rows - described)),
        "more columns:": format_list(sorted(columns - names)),
    }
    summary = "; ".join(f"{what} {which}" for what, which in changes.items() if which)
    if not summary:
        return
    raise DataError(
        "the feature table is not complete, or was changed after it was extracted",
        code="incomplete-table",
        file=path,
        expected="all rows and columns as extract wrote them, and a value in each row",
        found=summary,
        hint="run extract again",
    )


def _undescribed_finding(path: Path, *, has_facts: bool) -> Finding:
    unknown = "" if has_facts else "the version of the extractor, its settings, "
    return Finding(
        "undescribed-table",
        f"not known from this table, and therefore not checked: {unknown}copies of recordings, trackers, frame rates, "
        "scales, channels that mark recordings, and subjects in file names",
        file=path,
        hint="extract to .parquet, which contains them",
    )


def _labels_finding(path: Path, table: TableFile) -> Finding:
    count = format_count(len(table.labels), "column of labels is", "columns of labels are")
    return Finding(
        "labels-in-features",
        f"{count} not used",
        file=path,
        found=format_list(table.labels),
        hint="pass labels as a file of their own, with --labels",
    )
