"""One hash of what is learned from, so that unfinished work of other data or settings is not gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import xxhash

from pdmr_classic._version import __version__
from pdmr_classic.arrays import Floats


def hash_data(
    features: pd.DataFrame,
    status: pd.Series,
    groups: pd.Series,
    weights: Floats | None = None,
    *,
    asked: Any = None,
    further: Iterable[bytes] = (),
) -> str:
    """Return the XXH3 hash of a table, its ids, labels, subjects and weights, and of what was asked of it.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
    status, groups : Series, length n
    weights : ndarray, shape [n], optional
        Weights of 1 are as good as none.
    asked : optional
        Settings, ready for JSON. Where they are given, our version counts as well: another one may answer otherwise.
    further : iterable of bytes
        Whatever else the answer depends on.
    """
    digest = xxhash.xxh3_128()
    if asked is not None:
        digest.update(json.dumps([__version__, asked], sort_keys=True).encode())
    for part in (*table_bytes(features), *(_lines(column) for column in (features.index, status, groups))):
        digest.update(part)
    if weights is not None and (weights != 1).any():
        digest.update(weights.tobytes())
    for part in further:
        digest.update(part)
    return digest.hexdigest()


def table_bytes(features: pd.DataFrame) -> tuple[bytes, bytes]:
    """Return the names and the values of a table, each as bytes."""
    return _lines(features.columns), np.ascontiguousarray(features.to_numpy(dtype=np.float64)).tobytes()


def _lines(texts: Iterable[Any]) -> bytes:
    return "\n".join(map(str, texts)).encode()
