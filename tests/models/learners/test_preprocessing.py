from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.feature_selection import f_classif
from sklearn.preprocessing import RobustScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from pdmr_classic.models.learners.preprocessing import (
    NormalizeAudio,
    DropUninformative,
    KeepBest,
    RobustScale,
    f_ratio,
)


@parametrize_with_checks([DropUninformative(), KeepBest(), KeepBest(k=1), RobustScale(), NormalizeAudio(columns=[0])])
def test_scikit_learn_s_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_empty_constant_and_repeated_columns_are_dropped() -> None:
    nan = np.nan
    columns = {
        "kept": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
        "empty": [nan] * 6,
        "constant": [4.0] * 6,
        "copy": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
        "constant where known": [4.0, nan, 4.0, 4.0, 4.0, 4.0],
        "copy of that": [4.0, nan, 4.0, 4.0, 4.0, 4.0],
        "known of four": [1.0, nan, 2.0, 3.0, 4.0, nan],
        "opposite": [-1.0, -2.0, -3.0, -1.0, -2.0, -3.0],
    }
    chosen = DropUninformative().fit(np.column_stack(list(columns.values()))).get_support()
    assert [name for name, kept in zip(columns, chosen, strict=True) if kept] == [
        "kept",
        "constant where known",
        "opposite",
    ]


def test_a_copy_is_a_copy_whatever_the_sign_of_its_nan_and_zero() -> None:
    """Computed NaN carry a sign that reading them back from the cache loses: columns would be kept or not by chance."""
    columns = np.array([[1.0, 1.0], [np.nan, -np.nan], [0.0, -0.0]])
    columns[1, 1] = np.copysign(np.nan, -1)
    assert DropUninformative().fit(columns).get_support().tolist() == [True, False]


def test_what_is_uninformative_is_decided_on_training_rows() -> None:
    train, test = np.array([[1.0, 5.0], [2.0, 5.0]]), np.array([[7.0, 8.0]])
    assert DropUninformative().fit(train).transform(test).tolist() == [[7.0]]


def test_the_f_ratio_is_that_of_scikit_learn_where_nothing_is_missing() -> None:
    rng = np.random.default_rng(0)
    for n_classes in (2, 4):
        y = rng.integers(0, n_classes, 60)
        X = rng.normal(size=(60, 12)) * 10.0 ** rng.integers(-3, 4, 12) + np.outer(y, rng.normal(size=12)) + 5
        np.testing.assert_allclose(f_ratio(X, y), f_classif(X, y)[0], rtol=1e-7)


def test_the_f_ratio_leaves_nan_out_column_by_column() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(40, 5)), np.arange(40) % 2
    X[rng.random(X.shape) < 0.3] = np.nan
    expected = [f_classif(X[known, k : k + 1], y[known])[0][0] for k in range(5) for known in [np.isfinite(X[:, k])]]
    np.testing.assert_allclose(f_ratio(X, y), expected)


def test_columns_without_an_f_ratio_have_zero() -> None:
    y = np.array([0, 0, 1, 1])
    empty, constant, two_known = np.full(4, np.nan), np.ones(4), np.array([1.0, np.nan, 2.0, np.nan])
    assert f_ratio(np.column_stack([empty, constant, two_known]), y).tolist() == [0, 0, 0]


def test_the_best_columns_are_kept_in_their_order() -> None:
    rng = np.random.default_rng(2)
    y = np.arange(50) % 2
    X = rng.normal(size=(50, 6))
    X[:, 4] += 5 * y
    X[:, 1] += 2 * y
    assert KeepBest(2).fit(X, y).get_support(indices=True).tolist() == [1, 4]


@pytest.mark.parametrize("k", [None, 6, 100])
def test_all_columns_are_kept_where_there_are_no_more_than_wanted(k: int | None) -> None:
    X = np.random.default_rng(3).normal(size=(10, 6))
    assert KeepBest(k).fit(X, np.arange(10) % 2).get_support().all()


