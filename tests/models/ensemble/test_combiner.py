"""Combination of members: which are left out, their weights, and the choice of the method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pdmr_classic import GroupedStacker
from pdmr_classic.metrics import log_loss
from pdmr_classic.models.ensemble import _combiner as meta
from pdmr_classic.models.ensemble._combiner import Combiner, choose_combiner, clustered_standard_error, fit_weights
from pdmr_classic.splits import GroupedFolds

N = 400
Y = np.arange(N) % 2
GROUPS = np.arange(N) // 4


def fit_member_weights(
    members: NDArray[np.float64], y: NDArray[np.intp] = Y, groups: NDArray[np.intp] | None = None
) -> NDArray[np.float64]:
    return fit_weights(members, y, np.ones(len(y)), np.arange(len(y)) if groups is None else groups)


def make_scores(*noise: float, seed: int = 0, y: NDArray[np.intp] = Y) -> NDArray[np.float64]:
    """Return the log-odds of one member per noise level, shape [members, n, 1]."""
    rng = np.random.default_rng(seed)
    return np.stack([(2.0 * y - 1 + sd * rng.normal(size=len(y)))[:, None] / (sd**2 / 2) for sd in noise])


def test_weights_are_never_negative_and_sum_to_one() -> None:
    weights = fit_member_weights(make_scores(1, 1.5, 2, 3))
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)


def test_only_an_uninformative_member_is_left_out() -> None:
    members = np.concatenate([make_scores(1.5, 1.5, 1.5), np.random.default_rng(1).normal(size=(1, N, 1)) * 3])
    weights = fit_member_weights(members, groups=GROUPS)
    assert weights[3] == 0
    assert (weights[:3] > 0.2).all()


def test_an_underconfident_member_is_not_left_out() -> None:
    confident, underconfident = make_scores(1.5, 1.5)
    assert (fit_member_weights(np.stack([confident, 0.01 * underconfident])) > 0).all()


def test_equally_good_members_have_similar_weights() -> None:
    weights = fit_member_weights(make_scores(1.5, 1.5, 1.5, 1.5))
    np.testing.assert_allclose(weights, 0.25, atol=0.1)


def test_a_single_member_has_weight_one() -> None:
    assert fit_member_weights(make_scores(1.5)).tolist() == [1.0]


def test_fewer_members_are_left_out_if_rows_are_clustered_by_subject() -> None:
    """Count members that are left out, with 20 rows for each of 24 subjects and with independent rows."""
    labels, n_clustered, n_independent = Y[:24], 0, 0
    for seed in range(30):
        members = np.tile(make_scores(1.5, 2.5, 2.5, 2.5, y=labels, seed=seed), (1, 20, 1))
        y = np.tile(labels, 20)
        n_clustered += int((fit_member_weights(members, y, np.tile(np.arange(24), 20)) == 0).sum())
        n_independent += int((fit_member_weights(members, y) == 0).sum())
    assert n_clustered < n_independent


def test_weights_are_fitted_for_three_classes() -> None:
    y, rng = np.arange(N) % 3, np.random.default_rng(2)
    informative = np.log(np.full((N, 3), 0.2) + 0.4 * np.eye(3)[y])
    weights = fit_member_weights(np.stack([informative + 0.3 * rng.normal(size=(N, 3)), rng.normal(size=(N, 3))]), y)
    assert weights[0] > 0.9


def test_rows_with_weight_zero_are_ignored() -> None:
    members, row_weights = make_scores(1, 2), np.repeat([1.0, 0.0], N // 2)
    labels = np.where(row_weights > 0, Y, 1 - Y)
    np.testing.assert_allclose(
        fit_weights(members, labels, row_weights, GROUPS),
        fit_member_weights(members[:, : N // 2], Y[: N // 2]),
        atol=1e-3,
    )


# ----------------------------------------------------------------------------------- choice of the method


def choose_method(members: NDArray[np.float64]) -> str:
    folds = list(GroupedFolds(5, n_repeats=2, random_state=0).split(members[0], Y, GROUPS))
    columns, names = np.hstack(list(members)), [f"m{k}" for k in range(len(members))]
    choice, probability = choose_combiner(columns, Y, GROUPS, folds, [1] * len(members), names, np.ones(N))
    candidates = [
        method
        for method, loss in choice.losses.items()
        if loss <= min(choice.losses.values()) + choice.standard_errors[method]
    ]
    assert choice.method == candidates[0], "the simplest comes first"
    assert list(choice.losses)[0::2] == ["average", "weighted_average"]
    assert log_loss(probability, Y, np.ones(N)) == pytest.approx(choice.losses[choice.method])
    return choice.method


def test_equally_good_members_are_averaged() -> None:
    assert choose_method(make_scores(2, 2, 2)) == "average"


def make_correlated_members() -> NDArray[np.float64]:
    """Return six identical poor members, which dominate a plain average."""
    return np.repeat(make_scores(2.5, seed=5), 6, axis=0)


def test_a_nearly_perfect_member_is_used_alone() -> None:
    assert choose_method(np.concatenate([make_scores(0.3), make_correlated_members()])) == "m0"


def test_two_good_members_among_poor_ones_are_weighted() -> None:
    assert choose_method(np.concatenate([make_scores(1.5, 1.5), make_correlated_members()])) == "weighted_average"


def test_member_weights_are_listed_by_name() -> None:
    data = np.hstack(list(make_scores(1, 2))), Y, np.ones(N), GROUPS
    assert Combiner([1, 1], "b", ["a", "b"]).fit(*data).member_weights == {"a": 0.0, "b": 1.0}
    assert Combiner([1, 1], "average", ["a", "b"]).fit(*data).member_weights == {"a": 0.5, "b": 0.5}


def test_the_standard_error_equals_that_of_a_cluster_bootstrap() -> None:
    rng = np.random.default_rng(4)
    values = np.repeat(rng.normal(size=100), 4) + 0.3 * rng.normal(size=N)
    by_subject = values.reshape(100, 4)
    means = [by_subject[rng.integers(0, 100, 100)].mean() for _ in range(4000)]
    assert clustered_standard_error(values, GROUPS, np.ones(N)) == pytest.approx(np.std(means), rel=0.05)


def test_the_standard_error_of_one_subject_is_infinite() -> None:
    assert clustered_standard_error(np.arange(4.0), np.zeros(4), np.ones(4)) == float("inf")


def test_the_stacker_clusters_standard_errors_by_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters: set[str] = set()

    def record_groups(values: Any, groups: Any, weights: Any) -> float:
        clusters.update(groups)
        assert len(set(groups)) < len(groups)
        return clustered_standard_error(values, groups, weights)

    monkeypatch.setattr(meta, "clustered_standard_error", record_groups)
    subjects = np.array([f"S{number}" for number in np.arange(60) // 3])
    X = np.random.default_rng(5).normal(size=(60, 4)) + np.arange(60)[:, None] // 3 % 2
    stacker = GroupedStacker(learners=["svm", "linear"], folds=3, repeats=1)
    stacker.fit(X, np.arange(60) // 3 % 2, groups=subjects)
    assert clusters == set(subjects)
