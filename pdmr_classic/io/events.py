"""Recordings of several events, such as tasks or questions, grouped to one row per person."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.ids import id_problem, natural_order
from pdmr_classic.io.labels.groups import read_subjects
from pdmr_classic.io.labels.id_tables import SPLIT_COLUMN
from pdmr_classic.io.labels.labels import find_labels, read_labels
from pdmr_classic.io.labels.scores import find_score_column
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.text import format_count, format_list, format_quoted

_PREFIX = "re:"
_EXAMPLE = r"for example re:^(\d+)_(E\d+)$"
RESERVED = ("events", "spread", "drift", "mean")
"""Names of what is computed over events; no event can have them."""


class _Ungrouped(Protocol):
    """A data set with one row per recording."""

    @property
    def folder(self) -> Path: ...
    @property
    def data_ids(self) -> list[str]: ...
    @property
    def labels(self) -> pd.DataFrame | None: ...
    @property
    def groups(self) -> pd.Series | None: ...
    @property
    def lacks_subject_ids(self) -> bool: ...
    @property
    def settings(self) -> DataSettings: ...


def match_event_pattern(data_ids: Sequence[str], source: str | None) -> pd.DataFrame | None:
    r"""Return the person and the event that a pattern finds in each data_id; None if the source is not a pattern.

    Groups can be named (`person`, `event`; one name suffices); otherwise, the first is the person.

    Raises
    ------
    ConfigError
        The pattern is not valid, does not have two groups, or names one otherwise.
    DataError
        It does not match some data_id.

    Examples
    --------
    >>> match_event_pattern(["001_E1", "001_E2"], r"re:^(\d+)_(E\d+)$").to_dict("list")
    {'person': ['001', '001'], 'event': ['E1', 'E2']}
    """
    if source is None or not source.startswith(_PREFIX):
        return None
    pattern = _compile(source.removeprefix(_PREFIX))
    matches = {data_id: pattern.search(data_id) for data_id in data_ids}
    unmatched = [data_id for data_id, match in matches.items() if match is None or not (match[1] and match[2])]
    if unmatched:
        raise DataError(
            f"the --events pattern does not match {len(unmatched)} of {len(matches)} data_ids",
            code="no-event",
            expected=f"a person and an event, matched by {pattern.pattern}",
            found=format_quoted(unmatched),
            hint="correct the pattern, or rename the files",
        )
    person = pattern.groupindex.get("person") or 3 - pattern.groupindex.get("event", 2)
    found = [[match[person], match[3 - person]] for match in matches.values() if match]
    return pd.DataFrame(found, pd.Index(data_ids, name="data_id"), ["person", "event"], dtype=object)


def _compile(expression: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise ConfigError(
            "the --events pattern is not a valid regular expression", expected=_EXAMPLE, found=str(error)
        ) from None
    if pattern.groups != 2:
        raise ConfigError(
            "the --events pattern must have two groups in parentheses: the person, and the event",
            expected=_EXAMPLE,
            found=expression,
        )
    if not set(pattern.groupindex) <= {"person", "event"}:
        raise ConfigError(
            "the --events pattern has a group with another name than person and event",
            expected=r"no names, or for example re:^(?P<person>\d+)_(?P<event>E\d+)$",
            found=format_list(pattern.groupindex),
        )
    return pattern


def find_events(data: _Ungrouped, fields: Mapping[str, Mapping[str, str]], file: Path | None = None) -> pd.DataFrame:
    """Return the person and the event of each recording, the event from a column; "" where it is unknown.

    Parameters
    ----------
    data : Dataset
        `settings.events` is a column of its labels, or what the layout knows from the paths (`event`). Without labels,
        events that the paths do not tell are looked up in the label table, which needs no status.
    fields : mapping of str to mapping
        See `Discovery`.
    file : Path, optional
        The label table.

    Raises
    ------
    ConfigError
        There is no such column, or there are no subjects.
    DataError
        There is no table.
    """
    source, index = str(data.settings.events), pd.Index(data.data_ids, name="data_id")
    labels, groups = data.labels, None if data.lacks_subject_ids else data.groups
    if labels is None and source not in fields:
        labels, groups = _read_columns(data, file)
    if labels is None:
        events = pd.Series(fields[source], dtype=object).reindex(index)
    else:
        events = labels[_find_column(source, labels, file)]
    if groups is None:
        raise ConfigError(
            "--events with a column needs the subject of each recording: a subject is one row",
            file=file,
            expected="a column subject_id, or --groups COLUMN",
            found="no subject ids",
            hint=f"add the column, or pass a pattern that finds person and event, {_EXAMPLE}",
        )
    return pd.DataFrame({"person": groups.reindex(index), "event": events}, index=index).fillna("")


def _find_column(source: str, labels: pd.DataFrame, file: Path | None) -> str:
    same = [str(name) for name in labels.columns if str(name).casefold() == source.casefold()]
    if source in same or len(same) == 1:
        return source if source in same else same[0]
    raise ConfigError(
        "--events names a column that is not in the label table",
        code="no-column",
        file=file,
        expected=f"one of {format_list(labels.columns, 20)}, or a pattern, {_EXAMPLE}",
        found=repr(source),
    )


def _read_columns(data: _Ungrouped, file: Path | None) -> tuple[pd.DataFrame, pd.Series]:
    """Return the label table without status, and the subjects."""
    path = file or find_labels(data.folder)
    if path is None:
        raise DataError(
            "there is no table that tells the events of these recordings",
            code="no-event",
            file=data.folder,
            expected="labels.csv with data_id, the column of --events and subject_id; no status is needed",
            hint=f"add the file, or use a pattern, {_EXAMPLE}",
        )
    id_column, option = data.settings.id_column, data.settings.groups
    table = read_labels(path, DataSettings(id_column=id_column), with_status=False)[0]
    groups = data.groups
    if groups is None:
        of_ids = option is not None and option.startswith(_PREFIX)
        subject_file = None if of_ids else file
        groups = read_subjects(data.data_ids, data.folder, subject_file, option, id_column=id_column)
    return table.reindex(pd.Index(data.data_ids, name="data_id"), fill_value=""), groups


def group_by_person(
    recordings: Sequence[Recording],
    events: pd.DataFrame,
    labels: pd.DataFrame | None,
    groups: pd.Series | None,
    settings: DataSettings,
    file: Path | None = None,
) -> dict[str, Any]:
    """Return one row per person, from recordings that each have a person and an event.

    Parameters
    ----------
    recordings : sequence of Recording
    events : DataFrame of str
        Index `data_id`; columns `person` and `event`, "" where unknown.
    labels : DataFrame or None
        Rows of one person must agree in what is learned; other columns that differ are empty.
    groups : Series or None
    settings : DataSettings
    file : Path, optional
        The label table, for messages.

    Returns
    -------
    dict
        `recordings` (tuple of Recording, sorted by `data_id`, the person; each has `events`), `labels`, `groups` and
        `findings`.

    Raises
    ------
    DataError
        A labelled recording has no person or event, a person has two recordings of an event, an event has a reserved
        name, or the labels of a person contradict one another.
    """
    is_known = (events["person"] != "") & (events["event"] != "")
    findings = _check_unknown(events[~is_known], labels, file)
    events = events[is_known]
    _check_names(events, file)
    by_id = {recording.data_id: recording for recording in recordings}
    persons = {
        str(person): Recording(str(person), events=tuple((name, by_id[str(i)]) for i, name in rows.items()))
        for person, rows in events.sort_values("event", kind="stable")["event"].groupby(events["person"])
    }
    findings.append(_describe(events))
    if labels is not None:
        labels, different = _merge_labels(labels.loc[events.index], events, settings, file)
        findings += different
    if groups is not None:
        groups = _merge_groups(groups.loc[events.index], events["person"], file)
    ids = sorted(persons)
    return {
        "recordings": tuple(persons[person] for person in ids),
        "labels": None if labels is None else labels.loc[ids],
        "groups": None if groups is None else groups.loc[ids],
        "findings": tuple(findings),
    }


def check_several_events(recordings: Sequence[Recording]) -> None:
    """Refuse to learn from persons who all have one event: there is nothing to compare.

    Raises
    ------
    DataError
    """
    if recordings and all(recording.events for recording in recordings):
        names = {name for recording in recordings for name, _ in recording.events}
        if all(len(recording.events) == 1 for recording in recordings):
            raise DataError(
                "every person has one event only",
                code="one-event",
                expected="several events of some persons",
                found=format_quoted(sorted(names)),
                hint="correct --events, or remove it: each recording is then one row",
            )


def _check_unknown(unknown: pd.DataFrame, labels: pd.DataFrame | None, file: Path | None) -> list[Finding]:
    """Return what to tell about recordings without person or event; labelled ones are errors."""
    if not len(unknown):
        return []
    labelled = [] if labels is None or "status" not in labels else [i for i in unknown.index if labels["status"][i]]
    if labelled:
        raise DataError(
            f"{format_count(len(labelled), 'labelled recording has', 'labelled recordings have')} no person or event",
            code="no-event",
            file=file,
            found=format_quoted(labelled),
            hint="fill in the columns of --events and of the subject",
        )
    what = f"{format_count(len(unknown), 'recording has', 'recordings have')} no person or no event and will be ignored"
    return [Finding("no-event", what, file=file, found=format_quoted(unknown.index))]


def _check_names(events: pd.DataFrame, file: Path | None) -> None:
    names, persons = sorted(set(events["event"])), sorted(set(events["person"]))
    if not names:
        raise DataError("no recording has a person and an event", code="no-event", file=file, hint="correct --events")
    ambiguous = {f"{b}-{a}" for a, b in combinations(names, 2)} | {f"{a}-{b}" for a, b in combinations(names, 2)}
    bad = [n for n in names if n.casefold() in RESERVED or "__" in n or "@" in n or n in ambiguous or id_problem(n)]
    if bad:
        raise DataError(
            "an event has a name that cannot be part of a feature name",
            code="bad-event",
            file=file,
            expected=f"names without @ and __, other than {format_list(RESERVED)} and than differences such as E2-E1",
            found=format_quoted(bad),
            hint="rename the events",
        )
    if bad := [person for person in persons if id_problem(person)]:
        raise DataError(
            "a person has a name that cannot be a data_id",
            code="bad-id",
            file=file,
            found=format_list(f"{person!r}: {id_problem(person)}" for person in bad),
            hint="rename the subjects",
        )
    repeated = events[events.duplicated(keep=False)]
    if len(repeated):
        twice: dict[tuple[str, str], list[str]] = {}
        for data_id, person, event in zip(repeated.index, repeated["person"], repeated["event"], strict=True):
            twice.setdefault((str(person), str(event)), []).append(str(data_id))
        raise DataError(
            f"{format_count(len(twice), 'event has', 'events have')} several recordings of the same person",
            code="event-twice",
            file=file,
            expected="one recording per person and event",
            found=format_list(f"{event!r} of {person!r}: {', '.join(ids)}" for (person, event), ids in twice.items()),
            hint="correct --events so that it tells these recordings apart, or remove the additional ones",
        )


def _describe(events: pd.DataFrame) -> Finding:
    names = sorted(set(events["event"]))
    names = [names[position] for position in natural_order(names)]
    persons = events["person"].nunique()
    n_incomplete = int((events.groupby("person").size() < len(names)).sum())
    missing = f"; {format_count(n_incomplete, 'person lacks', 'persons lack')} an event" if n_incomplete else ""
    what = f"{format_count(len(events), 'recording')} of {format_count(persons, 'person')}: one row per person{missing}"
    return Finding("events", what, found=f"events {format_list(names)}")


def _merge_labels(
    labels: pd.DataFrame, events: pd.DataFrame, settings: DataSettings, file: Path | None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the label table of persons, and what to tell about columns in which their recordings differ."""
    persons = events["person"]
    known = labels.where(labels != "").groupby(persons)
    merged, n_values = known.first().fillna(""), known.nunique()
    learned = {"status", SPLIT_COLUMN, settings.weights, *_score_column(labels, settings)}
    differ = [str(name) for name in merged.columns if (n_values[name] > 1).any()]
    for name in (name for name in differ if name in learned):
        wrong = n_values.index[n_values[name] > 1]
        raise DataError(
            f"the recordings of {format_count(len(wrong), 'person')} contradict one another in the label table",
            code="labels-contradict",
            file=file,
            column=name,
            expected="the same value for all recordings of a person",
            found=format_list(
                f"{person!r}: {', '.join(sorted(set(labels[name][persons == person])))}" for person in wrong
            ),
            hint="correct the table, or learn on recordings, without --events",
        )
    merged = merged.mask(n_values > 1, "").rename_axis("data_id")
    others = [name for name in differ if not labels[name].equals(events["event"].rename(name))]
    what = "columns that differ between the recordings of a person are empty for the person"
    return merged[list(labels.columns)], [Finding("events-differ", what, found=format_list(others))] if others else []


def _score_column(labels: pd.DataFrame, settings: DataSettings) -> list[str]:
    if not settings.learns_score:
        return []
    try:
        return [find_score_column(labels, settings)]
    except ConfigError:
        return []  # reported where the scores are read


def _merge_groups(groups: pd.Series, persons: pd.Series, file: Path | None) -> pd.Series:
    by_person = groups.where(groups != "").groupby(persons)
    several = by_person.nunique()
    if (several > 1).any():
        raise DataError(
            "recordings of one person have several subjects",
            code="no-group",
            file=file,
            expected="one subject for all events of a person",
            found=format_quoted(several.index[several > 1]),
            hint="correct the subjects, or --events",
        )
    return by_person.first().fillna("").rename_axis("data_id").rename("subject_id")
