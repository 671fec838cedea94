"""Read a feature table from a Parquet or text file: ids, numbers, and the metadata; nothing is repaired."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError
from pdmr_classic.features.feature_table import DELIMITERS, is_feature
from pdmr_classic.features.names import LABEL, feature_view, is_derived, list_events
from pdmr_classic.io.ids import id_problem
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.storage.mapped_table import allocate_table, is_large, release_pages
from pdmr_classic.text import format_count, format_list, format_quoted

DATA_ID = "data_id"
_BLOCK_VALUES = 2**23
_EMPTY = ["", "nan", "NaN"]
_UNREADABLE = (pa.ArrowException, OSError, ValueError)


@dataclass(frozen=True, eq=False)
class TableFile:
    """Content of a feature table.

    Attributes
    ----------
    features : DataFrame of float, shape [n, F]
        Index `data_id`; NaN where a cell is empty.
    labels : tuple of str
        Columns of labels, which are not read.
    metadata : mapping of bytes to bytes
        Of a Parquet file.
    """

    features: pd.DataFrame
    labels: tuple[str, ...] = ()
    metadata: Mapping[bytes, bytes] = field(default_factory=dict)


def read_table_file(path: Path) -> TableFile:
    """Read a feature table as `extract` writes it.

    Raises
    ------
    DataError
        The file cannot be read, is not a feature table, has repeated or invalid ids, text or infinite values among the
        features, or columns that depend on a label table.
    """
    delimiter = DELIMITERS.get(path.suffix.lower())
    if delimiter is None and _is_large(path):
        return _read_large_parquet(path)
    table = _read_parquet(path) if delimiter is None else _read_text(path, delimiter)
    names, labels = check_columns(table.column_names, path)
    ids = _check_ids(table.column(DATA_ID), path)
    metadata = table.schema.metadata or {}
    features = _to_numbers(table.select(names), ids, path)
    return TableFile(features, labels, metadata)


def _is_large(path: Path) -> bool:
    with _open_parquet(path) as table:
        return is_large(table.metadata.num_rows, len(table.schema_arrow))


def _read_parquet(path: Path) -> pa.Table:
    with _open_parquet(path) as table:
        return table.read()


@contextmanager
def _open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        # Opened here, because pyarrow cannot open a path that is not Unicode.
        with path.open("rb") as file:
            yield pq.ParquetFile(file)
    except _UNREADABLE as error:
        raise _unreadable_error(path, getattr(error, "strerror", None) or "other or damaged data") from None


def _read_large_parquet(path: Path) -> TableFile:
    """Read some rows and columns at a time, into a table that is mapped from a temporary file."""
    with _open_parquet(path) as table:
        schema = table.schema_arrow
        names, labels = check_columns(schema.names, path)
        ids = _check_ids(table.read(columns=[DATA_ID]).column(DATA_ID), path)
        for name in names:
            if not _is_number(schema.field(name).type):
                found = _find_text(table.read(columns=[name]).column(name))
                raise _cell_error(path, "a feature is not a number", name, *found, ids)
        values, first = allocate_table(len(ids), len(names)), 0
        for group in range(table.num_row_groups):
            last = first + table.metadata.row_group(group).num_rows
            step = max(_BLOCK_VALUES // max(last - first, 1), 1)
            for column in range(0, len(names), step):
                block = table.read_row_group(group, columns=names[column : column + step])
                _copy_numbers(block, values[first:last, column : column + step], ids[first:last], path)
                release_pages(values)
            first = last
    return TableFile(pd.DataFrame(values, ids, names, copy=False), labels, schema.metadata or {})


def _copy_numbers(table: pa.Table, values: Floats, ids: pd.Index, path: Path) -> None:
    for position, name in enumerate(table.column_names):
        column = table.column(name).cast(pa.float64(), safe=False).to_numpy()
        if (is_infinite := np.isinf(column)).any():
            row = int(np.flatnonzero(is_infinite)[0])
            raise _cell_error(path, "a feature is infinite", name, row, str(column[row]), ids)
        values[:, position] = column


def _read_text(path: Path, delimiter: str) -> pa.Table:
    data = read_bytes(path)
    parsing = pa_csv.ParseOptions(delimiter=delimiter)
    try:
        names = pa_csv.open_csv(io.BytesIO(data), parse_options=parsing).schema.names
        check_columns(names, path)
        numbers = {name: pa.string() if _is_text(name) else pa.float64() for name in names}
        try:
            return pa_csv.read_csv(io.BytesIO(data), parse_options=parsing, convert_options=_convert(numbers))
        except pa.ArrowInvalid:  # a cell is no number: read again as text, to say which one
            text = dict.fromkeys(names, pa.string())
            return pa_csv.read_csv(io.BytesIO(data), parse_options=parsing, convert_options=_convert(text))
    except _UNREADABLE as error:
        raise _unreadable_error(path, str(error).partition("\n")[0]) from None


def _is_text(name: str) -> bool:
    return name == DATA_ID or feature_view(name) == LABEL


def _convert(types: Mapping[str, pa.DataType]) -> pa_csv.ConvertOptions:
    return pa_csv.ConvertOptions(column_types=dict(types), null_values=_EMPTY, strings_can_be_null=False)


def check_columns(columns: Sequence[str], path: Path) -> tuple[list[str], tuple[str, ...]]:
    """Return the names of the features, and those of columns of labels; refuse tables whose rows are not recordings."""
    if repeated := [name for name, count in Counter(columns).items() if count > 1]:
        raise _not_a_table_error(path, "distinct column names", f"repeated: {format_list(repeated)}")
    if DATA_ID not in columns:
        raise _not_a_table_error(path, "a column data_id, then features", f"columns {format_list(columns)}")
    labels = tuple(name for name in columns if feature_view(name) == LABEL)
    names = [name for name in columns if name != DATA_ID and name not in set(labels)]
    others = [name for name in names if not (is_feature(name) or is_derived(feature_view(name)))]
    if others or not names:
        expected = "names of features, such as video__AU12_r__mean"
        raise _not_a_table_error(path, expected, format_list(others) or "no other column")
    if list_events(names):
        raise _dependent_error(path, "the rows are persons with several events", "--events")
    if derived := [name for name in names if is_derived(feature_view(name))]:
        kind = format_count(len(derived), "feature comes", "features come")
        raise _dependent_error(
            path,
            f"{kind} from a label table: {format_list(derived)}",
            "--covariates, --baseline or the setting suppress_identity",
        )
    return names, labels


def _check_ids(column: pa.ChunkedArray, path: Path) -> pd.Index:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)) or column.null_count:
        found = "empty cells" if column.null_count else f"type {column.type}"
        raise _ids_error(path, "the ids are not text", "one id per row, as text", found)
    ids = column.to_pylist()
    if not ids:
        raise _ids_error(path, "the feature table has no rows", "one row per recording", "a header only")
    if repeated := [data_id for data_id, count in Counter(ids).items() if count > 1]:
        what = f"{format_count(len(repeated), 'data_id is', 'data_ids are')} repeated"
        raise _ids_error(path, what, "one row per recording", format_quoted(repeated))
    for row, data_id in enumerate(ids):
        if problem := "an empty text" if not data_id.strip() else id_problem(data_id):
            found = f"{data_id!r}: {problem}"
            raise _ids_error(path, "a data_id is not valid", "an id as extract writes it", found, row)
    index: pd.Index = pd.Index(ids, name=DATA_ID)
    return index


def _to_numbers(table: pa.Table, ids: pd.Index, path: Path) -> pd.DataFrame:
    names = table.column_names
    for name, kind in zip(names, table.schema.types, strict=True):
        if not _is_number(kind):
            raise _cell_error(path, "a feature is not a number", name, *_find_text(table.column(name)), ids)
    features: pd.DataFrame = table.to_pandas(self_destruct=True)
    if not (features.dtypes == np.float64).all():
        features = features.astype("float64")
    features.index = ids
    for name in names:
        if (is_infinite := np.isinf(features[name].to_numpy())).any():
            row = int(np.flatnonzero(is_infinite)[0])
            raise _cell_error(path, "a feature is infinite", name, row, str(features[name].iloc[row]), ids)
    return features


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind))


def _find_text(column: pa.ChunkedArray) -> tuple[int, str]:
    """Return the row and the text of the first cell that is no number."""
    for row, cell in enumerate(column.to_pylist()):
        try:
            float(cell or "nan")
        except (TypeError, ValueError):
            return row, repr(cell)
    return 0, f"type {column.type}"


def _cell_error(path: Path, what: str, name: str, row: int, found: str, ids: pd.Index) -> DataError:
    return DataError(
        what,
        code="bad-cell",
        file=path,
        column=name,
        expected="a finite number, or an empty cell",
        found=f"{found}, data_id {ids[row]!r}",
        hint="run extract again, or correct the cell",
    )


def _unreadable_error(path: Path, found: str) -> DataError:
    return DataError(
        "the feature table cannot be read",
        code="unreadable-table",
        file=path,
        expected="a table as extract writes it",
        found=found,
        hint="run extract again",
    )


def _not_a_table_error(path: Path, expected: str, found: str) -> DataError:
    return DataError(
        "the file is not a feature table",
        code="not-a-feature-table",
        file=path,
        expected=expected,
        found=found,
        hint="pass a table that extract wrote, or a folder with recordings",
    )


def _dependent_error(path: Path, found: str, option: str) -> DataError:
    return DataError(
        "the feature table cannot be read again, because its columns depend on a label table",
        code="derived-features",
        file=path,
        expected="features of single recordings",
        found=found,
        hint=f"run extract without {option}, and pass {option} to the command that reads the table",
    )


def _ids_error(path: Path, what: str, expected: str, found: str, row: int | None = None) -> DataError:
    # Row 1 of a text file is its header.
    line = None if row is None else row + (2 if path.suffix.lower() in DELIMITERS else 1)
    return DataError(
        what,
        code="bad-ids",
        file=path,
        row=line,
        column=DATA_ID,
        expected=expected,
        found=found,
        hint="run extract again",
    )
