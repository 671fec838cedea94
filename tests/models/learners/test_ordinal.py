"""The cumulative-link model of a score, against finite differences and statsmodels."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import check_grad
from sklearn.utils.estimator_checks import parametrize_with_checks
from statsmodels.miscmodels.ordinal_model import OrderedModel

from pdmr_classic.models.learners._ordinal import OrdinalLogistic, _cut_into_levels, _penalised_loss


@parametrize_with_checks([OrdinalLogistic()])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def make_data(n: int = 120, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return three columns, the first two informative, and whole scores from 0 to 4."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    latent = X @ [1.5, -0.8, 0.0] + rng.logistic(size=n)
    return X, np.digitize(latent, [-2.0, -0.5, 0.5, 2.0]).astype(float)


def loss_part(part: int, data: tuple[Any, ...], parameters: NDArray[np.float64]) -> Any:
    return _penalised_loss(parameters, *data)[part]


@pytest.mark.parametrize("penalty", [0.0, 3.0])
def test_the_gradient_equals_finite_differences(penalty: float) -> None:
    X, y = make_data(40)
    levels, weights = y.astype(np.intp), np.random.default_rng(1).uniform(0.2, 2.0, 40)
    for seed in range(3):
        parameters = np.random.default_rng(seed).normal(size=3 + 4) * 0.5
        value, gradient = (partial(loss_part, part, (X, levels, weights, penalty)) for part in (0, 1))
        assert check_grad(value, gradient, parameters) < 1e-4 * np.linalg.norm(gradient(parameters))


def test_nearly_without_a_penalty_it_equals_statsmodels() -> None:
    X, y = make_data()
    model = OrdinalLogistic(1e9).fit(X, y)
    reference = OrderedModel(y, X, distr="logit").fit(method="bfgs", gtol=1e-7, disp=False)
    np.testing.assert_allclose(model.coef_, reference.params[:3], atol=2e-3)
    np.testing.assert_allclose(
        model.thresholds_, reference.model.transform_threshold_params(reference.params)[1:-1], atol=2e-3
    )
    expected = reference.predict(X) @ np.arange(5.0)
    np.testing.assert_allclose(model.predict(X), expected, atol=2e-3)


@pytest.mark.parametrize("n_levels", [2, 3, 5, 40])
def test_thresholds_are_in_order_and_predictions_within_the_range_of_the_scores(n_levels: int) -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(80, 4))
    latent = X[:, 0] + rng.normal(size=80)
    y = np.digitize(latent, np.quantile(latent, np.arange(1, n_levels) / n_levels)).astype(float)
    model = OrdinalLogistic(10.0).fit(X, y)
    assert len(model.thresholds_) == min(n_levels, 8) - 1
    assert (np.diff(model.thresholds_) > 0).all()
    assert (np.diff(model.level_means_) > 0).all()
    predicted = model.predict(100 * X)
    assert y.min() <= predicted.min() < predicted.max() <= y.max()


def test_many_distinct_scores_are_cut_into_eight_levels_of_similar_size() -> None:
    y = np.random.default_rng(3).gamma(2.0, 4.0, 400)
    counts = np.bincount(_cut_into_levels(y))
    assert len(counts) == 8
    assert counts.min() >= 45


def test_a_score_that_most_recordings_share_is_one_level() -> None:
    y = np.r_[np.zeros(60), np.arange(1, 21)].astype(float)
    levels = _cut_into_levels(y)
    assert set(levels[y == 0]) == {0}
    assert set(levels.tolist()) == set(range(levels.max() + 1))


def test_a_strong_penalty_predicts_the_mean() -> None:
    X, y = make_data()
    np.testing.assert_allclose(OrdinalLogistic(1e-9).fit(X, y).predict(X), y.mean(), atol=0.01)


def test_equal_scores_are_predicted_as_they_are() -> None:
    X, _ = make_data(20)
    np.testing.assert_array_equal(OrdinalLogistic().fit(X, np.full(20, 7.0)).predict(X), 7.0)


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    X, y = make_data(60)
    weights = 1.0 + (np.arange(60) % 3 == 0)
    repeated = np.repeat(np.arange(60), weights.astype(int))
    weighted, doubled = OrdinalLogistic().fit(X, y, weights), OrdinalLogistic().fit(X[repeated], y[repeated])
    np.testing.assert_allclose(weighted.predict(X), doubled.predict(X), atol=1e-4)


def test_rows_of_weight_zero_are_left_out() -> None:
    X, y = make_data(60)
    weights = np.ones(60)
    weights[:10], y[:10] = 0.0, 99.0
    with_them, without = OrdinalLogistic().fit(X, y, weights), OrdinalLogistic().fit(X[10:], y[10:])
    np.testing.assert_allclose(with_them.predict(X), without.predict(X), atol=1e-6)
