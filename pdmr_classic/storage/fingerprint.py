"""Hash of training data, settings and library versions, so that work is resumed only if none of them has changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import xxhash

from pdmr_classic.arrays import Floats
from pdmr_classic.environment import read_library_versions
from pdmr_classic.storage.mapped_table import iterate_rows

_BATCH_ROWS = 2000


def hash_data(
    features: pd.DataFrame,
    status: pd.Series,
    groups: pd.Series,
    weights: Floats | None = None,
    *,
    settings: Any = None,
    extra: Iterable[bytes] = (),
) -> str:
    """Return the XXH3 hash of a feature table with its ids, labels, subjects, weights and settings.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
    status, groups : Series, length n
    weights : ndarray, shape [n], optional
        Weights that are all 1 give the same hash as no weights.
    settings : optional
        JSON-serialisable settings of a computation. If given, the library versions are hashed too, because its result
        depends on them.
    extra : iterable of bytes
        Other data that the result depends on.
    """
    digest = xxhash.xxh3_128()
    if settings is not None:
        digest.update(json.dumps([read_library_versions(), settings], sort_keys=True).encode())
    digest.update(_join_lines(features.columns))
    # The hash is that of all values at once, without a copy of a table that may fill half of the memory.
    for rows in iterate_rows(features, _BATCH_ROWS):
        digest.update(_values_bytes(rows))
    for column in (features.index, status, groups):
        digest.update(_join_lines(column))
    if weights is not None and (weights != 1).any():
        digest.update(weights.tobytes())
    for part in extra:
        digest.update(part)
    return digest.hexdigest()


def table_bytes(features: pd.DataFrame) -> tuple[bytes, bytes]:
    """Return the column names and the values of a table, each as bytes."""
    return _join_lines(features.columns), _values_bytes(features)


def _values_bytes(features: pd.DataFrame) -> bytes:
    return np.ascontiguousarray(features.to_numpy(dtype=np.float64)).tobytes()


def _join_lines(values: Iterable[Any]) -> bytes:
    return "\n".join(map(str, values)).encode()
