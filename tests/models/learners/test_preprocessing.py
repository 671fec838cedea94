from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.feature_selection import f_classif
from sklearn.preprocessing import RobustScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from pdmr_classic.models.learners.preprocessing import (
    DropUninformative,
    KeepBest,
    NormalizeAudio,
    RobustScale,
    f_ratio,
    squared_correlation,
)


@parametrize_with_checks(
    [
        DropUninformative(),
        KeepBest(),
        KeepBest(k=1),
        KeepBest(k=1, numeric=True),
        RobustScale(),
        NormalizeAudio(columns=[0]),
    ]
)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_empty_constant_and_duplicate_columns_are_dropped() -> None:
    nan = np.nan
    columns = {
        "informative": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
        "empty": [nan] * 6,
        "constant": [4.0] * 6,
        "copy": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
        "constant with nan": [4.0, nan, 4.0, 4.0, 4.0, 4.0],
        "copy with nan": [4.0, nan, 4.0, 4.0, 4.0, 4.0],
        "four finite values": [1.0, nan, 2.0, 3.0, 4.0, nan],
        "opposite": [-1.0, -2.0, -3.0, -1.0, -2.0, -3.0],
    }
    support = DropUninformative().fit(np.column_stack(list(columns.values()))).get_support()
    assert [name for name, selected in zip(columns, support, strict=True) if selected] == [
        "informative",
        "constant with nan",
        "opposite",
    ]


def test_duplicates_are_recognised_whatever_the_sign_of_nan_and_zero() -> None:
    """The sign of a computed NaN is lost in the cache, so selection must not depend on it."""
    columns = np.array([[1.0, 1.0], [np.nan, -np.nan], [0.0, -0.0]])
    columns[1, 1] = np.copysign(np.nan, -1)
    assert DropUninformative().fit(columns).get_support().tolist() == [True, False]


def test_uninformative_columns_are_determined_on_training_rows() -> None:
    train, test = np.array([[1.0, 5.0], [2.0, 5.0]]), np.array([[7.0, 8.0]])
    assert DropUninformative().fit(train).transform(test).tolist() == [[7.0]]


def test_the_f_ratio_equals_scikit_learn_without_nan() -> None:
    rng = np.random.default_rng(0)
    for n_classes in (2, 4):
        y = rng.integers(0, n_classes, 60)
        X = rng.normal(size=(60, 12)) * 10.0 ** rng.integers(-3, 4, 12) + np.outer(y, rng.normal(size=12)) + 5
        np.testing.assert_allclose(f_ratio(X, y), f_classif(X, y)[0], rtol=1e-7)


def test_the_f_ratio_ignores_nan_in_each_column() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(40, 5)), np.arange(40) % 2
    X[rng.random(X.shape) < 0.3] = np.nan
    expected = [f_classif(X[rows, k : k + 1], y[rows])[0][0] for k in range(5) for rows in [np.isfinite(X[:, k])]]
    np.testing.assert_allclose(f_ratio(X, y), expected)


@pytest.mark.parametrize("level", [0.0, 0.1, 1e6])
def test_a_column_that_separates_the_classes_perfectly_ranks_first_and_a_constant_one_last(level: float) -> None:
    y = np.array([1] * 15 + [0] * 15)
    noise, separating, constant = np.random.default_rng(0).normal(size=30), level + 0.3 * y, np.full(30, level + 0.1)
    X = np.column_stack([constant, noise, separating])
    assert f_ratio(X, y)[2] == np.inf
    assert KeepBest(1).fit(X, y).get_support().tolist() == [False, False, True]
    assert KeepBest(2).fit(X, y).get_support().tolist() == [False, True, True]


def test_the_f_ratio_is_zero_if_it_cannot_be_computed() -> None:
    y = np.array([0, 0, 1, 1])
    empty, constant, two_finite = np.full(4, np.nan), np.ones(4), np.array([1.0, np.nan, 2.0, np.nan])
    assert f_ratio(np.column_stack([empty, constant, two_finite]), y).tolist() == [0, 0, 0]


def test_the_squared_correlation_equals_numpy_and_ignores_nan_in_each_column() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(7, 2, size=40)
    X = rng.normal(size=(40, 5)) * 10.0 ** np.arange(-2, 3) + 1e3 * np.outer(y, rng.normal(size=5))
    X[rng.random(X.shape) < 0.3] = np.nan
    expected = [np.corrcoef(X[rows, k], y[rows])[0, 1] ** 2 for k in range(5) for rows in [np.isfinite(X[:, k])]]
    np.testing.assert_allclose(squared_correlation(X, y), expected)


def test_the_squared_correlation_is_zero_if_it_cannot_be_computed() -> None:
    y = np.array([1.0, 2.0, 3.0, 4.0])
    empty, constant, one_finite = np.full(4, np.nan), np.full(4, 0.1), np.array([1.0, np.nan, np.nan, np.nan])
    same_score, huge = np.array([1.0, 2.0, 3.0, np.nan]), np.array([1e300, -1e300, 1e300, 0.0])
    X = np.column_stack([empty, constant, one_finite, huge])
    assert squared_correlation(X, y).tolist() == [0, 0, 0, 0]
    assert squared_correlation(same_score[:, None], np.array([2.0, 2.0, 2.0, 9.0])).tolist() == [0]
    assert squared_correlation(X[:, :2], np.ones(4)).tolist() == [0, 0]


