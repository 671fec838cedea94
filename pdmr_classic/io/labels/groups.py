"""Find the subject of each recording, which is its group in every split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.labels._columns import fold_name, match_column
from pdmr_classic.io.labels.labels import LABEL_SUFFIXES, find_labels, read_labels
from pdmr_classic.io.labels.subject_ids import normalise_subjects
from pdmr_classic.progress import Reporter
from pdmr_classic.storage.location import parse_location
from pdmr_classic.text import format_count, format_list, format_quoted

_INFER = "infer"
_EXPRESSION_PREFIX = "re:"
_EXAMPLE = "for example re:^(S\\d+)_"

GroupsSource = Literal["column", "table", "expression", "recording", "infer"]
"""Origin of the groups. "recording": each recording is its own subject; "infer": likewise, until `fit` infers them."""


@dataclass(frozen=True, eq=False)
class Groups:
    """The subject of each recording.

    Attributes
    ----------
    subjects : Series of str
        Index `data_id`, name `subject_id`; each person has one spelling.
    source : GroupsSource
    warning : Finding or None
        Why the same person may be on both sides of a split.
    findings : tuple of Finding
        Spellings that were merged.
    """

    subjects: pd.Series
    source: GroupsSource
    warning: Finding | None = None
    findings: tuple[Finding, ...] = ()


def resolve_groups(
    data_ids: Sequence[str],
    labels: pd.DataFrame | None,
    option: str | None,
    file: Path | None,
    *,
    known_subjects: pd.Series | None = None,
    status: pd.Series | None = None,
    labelled: pd.Series | None = None,
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
    known_subjects : Series of str, optional
        Subjects that the paths of the files tell, by data_id; used if the labels have none.
    status : Series of str, optional
        The class of each recording, empty without one.
    labelled : Series of bool, optional
        Whether a recording has a label to learn, and therefore needs a subject; default: all.

    Raises
    ------
    DataError
        A labelled recording has no subject, or subjects may be the same person.
    ConfigError
        `option` is not a label column or a valid expression or table.
    """
    index = pd.Index(data_ids, name="data_id")
    normalise = partial(_normalise_groups, status=status, labelled=labelled)
    if option is not None and option.startswith(_EXPRESSION_PREFIX):
        subjects = _match_expression(option.removeprefix(_EXPRESSION_PREFIX), index)
        return normalise(Groups(subjects, "expression"), "--groups", None)
    if option is not None and (table := parse_location(option)).suffix.lower() in LABEL_SUFFIXES:
        return normalise(Groups(_read_table(table, index), "table"), "subject_id", table)
    if option == _INFER:
        _check_no_subject_ids(labels, file)
        return Groups(_recordings_as_subjects(index), "infer")
    has_subjects = labels is not None and "subject_id" in labels
    if option is None and not has_subjects and known_subjects is not None and index.isin(known_subjects.index).all():
        groups = Groups(known_subjects.loc[index].set_axis(index).rename("subject_id"), "column")
        return normalise(groups, "subject_id", file)
    if labels is None:
        return None
    groups, column = _groups_from_labels(labels, option, file)
    return groups if column is None else normalise(groups, column, file)


def _normalise_groups(
    groups: Groups, column: str, file: Path | None, *, status: pd.Series | None, labelled: pd.Series | None
) -> Groups:
    """Return groups with one spelling for each person, after checking that every labelled recording has a subject."""
    _check_complete(groups.subjects, labelled, column, file)
    subjects, findings = normalise_subjects(groups.subjects, status, file=file, column=column)
    _check_complete(subjects, labelled, column, file, as_written=groups.subjects)
    return replace(groups, subjects=subjects.rename("subject_id"), findings=tuple(findings))


