"""Two blocks of columns with given shares of the squared distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.utils.estimator_checks import parametrize_with_checks

from pdmr_classic.models.learners.blocks import ScaleBlocks
from pdmr_classic.models.learners.preprocessing import RobustScale

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(300, 60)), np.arange(300) % 2


@parametrize_with_checks([ScaleBlocks(), ScaleBlocks(numeric=True)])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def squared_distance(columns: NDArray[np.float64]) -> float:
    return float(((columns[::2] - columns[1::2]) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_each_block_has_its_share_of_the_squared_distance(share: float) -> None:
    scaled = ScaleBlocks([np.arange(50)], share=share).fit_transform(X, Y)
    assert squared_distance(scaled[:, 50:]) / squared_distance(scaled) == pytest.approx(share, abs=0.02)


def test_by_default_shares_are_in_proportion_to_the_square_roots_of_the_numbers_of_columns() -> None:
    scaled = ScaleBlocks([np.arange(48)]).fit_transform(X, Y)
    assert squared_distance(scaled[:, :48]) / squared_distance(scaled[:, 48:]) == pytest.approx(2, abs=0.1)


def test_the_total_distance_does_not_depend_on_the_share() -> None:
    totals = [squared_distance(ScaleBlocks([np.arange(50)], share=share).fit_transform(X, Y)) for share in (0.2, 0.8)]
    assert totals == pytest.approx([squared_distance(RobustScale().fit_transform(X))] * 2, rel=0.05)


def test_shares_are_those_of_the_selected_columns() -> None:
    table = X.copy()
    table[:, :40] = 1.0
    scaled = ScaleBlocks([np.arange(50)], share=0.5, k=5).fit_transform(table, Y)
    assert scaled.shape == (300, 10)
    assert squared_distance(scaled[:, :5]) == pytest.approx(squared_distance(scaled[:, 5:]), rel=0.05)


@pytest.mark.parametrize("edge", [0, 60])
def test_a_single_block_is_only_scaled(edge: int) -> None:
    np.testing.assert_array_equal(ScaleBlocks([np.arange(edge)]).fit_transform(X, Y), RobustScale().fit_transform(X))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_zero_or_one_raises_an_error(share: float) -> None:
    with pytest.raises(ValueError, match=f"share must be between 0 and 1, got {share}"):
        ScaleBlocks(share=share).fit(X, Y)


def test_columns_of_each_block_are_selected_by_correlation_if_the_target_is_a_number() -> None:
    y = np.random.default_rng(1).normal(size=300)
    table = X.copy()
    table[:, [3, 55]] += 3 * y[:, None]
    model = ScaleBlocks([np.arange(50)], k=1, numeric=True).fit(table, y)
    selected = [scaler[1].get_support(indices=True).tolist() for scaler in model.scalers_]
    assert selected == [[3], [5]]
