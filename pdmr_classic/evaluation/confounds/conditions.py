"""Collect the conditions of recordings, one row per recording, from the facts about their files."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.set_checks import ExtractedFile


def collect_conditions(data: Dataset, files: Iterable[ExtractedFile]) -> pd.DataFrame:
    """Return the conditions of each recording.

    Parameters
    ----------
    data : Dataset
    files : iterable of ExtractedFile
        Of the same recordings.

    Returns
    -------
    DataFrame of float64
        Index `data_id`; columns `modality/condition`, see `describe_stream_conditions`; NaN if unknown. The mean over
        the events of a person.
    """
    singles = {(modality, path): r.data_id for r in data.singles for modality, path, _ in r.files}
    owners = data.owners
    rows: dict[str, dict[str, float]] = {data_id: {} for data_id in owners.index}
    for file in files:
        known = {f"{file.modality}/{name}": value for name, value in file.facts.conditions.items()}
        rows[singles[file.modality, file.path]] |= known
    table = pd.DataFrame.from_dict(rows, orient="index", dtype="float64").reindex(owners.index)
    if len(owners) > len(data):  # of persons, the mean over their events
        table = table.groupby(owners).mean()
    return table.reindex(data.data_ids).rename_axis("data_id")
