"""Rows on which an exported model is compared with the original, without any training data."""

from __future__ import annotations

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.models.compiled.fitted_features import Tangent
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.feature_ranges import read_ranges
from pdmr_classic.models.model import DepressionModel

_N_ROWS = 200
_MISSING_SHARE = 0.03
_NORMAL_95 = 1.645


def make_check_rows(model: DepressionModel, stack: CompiledStack) -> Floats:
    """Return random rows in and around the stored feature ranges, shape [n, F], also with missing values.

    The first rows lack one modality each, another all of them, and some each single value with a small probability.
    """
    rng = np.random.default_rng(0)
    rows = make_random_rows(model, _N_ROWS, rng)
    for step in stack.fitted_:
        if isinstance(step, Tangent):
            rows[:, step.columns] = _random_covariances(step, rng)
    half = rows[: _N_ROWS // 2]
    half[rng.random(half.shape) < _MISSING_SHARE] = np.nan
    material = np.concatenate([step.columns for step in stack.fitted_ if hasattr(step, "columns")] or [[]])
    for k, columns in enumerate(stack.columns_.values()):
        rows[5 * k : 5 * (k + 1), columns] = np.nan
    rows[5 * len(stack.columns_), :] = np.nan
    rows[-5:, material.astype(int)] = np.nan
    return rows


def make_random_rows(model: DepressionModel, n_rows: int, rng: np.random.Generator | None = None) -> Floats:
    """Return random rows in and around the stored feature ranges, shape [n, F]."""
    center, spread = _read_ranges(model)
    return np.asarray(center + spread * (rng or np.random.default_rng(0)).normal(size=(n_rows, len(center))))


def _read_ranges(model: DepressionModel) -> tuple[Floats, Floats]:
    """Return the median and the standard deviation of each feature; 0 and 1 if its range is not stored."""
    ranges = model.metadata_.get("feature_ranges", {}).get("features", {})
    usual = [-_NORMAL_95, 0.0, _NORMAL_95]
    low, middle, high = read_ranges({name: ranges.get(name, usual) for name in model.feature_names_})
    return middle, (high - low) / (2 * _NORMAL_95)


def _random_covariances(step: Tangent, rng: np.random.Generator) -> Floats:
    """Return upper triangles of random covariances around the mean of training."""
    size = len(step.whitening)
    factors = np.eye(size) + 0.3 * rng.normal(size=(_N_ROWS, size, size))
    root = np.linalg.inv(step.whitening)
    upper = np.triu_indices(size)
    return np.asarray(root @ factors @ factors.transpose(0, 2, 1) @ root)[:, upper[0], upper[1]]
