"""The files behind a feature table that does not describe them: known only by the values that are there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdmr_classic.features.file_records import FileRecord
from pdmr_classic.features.names import MATERIAL, QUALITY, VIDEO, feature_view, quality_modality
from pdmr_classic.io.stream_facts import StreamFacts
from pdmr_classic.storage.mapped_table import iterate_rows


def make_records(features: pd.DataFrame) -> tuple[FileRecord, ...]:
    """Return a record for each modality of a recording that has a value; nothing else is known of the files.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        Index `data_id`.
    """
    columns: dict[str, list[str]] = {}
    for name in map(str, features.columns):
        columns.setdefault(_find_modality(name), []).append(name)
    records = []
    for modality, names in columns.items():
        parts = [rows[names].notna().any(axis=1).to_numpy() for rows in iterate_rows(features)]
        has_values = np.concatenate(parts)
        layout = tuple(names)
        records += [
            FileRecord(str(data_id), modality, "", layout, StreamFacts()) for data_id in features.index[has_values]
        ]
    return tuple(records)


def _find_modality(name: str) -> str:
    view = feature_view(name)
    if view == QUALITY:
        return quality_modality(name)
    return VIDEO if view == MATERIAL else view
