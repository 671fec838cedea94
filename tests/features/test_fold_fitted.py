"""Fold-fitted features are fitted only on training rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from streams import FULL, NAN, features, make_stream

from pdmr_classic.features.families.kinemes import N_KINEMES
from pdmr_classic.features.fold_fitted import FoldFittedFeatures

UNITS = 17
N_TANGENT = UNITS * (UNITS + 1) // 2


def make_table(n: int) -> tuple[list[str], NDArray[np.float64]]:
    """Return names and rows of recordings with material and other features."""
    rows = []
    for seed in range(n):
        walk = np.cumsum(np.random.default_rng(seed).normal(0, 0.1, (len(FULL), 300)), axis=1)
        rows.append(
            features(make_stream(dict(zip(FULL, walk, strict=True))), "quality", "au_tangent", "au_together", "kinemes")
        )
    return list(rows[0]), np.array([list(row.values()) for row in rows])


@pytest.fixture(scope="module")
def material() -> tuple[list[str], NDArray[np.float64]]:
    return make_table(16)


def test_material_becomes_tangent_vectors_and_histograms(material: tuple[list[str], NDArray[np.float64]]) -> None:
    names, X = material
    families = FoldFittedFeatures(names)
    assert families
    result = families.fit(X).transform(X)
    assert result.shape == (16, N_TANGENT + N_KINEMES)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result[:, N_TANGENT:].sum(axis=1), 1.0)


def test_rows_outside_the_training_set_change_nothing(material: tuple[list[str], NDArray[np.float64]]) -> None:
    names, X = material
    train, test = X[:10], X[10:]
    fitted = FoldFittedFeatures(names).fit(train)
    expected = fitted.transform(test[:1])
    changed = np.vstack([test[:1], 3 * test[1:]])
    np.testing.assert_array_equal(fitted.transform(changed)[:1], expected)
    np.testing.assert_array_equal(FoldFittedFeatures(names).fit(train).transform(test[:1]), expected)


def test_columns_other_than_material_change_nothing(material: tuple[list[str], NDArray[np.float64]]) -> None:
    names, X = material
    noisy = X.copy()
    noisy[:, [not name.startswith("material__") for name in names]] = 1e9
    np.testing.assert_array_equal(
        FoldFittedFeatures(names).fit(noisy).transform(noisy), FoldFittedFeatures(names).fit(X).transform(X)
    )


def test_rows_without_material_remain_nan(material: tuple[list[str], NDArray[np.float64]]) -> None:
    names, X = material
    with_nan = X.copy()
    with_nan[2] = NAN
    result = FoldFittedFeatures(names).fit(with_nan).transform(with_nan)
    assert np.isnan(result[2]).all()
    known = np.arange(16) != 2
    np.testing.assert_array_equal(result[known], FoldFittedFeatures(names).fit(X[known]).transform(X[known]))


def test_without_material_there_is_nothing_to_fit() -> None:
    families = FoldFittedFeatures(["video__AU12_r__mean"])
    assert not families
    assert families.fit(np.ones((3, 1))).transform(np.ones((3, 1))).shape == (3, 0)