def test_columns_are_scaled_as_scikit_learn_would_column_by_column() -> None:
    X = np.random.default_rng(4).normal(3, 2, size=(60, 5))
    X[:, 1] **= 3
    reference = RobustScaler(quantile_range=(5, 95), unit_variance=True).fit(X)
    ours = RobustScale(limit=4).fit(X)
    moved = (reference.center_ - ours.center_) / reference.scale_
    np.testing.assert_allclose(ours.transform(X), np.clip(reference.transform(X) + moved, -4, 4))
    assert (np.abs(moved) <= 0.005).all()


def test_the_centre_is_nobody_s_value_but_where_most_share_it() -> None:
    X = np.random.default_rng(7).normal(3, 2, size=(61, 40))
    X[2:, 0] = 0.7
    center = RobustScale().fit(X).center_
    assert center[0] == 0.7
    assert not np.isin(center[1:], X[:, 1:]).any()


def test_unknown_values_count_in_no_quantile_and_become_the_centre() -> None:
    X = np.random.default_rng(5).normal(size=(60, 3))
    X[np.random.default_rng(6).random(X.shape) < 0.3] = np.nan
    X[:, 2] = np.nan
    scaled = RobustScale().fit(X)
    for column in (0, 1):
        known = X[np.isfinite(X[:, column]), column]
        assert abs(scaled.center_[column] - np.median(known)) <= 0.005 * scaled.scale_[column]
        assert scaled.scale_[column] == pytest.approx(np.diff(np.quantile(known, (0.05, 0.95)))[0] / 3.289707)
    assert (scaled.transform(X)[~np.isfinite(X)] == 0).all()


@pytest.mark.parametrize("size", [1e308, 1e-320])
def test_a_column_as_large_or_as_small_as_numbers_can_be_is_scaled_without_a_warning(size: float) -> None:
    X = np.column_stack([size * np.linspace(-1, 1, 20), np.arange(20.0)])
    assert np.isfinite(RobustScale().fit_transform(X)).all()


def test_heavy_tails_are_cut_on_both_sides() -> None:
    X = np.concatenate([np.linspace(-1, 1, 100), [-99, 99]])[:, None]
    assert RobustScale(limit=3).fit_transform(X)[-2:].ravel().tolist() == [-3, 3]


def test_an_audio_vector_of_unit_length_stands_behind_the_other_columns() -> None:
    X = np.array([[3.0, 7.0, 4.0], [0.0, 8.0, -2.0]])
    assert NormalizeAudio([0, 2], form="l2").fit_transform(X).tolist() == [[7, 0.6, 0.8], [8, 0, -1]]


def test_the_signed_root_keeps_signs_and_has_unit_length() -> None:
    found = NormalizeAudio([0, 1], form="signed_root").fit_transform(np.array([[9.0, -16.0]]))
    np.testing.assert_allclose(found, [[0.6, -0.8]])


@pytest.mark.parametrize("form", ["as_is", "l2", "signed_root"])
def test_what_is_unknown_of_an_audio_vector_stays_unknown(form: str) -> None:
    X = np.array([[1.0, np.nan], [np.nan, np.nan]])
    assert np.isnan(NormalizeAudio([0, 1], form=form).fit_transform(X)).tolist() == [[False, True], [True, True]]


def test_components_are_those_of_the_training_rows() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 1)) * np.array([[1.0, 2.0, 2.0]]) + [5, 0, 0]
    model = NormalizeAudio([0, 1, 2], components=1).fit(X)
    found = model.transform(np.vstack([X, [[5.0, 0.0, 0.0]]]))
    assert found.shape == (31, 1)
    np.testing.assert_allclose(np.abs(np.diff(found[:, 0])[:-1]), 3 * np.abs(np.diff(X[:, 0])))
    assert NormalizeAudio([0, 1, 2], components=40).fit_transform(X).shape == (30, 3)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="form must be one of as_is, l2, signed_root, got 'log'"):
        NormalizeAudio([0], form="log").fit(np.ones((3, 1)))
