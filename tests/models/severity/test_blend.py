"""Weighted average of predicted scores, on the scale of the training scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from pdmr_classic.models.severity._blend import Blend, cross_fit_blend
from pdmr_classic.splits import GroupedFolds


class Columns(NamedTuple):
    """Predictions of members with more and more noise, shrunk towards the mean, and the scores."""

    members: NDArray[np.float64]
    y: NDArray[np.float64]
    groups: NDArray[np.intp]

    def blend(self, shrinkage: float = 0.5, weights: NDArray[np.float64] | None = None) -> Blend:
        n = self.members.shape[1]
        blend = Blend([f"m{k}" for k in range(n)], [1.0] * n, shrinkage)
        return blend.fit(self.members, self.y, np.ones(len(self.y)) if weights is None else weights, self.groups)


def make_columns(*noise: float, n: int = 120, seed: int = 0) -> Columns:
    rng = np.random.default_rng(seed)
    y = 8 + 5 * rng.normal(size=n)
    members = [8 + 0.3 * (y - 8 + 5 * sd * rng.normal(size=n)) for sd in noise]
    return Columns(np.column_stack(members), y, np.arange(n))


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_the_moments_are_those_of_the_training_scores_whatever_the_members_predict(shrinkage: float) -> None:
    data = make_columns(0.8, 1.5)
    predicted = data.blend(shrinkage).predict(data.members)
    r = np.corrcoef(predicted, data.y)[0, 1]
    assert predicted.mean() == pytest.approx(data.y.mean())
    assert predicted.std() == pytest.approx(data.y.std() * r**shrinkage)


def test_full_shrinkage_is_the_least_squares_fit() -> None:
    data = make_columns(0.8)
    blend = data.blend(1.0)
    expected = np.polyfit(data.members[:, 0], data.y, 1)
    assert (blend.slope_, blend.intercept_) == pytest.approx(tuple(expected))


def test_moments_are_weighted() -> None:
    data = make_columns(0.8)
    weights = np.where(data.y > 8, 5.0, 1.0)
    predicted = data.blend(weights=weights).predict(data.members)
    assert np.average(predicted, weights=weights) == pytest.approx(np.average(data.y, weights=weights))


@pytest.mark.parametrize("member", ["opposite", "constant"])
def test_a_member_without_a_positive_correlation_predicts_the_mean(member: str) -> None:
    data = make_columns(0.8)
    members = -data.members if member == "opposite" else np.full((120, 1), 3.0)
    for shrinkage in (0.0, 1.0):
        blend = data._replace(members=members).blend(shrinkage)
        np.testing.assert_allclose(blend.predict(members), data.y.mean())


def test_equal_scores_are_predicted_as_they_are() -> None:
    data = make_columns(0.8, 1.0)._replace(y=np.full(120, 7.0))
    np.testing.assert_allclose(data.blend().predict(data.members), 7.0)


def test_weights_are_never_negative_and_sum_to_one() -> None:
    data = make_columns(0.5, 1.0, 3.0)
    opposite = data._replace(members=np.column_stack([data.members, -data.members[:, 0]]))
    weights = list(opposite.blend().member_weights.values())
    assert min(weights) >= 0
    assert sum(weights) == pytest.approx(1)
    assert weights == sorted(weights, reverse=True)
    assert weights[3] < 0.01


def test_without_evidence_the_weights_are_in_proportion_to_the_votes() -> None:
    data = make_columns(0.5, 2.0, n=6)
    blend = Blend(["a", "b"], [3.0, 1.0], 0.5).fit(data.members, data.y, np.ones(6), np.repeat([0, 1], 3))
    assert blend.member_weights["a"] == pytest.approx(0.75, abs=0.1)


def test_recordings_of_one_subject_are_not_more_evidence() -> None:
    data = make_columns(0.5, 1.0, n=20)
    repeated = Columns(*(np.repeat(part, 5, axis=0) for part in data))
    np.testing.assert_allclose(repeated.blend().weights_, data.blend().weights_, rtol=1e-6)
    independent = repeated._replace(groups=np.arange(100)).blend().weights_
    assert independent[0] > data.blend().weights_[0] + 0.01


def test_the_unit_of_the_scores_does_not_matter() -> None:
    data = make_columns(0.5, 1.0)
    changed = data._replace(members=10 * data.members - 3, y=10 * data.y - 3)
    np.testing.assert_allclose(
        changed.blend().predict(changed.members), 10 * data.blend().predict(data.members) - 3, rtol=1e-6
    )


def test_the_score_of_a_row_does_not_influence_its_own_cross_fitted_prediction() -> None:
    data = make_columns(0.5, 1.0, n=40)
    folds = list(GroupedFolds(4).split(data.members, data.y > 8, data.groups))
    changed_y = data.y.copy()
    changed_y[7] = 1e3
    before, after = (
        cross_fit_blend(Blend(["a", "b"], [1.0, 1.0], 0.5), data.members, y, data.groups, folds, np.ones(40))[0]
        for y in (data.y, changed_y)
    )
    fold = next(test for _, test in folds if 7 in test)
    np.testing.assert_array_equal(before[fold], after[fold])
    others = np.setdiff1d(np.arange(40), fold)
    assert (before[others] != after[others]).all()


def test_rows_without_weight_are_predicted_and_not_counted_in_the_loss() -> None:
    data = make_columns(0.5, 1.0, n=40)
    folds = list(GroupedFolds(4).split(data.members, data.y > 8, data.groups))
    weights = np.where(np.arange(40) < 5, 0.0, 1.0)
    changed = np.where(weights == 0, 1e3, data.y)
    (before, loss), (after, same) = (
        cross_fit_blend(Blend(["a", "b"], [1.0, 1.0], 0.5), data.members, y, data.groups, folds, weights)
        for y in (data.y, changed)
    )
    np.testing.assert_array_equal(before, after)
    assert np.isfinite(before).all()
    assert loss == same == pytest.approx(np.mean((before - data.y)[5:] ** 2))


def test_a_row_in_no_fold_has_no_cross_fitted_prediction() -> None:
    data = make_columns(0.5, n=40)
    folds = [(np.arange(20), np.arange(20, 39))]
    predicted, _ = cross_fit_blend(Blend(["a"], [1.0], 0.5), data.members, data.y, data.groups, folds, np.ones(40))
    assert np.flatnonzero(np.isfinite(predicted)).tolist() == list(range(20, 39))