def read_subjects(
    data_ids: Sequence[str],
    folder: Path,
    file: Path | None = None,
    option: str | None = None,
    *,
    id_column: str | None = None,
    reporter: Reporter | None = None,
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
    id_column : str, optional
        Column of the table with the data_id.
    reporter : Reporter, optional
        Receives findings about known column names and merged spellings.

    Raises
    ------
    DataError
        There is no table, or it has no subject ids, or subjects may be the same person.
    """
    subjects, path, findings = _read_any_subjects(data_ids, folder, file, option, id_column)
    subjects, merged = normalise_subjects(subjects, file=path, column="subject_id")
    if reporter is not None:
        for finding in (*findings, *merged):
            reporter.note(finding)
    return subjects.rename("subject_id")


def _read_any_subjects(
    data_ids: Sequence[str], folder: Path, file: Path | None, option: str | None, id_column: str | None
) -> tuple[pd.Series, Path | None, list[Finding]]:
    """Return the subjects as written, the file they are from, and what to tell about it."""
    index = pd.Index(data_ids, name="data_id")
    if file is None and option is not None and option.startswith(_EXPRESSION_PREFIX):
        return _match_expression(option.removeprefix(_EXPRESSION_PREFIX), index), None, []
    path = file or find_labels(folder)
    if path is None:
        raise DataError(
            "there are no subject ids for these recordings",
            code="no-subjects",
            file=folder,
            expected="labels.csv (or .jsonl, .json) with data_id,subject_id in the folder or next to it",
            hint="add the file, or pass --subjects FILE",
        )
    table, findings = read_labels(path, DataSettings(id_column=id_column), with_status=False)
    same = [name for name in table.columns if option is not None and fold_name(name) == fold_name(option)]
    named = [option] if option in table else same
    column = named[0] if len(named) == 1 else "subject_id"
    if column not in table:
        raise DataError(
            "the table has no subject ids",
            code="no-subjects",
            file=path,
            expected="data_id,subject_id",
            found=format_list(["data_id", *table.columns]),
            hint="add the column, or pass --subjects FILE",
        )
    return table[column].reindex(index, fill_value=""), path, findings


def _groups_from_labels(labels: pd.DataFrame, option: str | None, file: Path | None) -> tuple[Groups, str | None]:
    """Return the subjects in a label column, and the column; without one, each recording is its own subject."""
    column = option or "subject_id"
    if column == "status":
        raise ConfigError(
            "--groups names the class column; it must name the column with the subject ids",
            file=file,
            expected="a column of subject ids",
            found=repr(column),
            hint="remove --groups, or pass another column",
        )
    if option is not None:
        column = match_column(option, list(labels.columns), "--groups", file)
    if column in labels:
        return Groups(labels[column], "column"), column
    warning = Finding(
        "own-groups",
        "no subject ids: each recording counts as its own subject; if a person has several recordings, scores are too "
        "optimistic",
        file=file,
        hint="add a column subject_id, or pass --groups (for example --groups infer)",
    )
    return Groups(_recordings_as_subjects(labels.index), "recording", warning), None


def _recordings_as_subjects(index: pd.Index) -> pd.Series:
    return pd.Series(index, index=index, name="subject_id")


def _check_no_subject_ids(labels: pd.DataFrame | None, file: Path | None) -> None:
    if labels is not None and "subject_id" in labels:
        raise ConfigError(
            "--groups infer is only for data sets without subject ids",
            file=file,
            found="a column subject_id",
            hint="remove --groups infer; the column is used by default",
        )


def _read_table(path: Path, index: pd.Index) -> pd.Series:
    table, _ = read_labels(path, with_status=False)
    if "subject_id" not in table:
        raise ConfigError(
            "the table of --groups has no subject ids",
            file=path,
            expected="data_id,subject_id",
            found=format_list(["data_id", *table.columns]),
            hint="add the column, or pass another table",
        )
    return table["subject_id"].reindex(index, fill_value="")


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


def _check_complete(
    groups: pd.Series,
    labelled: pd.Series | None,
    column: str,
    file: Path | None,
    as_written: pd.Series | None = None,
) -> None:
    """Raise if a labelled recording has no subject; a placeholder such as unknown is no subject."""
    missing = groups[(groups == "") & (labelled if labelled is not None else True)]
    if len(missing):
        written = as_written[missing.index] if as_written is not None else missing
        raise DataError(
            f"{format_count(len(missing), 'labelled recording has', 'labelled recordings have')} no subject",
            code="no-group",
            file=file,
            column=column,
            expected="a subject for each labelled recording",
            found=format_list(
                f"{cell!r} for {data_id!r}" if cell else repr(data_id) for data_id, cell in written.items()
            ),
            hint="fill in the column; without it, the same person could be on both sides of a split",
        )
