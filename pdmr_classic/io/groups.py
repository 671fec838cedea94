"""Who the subject of each recording is: the group of every split."""

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
_EXPRESSION = "re:"
_TABLES = (".csv", ".jsonl", ".json")
_EXAMPLE = "such as re:^(S\\d+)_"

GroupsSource = Literal["column", "table", "expression", "own", "infer"]
"""Where groups come from; "own": each recording is its own subject; "infer": so far, until `fit` proposes others."""


@dataclass(frozen=True, eq=False)
class Groups:
    """The subject of each recording.

    Attributes
    ----------
    subjects : Series of str
        Index `data_id`, name `subject_id`.
    source : GroupsSource
    doubt : Finding or None
        Why somebody may stand on both sides of a split after all.
    """

    subjects: pd.Series
    source: GroupsSource
    doubt: Finding | None = None


def resolve_groups(
    data_ids: Sequence[str], labels: pd.DataFrame | None, option: str | None, file: Path | None
) -> Groups | None:
    """Return the subject of each recording; None where there are neither labels nor an option that does without.

    Parameters
    ----------
    data_ids : sequence of str
    labels : DataFrame or None
        Index `data_id`, in the order of `data_ids`.
    option : str or None
        A column of the labels, a table, `re:EXPRESSION` or `infer`, as for `load_dataset`.
    file : Path or None
        Where the labels come from, for messages.

    Raises
    ------
    DataError
        A labelled recording has no subject.
    ConfigError
        `option` does not name a column, or is not a usable expression or table.
    """
    index = pd.Index(data_ids, name="data_id")
    if option is not None and option.startswith(_EXPRESSION):
        return Groups(_by_expression(option.removeprefix(_EXPRESSION), index), "expression")
    if option is not None and Path(option).suffix.lower() in _TABLES:
        return Groups(_by_table(Path(option), index, _status(labels)), "table")
    if option == _INFER:
        _refuse_to_infer(labels, file)
        return Groups(_own(index), "infer")
    if labels is None:
        return None
    return _by_label_column(labels, option, file)


def read_subjects(
    data_ids: Sequence[str], folder: Path, file: Path | None = None, option: str | None = None
) -> pd.Series:
    """Return the subject of each recording, empty where it is unknown; a status is not needed.

    Parameters
    ----------
    data_ids : sequence of str
    folder : Path
        Of the split: without a file, its labels are used, or those beside it.
    file : Path, optional
        A table with data_id,subject_id.
    option : str, optional
        A column or an expression, as for `load_dataset`; without a file, the expression is all that is needed.

    Raises
    ------
    DataError
        There is no table, or it has no subjects.
    """
    index = pd.Index(data_ids, name="data_id")
    if file is None and option is not None and option.startswith(_EXPRESSION):
        return _by_expression(option.removeprefix(_EXPRESSION), index)
    path = file or find_labels(folder)
    if path is None:
        raise DataError(
            "nothing says whose recordings these are",
            code="no-subjects",
            file=folder,
            expected="labels.csv (or .jsonl, .json) with data_id,subject_id in the folder or beside it",
            hint="add it, or pass --subjects FILE",
        )
    table, _ = read_labels(path)
    column = option if option is not None and option in table else "subject_id"
    if column not in table:
        raise DataError(
            "the table has no subjects",
            code="no-subjects",
            file=path,
            expected="data_id,subject_id",
            found=", ".join(["data_id", *table.columns]),
            hint="add the column, or pass --subjects FILE",
        )
    return table[column].reindex(index, fill_value="").rename("subject_id")


def _by_label_column(labels: pd.DataFrame, option: str | None, file: Path | None) -> Groups:
    column = option or "subject_id"
    if column == "status":
        raise ConfigError(
            "--groups names the labels themselves",
            file=file,
            expected="the column that says who is who",
            found=repr(column),
            hint="leave --groups out, or name another column",
        )
    if column in labels:
        return Groups(_complete(labels[column], _status(labels), column, file), "column")
    if option is not None:
        raise ConfigError(
            "--groups names no column of the labels",
            file=file,
            expected=", ".join(labels.columns),
            found=repr(option),
        )
    doubt = Finding(
        "own-groups",
        "no subject ids: each recording counts as a subject of its own, so scores flatter if people recur",
        file=file,
        hint="add a column subject_id, or pass --groups; --groups infer proposes some",
    )
    return Groups(_own(labels.index), "own", doubt)


def _own(index: pd.Index) -> pd.Series:
    return pd.Series(index, index=index, name="subject_id")


def _status(labels: pd.DataFrame | None) -> pd.Series | None:
    return labels["status"] if labels is not None and "status" in labels else None


def _refuse_to_infer(labels: pd.DataFrame | None, file: Path | None) -> None:
    if labels is not None and "subject_id" in labels:
        raise ConfigError(
            "--groups infer is for sets without subject ids",
            file=file,
            found="a column subject_id",
            hint="leave --groups infer out; the column is used by default",
        )


def _by_table(path: Path, index: pd.Index, status: pd.Series | None) -> pd.Series:
    table, _ = read_labels(path)
    if "subject_id" not in table:
        raise ConfigError(
            "the table of --groups has no subjects",
            file=path,
            expected="data_id,subject_id",
            found=", ".join(["data_id", *table.columns]),
        )
    return _complete(table["subject_id"].reindex(index, fill_value=""), status, "subject_id", path)


def _by_expression(expression: str, index: pd.Index) -> pd.Series:
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise ConfigError("--groups is no regular expression", expected=_EXAMPLE, found=str(error)) from None
    if pattern.groups != 1:
        raise ConfigError("--groups needs one pair of brackets", expected=_EXAMPLE, found=expression)
    matches = {data_id: pattern.search(data_id) for data_id in index}
    missed = [data_id for data_id, match in matches.items() if match is None or not match[1]]
    if missed:
        raise DataError(
            f"--groups finds no subject in {len(missed)} of {len(index)} ids",
            code="no-group",
            expected=f"a match of {expression!r}",
            found=format_quoted(missed),
            hint="correct the expression, or rename the files",
        )
    return pd.Series([match[1] for match in matches.values() if match], index=index, name="subject_id")


def _complete(groups: pd.Series, status: pd.Series | None, column: str, file: Path | None) -> pd.Series:
    """Return the groups, if every labelled recording has one."""
    empty = groups[(groups == "") & (status != "" if status is not None else True)]
    if len(empty):
        raise DataError(
            f"{format_count(len(empty), 'labelled recording has', 'labelled recordings have')} no subject",
            code="no-group",
            file=file,
            column=column,
            expected="a subject for each of them",
            found=format_quoted(empty.index),
            hint="fill the column: a subject may otherwise stand on both sides of a split",
        )
    return groups.rename("subject_id")
