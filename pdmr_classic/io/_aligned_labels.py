"""Labels in the order of the recordings: from one table, or from the official tables of a layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.ids import find_near_matches
from pdmr_classic.io.labels.id_tables import SPLIT_COLUMN, TRAIN, read_id_table
from pdmr_classic.io.labels.labels import read_labels
from pdmr_classic.io.layouts.layout import Discovery, LabelTable
from pdmr_classic.io.split_folders import find_table_keys
from pdmr_classic.text import format_count, format_list, format_quoted


def align_labels(
    data_ids: Sequence[str],
    file: Path,
    settings: DataSettings | None = None,
    *,
    optional: bool = False,
    may_lack_columns: bool = False,
    other_ids: Sequence[str] = (),
    subjects: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Return the rows of a label table in the order of the recordings, and what to tell; None if none matches.

    Parameters
    ----------
    data_ids : sequence of str
    file : Path
    settings : DataSettings, optional
    optional : bool
        Whether the table may match no recording, because it describes another split.
    may_lack_columns : bool
        As for `read_labels`.
    other_ids : sequence of str
        Recordings of other splits, which the table may also list.
    subjects : mapping of str to str, optional
        The subject of each recording, where the paths tell it. A table that lists no recording but subjects has the
        labels of their recordings.

    Raises
    ------
    DataError
        The table cannot be read, or matches no recording.
    """
    table, findings = read_labels(file, settings, may_lack_columns=may_lack_columns)
    ids = list(data_ids)
    if subjects and not table.index.isin([*ids, *other_ids]).any() and table.index.isin([*subjects.values()]).any():
        table = _spread_over_recordings(table, subjects)
        findings.append(Finding("labels-of-subjects", "the labels of a subject are used for all recordings", file=file))
    unlabelled = [data_id for data_id in ids if data_id not in table.index]
    id_set = set(ids)
    known_ids = id_set.union(other_ids)
    unmatched = [label_id for label_id in table.index if label_id not in known_ids]
    near_matches = find_near_matches(unlabelled, unmatched)
    if len(unlabelled) == len(ids):
        if optional:
            return None, []
        raise DataError(
            "no data_id in the label table matches a recording",
            code="labels-match-nothing",
            file=file,
            expected=f"ids such as {format_quoted(ids[:3])}",
            found=format_quoted(table.index),
            hint=_suggest_id_column(table, id_set)
            or _suggest_pattern(table, ids)
            or "use the file names without .csv as data_id"
            + (" (a spreadsheet may have converted them to numbers)" if near_matches else ""),
        )
    if near_matches:
        pairs = format_list(f"{label_id!r} for {data_id!r}" for data_id, label_id in near_matches)
        findings.append(
            Finding(
                "near-match",
                "some data_ids in the label table almost match a recording and are ignored: they must match exactly",
                file=file,
                found=pairs,
            )
        )
    if unlabelled:
        findings.append(
            Finding(
                "unlabelled",
                f"{format_count(len(unlabelled), 'recording has', 'recordings have')} no label",
                file=file,
                found=format_list(unlabelled),
            )
        )
    if unmatched:
        findings.append(
            Finding(
                "unmatched",
                f"{format_count(len(unmatched), 'label has', 'labels have')} no recording",
                file=file,
                found=format_list(unmatched),
            )
        )
    return table.reindex(ids, fill_value=""), findings


def align_tables(
    data_ids: Sequence[str], discovery: Discovery, splits: Mapping[str, str], settings: DataSettings
) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Return the rows of the official label tables, each for the recordings of its split, and what to tell.

    Raises
    ------
    DataError
        A table cannot be read.
    """
    pieces: list[pd.DataFrame] = []
    findings: list[Finding] = []
    # A later table of the same split has the labels of an earlier one.
    last = {table.split or str(table.path): table for table in discovery.tables}
    for table in last.values():
        ids = [data_id for data_id in data_ids if table.split in (None, splits.get(data_id))]
        labels, table_findings = _align_table(ids, table, discovery, settings)
        findings += table_findings
        if labels is not None:
            pieces.append(labels)
    if not pieces:
        return None, findings
    return pd.concat(pieces).reindex(list(data_ids)).fillna("").rename_axis("data_id"), findings


def _align_table(
    ids: Sequence[str], table: LabelTable, discovery: Discovery, settings: DataSettings
) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Return the rows of an official table for some recordings, looked up by the ids or subjects in the table."""
    rows = read_id_table(table.path) if table.path.suffix != ".json" else None
    keys = find_table_keys(discovery, map(str, rows.index)) if rows is not None else dict(zip(ids, ids, strict=True))
    keys = {data_id: keys[data_id] for data_id in ids if data_id in keys}
    if not keys:
        return None, []
    columns = {"id_column": settings.id_column or table.id_column}
    findings: list[Finding] = []
    if settings.cutoff is None and settings.learns_status:
        columns["label_column"] = settings.label_column or table.label_column
        if settings.label_column is None and settings.map is None and table.meaning is not None:
            columns["map"] = table.meaning
            what = f"column {table.label_column!r} is used as status, as published: {table.meaning}"
            findings.append(Finding("published-classes", what, file=table.path))
    # The table lists ids in its own spelling, or subjects: these are looked up, as if they were recordings.
    listed, label_findings = align_labels(
        sorted({*keys.values()}),
        table.path,
        settings.model_copy(update=columns),
        optional=True,
        may_lack_columns=table.split not in (None, TRAIN),
    )
    findings += label_findings
    if listed is None:
        return None, findings
    labels = listed.loc[[*keys.values()]].set_axis(pd.Index([*keys], name="data_id"))
    subjects = discovery.fields.get("subject", {})
    if any(key == subjects.get(data_id) != data_id for data_id, key in keys.items()):
        labels["subject_id"] = [*keys.values()]
    return labels, findings


def add_fields(labels: pd.DataFrame, discovery: Discovery, splits: Mapping[str, str]) -> pd.DataFrame:
    """Add what the paths say about recordings to the labels: session, event and, if given, split."""
    fields = {**{name: discovery.fields.get(name) for name in ("session", "event")}, SPLIT_COLUMN: splits}
    columns = {
        name: [values.get(data_id, "") for data_id in labels.index]
        for name, values in fields.items()
        if values and (name not in labels or name == SPLIT_COLUMN)
    }
    return labels.assign(**columns)


def _spread_over_recordings(table: pd.DataFrame, subjects: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of subjects with one row for each recording of them."""
    listed = {data_id: subject for data_id, subject in subjects.items() if subject in table.index}
    rows = table.loc[[*listed.values()]].set_axis(pd.Index([*listed], name="data_id"))
    return rows.assign(subject_id=[*listed.values()])


def _suggest_pattern(table: pd.DataFrame, data_ids: Sequence[str]) -> str | None:
    """Return a hint if the table names recordings by the beginning of their data_id, as in `00` for `00_openface`."""
    parts = [data_id.split("_") for data_id in data_ids]
    endings = {ending for label_id, *rest in parts if label_id in table.index and len(rest) == 1 for ending in rest}
    patterns = [f"'{{id}}_{ending}.csv'" for ending in sorted(endings)[:2]]
    return f"pass --video-pattern and --audio-pattern, such as {' and '.join(patterns)}" if patterns else None


def _suggest_id_column(table: pd.DataFrame, data_ids: set[str]) -> str | None:
    """Return a hint if another column has the ids of the recordings."""
    columns = [column for column in table.columns if table[column].isin(data_ids).any() and table[column].is_unique]
    return f"pass --id-column {columns[0]!r}" if columns else None
