"""Find the subject of each recording, which is its group in every split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.labels import find_labels, read_labels
from pdmr_classic.text import format_count, format_quoted

_INFER = "infer"
_EXPRESSION_PREFIX = "re:"
_TABLE_SUFFIXES = (".csv", ".jsonl", ".json")
_EXAMPLE = "for example re:^(S\\d+)_"

GroupsSource = Literal["column", "table", "expression", "recording", "infer"]
"""Origin of the groups. "recording": each recording is its own subject; "infer": likewise, until `fit` infers them."""


@dataclass(frozen=True, eq=False)
class Groups:
    """The subject of each recording.

    Attributes
    ----------
    subjects : Series of str
        Index `data_id`, name `subject_id`.
    source : GroupsSource
    warning : Finding or None
        Why the same person may be on both sides of a split.
    """

    subjects: pd.Series
    source: GroupsSource
    warning: Finding | None = None


def resolve_groups(
    data_ids: Sequence[str], labels: pd.DataFrame | None, option: str | None, file: Path | None
) -> Groups | None:
    """Return the subject of each recording; None if there are no labels and the option requires them.

    Parameters
    ----------
    data_ids : sequence of str
    labels : DataFrame or None
        Index `data_id`, in the order of `data_ids`.
    option : str or None
        A label column, a table, `re:EXPRESSION` or `infer`, as for `load_dataset`.
    file : Path or None
        File of the labels, for messages.

    Raises
    ------
    DataError
        A labelled recording has no subject.
    ConfigError
        `option` is not a label column or a valid expression or table.
    """
    index = pd.Index(data_ids, name="data_id")
    if option is not None and option.startswith(_EXPRESSION_PREFIX):
        return Groups(_match_expression(option.removeprefix(_EXPRESSION_PREFIX), index), "expression")
    if option is not None and Path(option).suffix.lower() in _TABLE_SUFFIXES:
        return Groups(_read_table(Path(option), index, _status(labels)), "table")
    if option == _INFER:
        _check_no_subject_ids(labels, file)
        return Groups(_recordings_as_subjects(index), "infer")
    if labels is None:
        return None
    return _groups_from_labels(labels, option, file)


def read_subjects(
    data_ids: Sequence[str], folder: Path, file: Path | None = None, option: str | None = None
) -> pd.Series:
    """Return the subject of each recording, an empty string if unknown; the recordings need no status.

    Parameters
    ----------
    data_ids : sequence of str
    folder : Path
        Folder of the split; without `file`, the label table in it or next to it is used.
    file : Path, optional
        A table with data_id,subject_id.
    option : str, optional
        A column or an expression, as for `load_dataset`; an expression is ignored if `file` is given.

    Raises
    ------
    DataError
        There is no table, or it has no subject ids.
    """
    index = pd.Index(data_ids, name="data_id")
    if file is None and option is not None and option.startswith(_EXPRESSION_PREFIX):
        return _match_expression(option.removeprefix(_EXPRESSION_PREFIX), index)
    path = file or find_labels(folder)
    if path is None:
        raise DataError(
            "there are no subject ids for these recordings",
            code="no-subjects",
            file=folder,
            expected="labels.csv (or .jsonl, .json) with data_id,subject_id in the folder or next to it",
            hint="add the file, or pass --subjects FILE",
        )
    table, _ = read_labels(path)
    column = option if option is not None and option in table else "subject_id"
    if column not in table:
        raise DataError(
            "the table has no subject ids",
            code="no-subjects",
            file=path,
            expected="data_id,subject_id",
            found=", ".join(["data_id", *table.columns]),
            hint="add the column, or pass --subjects FILE",
        )
    return table[column].reindex(index, fill_value="").rename("subject_id")


def _groups_from_labels(labels: pd.DataFrame, option: str | None, file: Path | None) -> Groups:
    column = option or "subject_id"
    if column == "status":
        raise ConfigError(
            "--groups names the class column; it must name the column with the subject ids",
            file=file,
            expected="a column of subject ids",
            found=repr(column),
            hint="remove --groups, or pass another column",
        )
    if column in labels:
        return Groups(_check_complete(labels[column], _status(labels), column, file), "column")
    if option is not None:
        raise ConfigError(
            "--groups names a column that is not in the label table",
            file=file,
            expected=", ".join(labels.columns),
            found=repr(option),
        )
    warning = Finding(
        "own-groups",
        "no subject ids: each recording counts as its own subject; if a person has several recordings, scores are too "
        "optimistic",
        file=file,
        hint="add a column subject_id, or pass --groups (for example --groups infer)",
    )
    return Groups(_recordings_as_subjects(labels.index), "recording", warning)


def _recordings_as_subjects(index: pd.Index) -> pd.Series:
    return pd.Series(index, index=index, name="subject_id")


def _status(labels: pd.DataFrame | None) -> pd.Series | None:
    return labels["status"] if labels is not None and "status" in labels else None


def _check_no_subject_ids(labels: pd.DataFrame | None, file: Path | None) -> None:
    if labels is not None and "subject_id" in labels:
        raise ConfigError(
            "--groups infer is only for data sets without subject ids",
            file=file,
            found="a column subject_id",
            hint="remove --groups infer; the column is used by default",
        )


def _read_table(path: Path, index: pd.Index, status: pd.Series | None) -> pd.Series:
    table, _ = read_labels(path)
    if "subject_id" not in table:
        raise ConfigError(
            "the table of --groups has no subject ids",
            file=path,
            expected="data_id,subject_id",
            found=", ".join(["data_id", *table.columns]),
            hint="add the column, or pass another table",
        )
    return _check_complete(table["subject_id"].reindex(index, fill_value=""), status, "subject_id", path)


def _match_expression(expression: str, index: pd.Index) -> pd.Series:
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise ConfigError(
            "the --groups pattern is not a valid regular expression", expected=_EXAMPLE, found=str(error)
        ) from None
    if pattern.groups != 1:
        raise ConfigError(
            "the --groups pattern must have exactly one group, in parentheses", expected=_EXAMPLE, found=expression
        )
    matches = {data_id: pattern.search(data_id) for data_id in index}
    unmatched = [data_id for data_id, match in matches.items() if match is None or not match[1]]
    if unmatched:
        raise DataError(
            f"the --groups pattern does not match {len(unmatched)} of {len(index)} data_ids",
            code="no-group",
            expected=f"a match of {expression!r}",
            found=format_quoted(unmatched),
            hint="correct the pattern, or rename the files",
        )
    return pd.Series([match[1] for match in matches.values() if match], index=index, name="subject_id")


def _check_complete(groups: pd.Series, status: pd.Series | None, column: str, file: Path | None) -> pd.Series:
    """Return the groups after checking that every labelled recording has one."""
    missing = groups[(groups == "") & (status != "" if status is not None else True)]
    if len(missing):
        raise DataError(
            f"{format_count(len(missing), 'labelled recording has', 'labelled recordings have')} no subject",
            code="no-group",
            file=file,
            column=column,
            expected="a subject for each labelled recording",
            found=format_quoted(missing.index),
            hint="fill in the column; without it, the same person could be on both sides of a split",
        )
    return groups.rename("subject_id")