@pytest.mark.parametrize("sign", [1, -1])
def test_columns_are_ranked_by_correlation_if_the_target_is_a_number(sign: int) -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(size=50)
    X = rng.normal(size=(50, 6))
    X[:, 4] += sign * 5 * y
    X[:, 1] += 2 * y
    assert KeepBest(1, numeric=True).fit(X, y).get_support(indices=True).tolist() == [4]
    assert KeepBest(2, numeric=True).fit(X, y).get_support(indices=True).tolist() == [1, 4]


def test_the_best_columns_are_selected_in_their_original_order() -> None:
    rng = np.random.default_rng(2)
    y = np.arange(50) % 2
    X = rng.normal(size=(50, 6))
    X[:, 4] += 5 * y
    X[:, 1] += 2 * y
    assert KeepBest(2).fit(X, y).get_support(indices=True).tolist() == [1, 4]


@pytest.mark.parametrize("k", [None, 6, 100])
def test_all_columns_are_selected_if_there_are_at_most_k(k: int | None) -> None:
    X = np.random.default_rng(3).normal(size=(10, 6))
    assert KeepBest(k).fit(X, np.arange(10) % 2).get_support().all()


def test_scaling_equals_scikit_learn() -> None:
    X = np.random.default_rng(4).normal(3, 2, size=(60, 5))
    X[:, 1] **= 3
    reference = RobustScaler(quantile_range=(5, 95), unit_variance=True).fit(X)
    scaler = RobustScale(limit=4).fit(X)
    shift = (reference.center_ - scaler.center_) / reference.scale_
    np.testing.assert_allclose(scaler.transform(X), np.clip(reference.transform(X) + shift, -4, 4))
    assert (np.abs(shift) <= 0.005).all()


def test_the_centre_is_not_the_value_of_a_single_row() -> None:
    X = np.random.default_rng(7).normal(3, 2, size=(61, 40))
    X[2:, 0] = 0.7
    center = RobustScale().fit(X).center_
    assert center[0] == 0.7
    assert not np.isin(center[1:], X[:, 1:]).any()


def test_nan_is_ignored_in_quantiles_and_imputed_with_the_centre() -> None:
    X = np.random.default_rng(5).normal(size=(60, 3))
    X[np.random.default_rng(6).random(X.shape) < 0.3] = np.nan
    X[:, 2] = np.nan
    scaler = RobustScale().fit(X)
    for column in (0, 1):
        values = X[np.isfinite(X[:, column]), column]
        assert abs(scaler.center_[column] - np.median(values)) <= 0.005 * scaler.scale_[column]
        assert scaler.scale_[column] == pytest.approx(np.diff(np.quantile(values, (0.05, 0.95)))[0] / 3.289707)
    assert (scaler.transform(X)[~np.isfinite(X)] == 0).all()


@pytest.mark.parametrize("size", [1e308, 1e-320])
def test_extremely_large_or_small_values_are_scaled_without_a_warning(size: float) -> None:
    X = np.column_stack([size * np.linspace(-1, 1, 20), np.arange(20.0)])
    assert np.isfinite(RobustScale().fit_transform(X)).all()


def test_heavy_tails_are_clipped_on_both_sides() -> None:
    X = np.concatenate([np.linspace(-1, 1, 100), [-99, 99]])[:, None]
    assert RobustScale(limit=3).fit_transform(X)[-2:].ravel().tolist() == [-3, 3]


def test_the_normalised_audio_vector_comes_after_the_other_columns() -> None:
    X = np.array([[3.0, 7.0, 4.0], [0.0, 8.0, -2.0]])
    assert NormalizeAudio([0, 2], form="l2").fit_transform(X).tolist() == [[7, 0.6, 0.8], [8, 0, -1]]


def test_the_signed_root_preserves_signs_and_has_unit_length() -> None:
    transformed = NormalizeAudio([0, 1], form="signed_root").fit_transform(np.array([[9.0, -16.0]]))
    np.testing.assert_allclose(transformed, [[0.6, -0.8]])


@pytest.mark.parametrize("form", ["as_is", "l2", "signed_root"])
def test_nan_in_an_audio_vector_stays_nan(form: str) -> None:
    X = np.array([[1.0, np.nan], [np.nan, np.nan]])
    assert np.isnan(NormalizeAudio([0, 1], form=form).fit_transform(X)).tolist() == [[False, True], [True, True]]


def test_components_are_fitted_on_the_training_rows() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 1)) * np.array([[1.0, 2.0, 2.0]]) + [5, 0, 0]
    model = NormalizeAudio([0, 1, 2], components=1).fit(X)
    transformed = model.transform(np.vstack([X, [[5.0, 0.0, 0.0]]]))
    assert transformed.shape == (31, 1)
    np.testing.assert_allclose(np.abs(np.diff(transformed[:, 0])[:-1]), 3 * np.abs(np.diff(X[:, 0])))
    assert NormalizeAudio([0, 1, 2], components=40).fit_transform(X).shape == (30, 3)


def test_an_unknown_form_raises_an_error() -> None:
    with pytest.raises(ValueError, match="form must be one of as_is, l2, signed_root, got 'log'"):
        NormalizeAudio([0], form="log").fit(np.ones((3, 1)))
