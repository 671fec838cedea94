"""Give the recordings of a data set their labels and subjects, and join those of a person if they are events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io._aligned_labels import add_fields, align_labels, align_tables
from pdmr_classic.io.events import find_events, group_by_person, match_event_pattern
from pdmr_classic.io.labels.groups import Groups, resolve_groups
from pdmr_classic.io.layouts.layout import Discovery
from pdmr_classic.io.table_source import refuse_unused_subjects

if TYPE_CHECKING:
    from pdmr_classic.io.dataset import Dataset


@dataclass(frozen=True)
class LabelSource:
    """Where the labels and subjects of a data set are.

    Attributes
    ----------
    discovery : Discovery
        What the paths tell, and the official tables.
    file : Path or None
        The label table; without one, the official tables are read.
    groups : str or None
        As for `load_dataset`.
    splits : mapping of str to str
        The split of each recording, where tables tell it.
    use_labels : bool
        Whether official tables are read as labels.
    may_lack_labels : bool
        As for `scan_dataset`.
    names_splits : bool
        Whether the labels get a column `split`.
    """

    discovery: Discovery
    file: Path | None
    groups: str | None
    splits: Mapping[str, str]
    use_labels: bool
    may_lack_labels: bool
    names_splits: bool


def add_labels_and_subjects(dataset: Dataset, source: LabelSource) -> tuple[Dataset, list[Finding]]:
    """Return the data set with labels and subjects, and errors; after an error, what was found before it.

    Raises
    ------
    ConfigError
        A setting does not fit the data: it names no column, or is no valid expression.
    """
    settings, fields = dataset.settings, source.discovery.fields
    try:
        events = match_event_pattern(dataset.data_ids, settings.events)
        subjects: Mapping[str, str] = fields.get("subject", {})
        if events is not None:
            subjects = dict(zip(dataset.data_ids, events["person"], strict=True))
        dataset = _add_labels(dataset, source, subjects)
        dataset = _add_subjects(dataset, source, subjects)
        refuse_unused_subjects(dataset.table, dataset.groups_source)
        if settings.events is not None:
            dataset = group_events(dataset, events, fields, source.file)
    except DataError as error:
        return dataset, [*error.findings]
    return dataset, []


def group_events(
    dataset: Dataset, events: pd.DataFrame | None, fields: Mapping[str, Mapping[str, str]], file: Path | None
) -> Dataset:
    """Return the data set with one row per person, whose recordings are events; parameters: see `find_events`."""
    if events is None:
        events = find_events(dataset, fields, file)
    rows = group_by_person(dataset.recordings, events, dataset.labels, dataset.groups, dataset.settings, file)
    return replace(dataset, **{**rows, "findings": (*dataset.findings, *rows["findings"])})


def _add_labels(dataset: Dataset, source: LabelSource, subjects: Mapping[str, str]) -> Dataset:
    labels, findings = _read_labels(dataset, source, subjects)
    if labels is not None:
        labels = add_fields(labels, source.discovery, source.splits if source.names_splits else {})
    return replace(dataset, labels=labels, findings=(*dataset.findings, *findings))


def _read_labels(
    dataset: Dataset, source: LabelSource, subjects: Mapping[str, str]
) -> tuple[pd.DataFrame | None, Sequence[Finding]]:
    if source.file is not None:
        return align_labels(
            dataset.data_ids,
            source.file,
            dataset.settings,
            optional=source.may_lack_labels and source.file.parent != dataset.folder,
            may_lack_columns=source.may_lack_labels,
            other_ids=source.discovery.data_ids,
            subjects=subjects,
        )
    if source.use_labels and source.discovery.tables:
        return align_tables(dataset.data_ids, source.discovery, source.splits, dataset.settings)
    return None, []


def _add_subjects(dataset: Dataset, source: LabelSource, subjects: Mapping[str, str]) -> Dataset:
    groups = resolve_groups(
        dataset.data_ids,
        dataset.labels,
        source.groups,
        source.file,
        known_subjects=pd.Series(subjects, dtype=object),
        status=dataset.status,
        labelled=dataset.labelled,
    )
    return dataset if groups is None else _attach_groups(dataset, groups)


def _attach_groups(dataset: Dataset, groups: Groups) -> Dataset:
    return replace(
        dataset,
        groups=groups.subjects,
        groups_source=groups.source,
        groups_warning=groups.warning,
        findings=(*dataset.findings, *groups.findings, *([groups.warning] if groups.warning else [])),
    )
