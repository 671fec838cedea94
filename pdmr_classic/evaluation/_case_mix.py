"""How far recordings lie from the training distribution of a model, from the coarse ranges in its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import finite_or_none
from pdmr_classic.features.catalog import find_families
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.features.names import feature_view, modality_columns
from pdmr_classic.models.feature_ranges import read_ranges, share_outside
from pdmr_classic.models.measurements import find_missing_channels
from pdmr_classic.models.model import DepressionModel

# A normal distribution has this distance between its 5th and 95th percentile.
_SDS = 3.29
_MEDIAN_ABSOLUTE_NORMAL = 0.6745
_MEDIAN_EFFICIENCY = 1.2533


def compare_case_mix(model: DepressionModel, extraction: Extraction, rows: pd.Index, n_subjects: int) -> dict[str, Any]:
    """Compare recordings with the training distribution, by view and family of their features.

    Parameters
    ----------
    model : DepressionModel
    extraction : Extraction
    rows : Index
        The recordings to compare.
    n_subjects : int
        Number of their subjects.

    Returns
    -------
    dict
        `views`: recordings with each modality; `missing_channels` by modality; and either `reason`, or
        `by_view` and `by_family` with `n_features`, `shift` (median over features of the distance between medians, in
        training SDs), `spread` (median ratio of the 5-to-95% range to that of training), `outside` (share of values
        outside the training range of 5 to 95%; 0.1 is expected); `expected_shift` without any difference;
        `recordings_outside`: share of recordings with more values outside than 95% of the training recordings.
    """
    features = extraction.features.loc[rows]
    missing = find_missing_channels(extraction, model.feature_names_, model.metadata_)
    mix: dict[str, Any] = {
        "views": _count_modalities(model, features),
        "missing_channels": {modality: names for modality, (names, _) in missing.items() if names},
    }
    stored = model.metadata_.get("feature_ranges")
    if not stored or not stored.get("features"):
        return mix | {"reason": "the manifest of the model has no ranges of its training features: fit it again"}
    ranges = {name: limits for name, limits in stored["features"].items() if name in features}
    parts = pd.DataFrame(
        {
            "view": [feature_view(name) for name in ranges],
            "family": find_families(list(ranges)),
            **_compare_features(features, ranges),
        },
        index=list(ranges),
    )
    share = share_outside(features, ranges).mean(axis=1)
    usual = stored.get("usual_share_outside")
    n = 1 / n_subjects + 1 / model.metadata_["n_subjects"]
    return mix | {
        "by_view": _aggregate(parts, "view"),
        "by_family": _aggregate(parts, "family"),
        "expected_shift": _MEDIAN_ABSOLUTE_NORMAL * _MEDIAN_EFFICIENCY * n**0.5,
        "recordings_outside": None if usual is None else float((share > usual).mean()),
    }


def _count_modalities(model: DepressionModel, features: pd.DataFrame) -> dict[str, int]:
    views = modality_columns(model.feature_names_)
    columns = {view: [name for name in features if feature_view(str(name)) == view] for view in views}
    return {view: int(features[names].notna().any(axis=1).sum()) for view, names in columns.items()}


def _compare_features(features: pd.DataFrame, ranges: Mapping[str, list[float]]) -> dict[str, np.ndarray]:
    low, middle, high = read_ranges(ranges)
    width = np.where(high > low, high - low, np.nan)
    values = features[list(ranges)]
    quantiles = values.quantile([0.05, 0.5, 0.95]).to_numpy()
    return {
        "shift": np.abs(quantiles[1] - middle) * _SDS / width,
        "spread": (quantiles[2] - quantiles[0]) / width,
        "outside": share_outside(features, ranges).mean().to_numpy(),
    }


def _aggregate(parts: pd.DataFrame, key: str) -> dict[str, dict[str, Any]]:
    return {
        str(name): {
            "n_features": int(group["shift"].notna().sum()),
            **{column: finite_or_none(group[column].median()) for column in ("shift", "spread")},
            "outside": finite_or_none(group["outside"].mean()),
        }
        for name, group in parts.groupby(key, sort=False)
    }
