"""Coarse ranges of the training features for the manifest, to tell how far new recordings lie from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.features.names import MATERIAL, feature_view
from pdmr_classic.storage.mapped_table import iterate_columns, iterate_rows

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
OLD_QUANTILES = (0.05, 0.5, 0.95)
"""Those of manifests that were written before explanations existed."""
# As in the models: a column with values of fewer recordings could describe one of them.
_MIN_RECORDINGS = 5
_BATCH_ROWS = 2000


def summarise_ranges(features: pd.DataFrame) -> dict[str, Any]:
    """Return percentiles of each feature, from the 5th to the 95th, and how many values of a recording lie outside.

    Percentiles are rounded to a hundredth of the spread. A feature with fewer than five distinct values is left out.

    Parameters
    ----------
    features : DataFrame, shape [n, F]

    Returns
    -------
    dict
        `n_recordings`; `features`: name to the values of `QUANTILES`; `usual_share_outside`: 95th percentile over the
        training recordings of the share of their values outside the range of the 5th to the 95th percentile.
    """
    ranges = {
        name: rounded
        for name, values in iterate_columns(features)
        if feature_view(name) != MATERIAL and (rounded := _round_quantiles(values))
    }
    # In batches, because a large table would be copied several times.
    share = pd.concat([share_outside(batch, ranges).mean(axis=1) for batch in iterate_rows(features, _BATCH_ROWS)])
    usual = round(float(np.quantile(share.dropna(), QUANTILES[-1])), 2) if share.notna().any() else None
    return {"n_recordings": len(features), "features": ranges, "usual_share_outside": usual}


def _round_quantiles(values: Floats) -> list[float] | None:
    values = values[np.isfinite(values)]
    if len(np.unique(values)) < _MIN_RECORDINGS:
        return None
    quantiles = np.quantile(values, QUANTILES)
    spread = float(quantiles[-1] - quantiles[0])
    if spread <= 0:
        return None
    decimals = int(2 - np.ceil(np.log10(spread)))
    return [round(float(value), decimals) for value in quantiles]


def share_outside(features: pd.DataFrame, ranges: Mapping[str, list[float]]) -> pd.DataFrame:
    """Return for each value whether it lies outside the training range: 0 or 1, NaN without a value."""
    names = [name for name in ranges if name in features]
    values = features[names]
    low, high = (np.array([ranges[name][k] for name in names], dtype=float) for k in (0, -1))
    outside = ((values < low) | (values > high)).astype(float)
    return outside.where(values.notna())


def read_ranges(ranges: Mapping[str, list[float]]) -> tuple[Floats, Floats, Floats]:
    """Return the 5th, 50th and 95th percentile of each feature, shape [F] each."""
    values = [(limits[0], limits[len(limits) // 2], limits[-1]) for limits in ranges.values()]
    low, middle, high = np.array(values, dtype=float).reshape(-1, 3).T
    return low, middle, high
