"""Combination of members: their weights, and cross-fitted predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pdmr_classic import GroupedStacker
from pdmr_classic.metrics import log_loss
from pdmr_classic.models.ensemble import _combiner as meta
from pdmr_classic.models.ensemble._combiner import Combiner, CrossFit, cross_fit_combiner, fit_weights
from pdmr_classic.sample_weights import weigh_evidence
from pdmr_classic.splits import GroupedFolds

N = 400
Y = np.arange(N) % 2
GROUPS = np.arange(N) // 4


def fit_member_weights(
    members: NDArray[np.float64], y: NDArray[np.intp] = Y, groups: NDArray[np.intp] | None = None
) -> NDArray[np.float64]:
    subjects = np.arange(len(y)) if groups is None else groups
    equal = np.full(len(members), 1 / len(members))
    return fit_weights(members, y, weigh_evidence(np.ones(len(y)), y, subjects), equal)


def make_scores(*noise: float, seed: int = 0, y: NDArray[np.intp] = Y) -> NDArray[np.float64]:
    """Return the log-odds of one member per noise level, shape [members, n, 1]."""
    rng = np.random.default_rng(seed)
    return np.stack([(2.0 * y - 1 + sd * rng.normal(size=len(y)))[:, None] / (sd**2 / 2) for sd in noise])


def test_weights_are_never_negative_and_sum_to_one() -> None:
    weights = fit_member_weights(make_scores(1, 1.5, 2, 3))
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)


def test_an_uninformative_member_has_hardly_any_weight() -> None:
    members = np.concatenate([make_scores(1.5, 1.5, 1.5), np.random.default_rng(1).normal(size=(1, N, 1)) * 3])
    weights = fit_member_weights(members)
    assert weights[3] < 0.05
    assert (weights[:3] > 0.2).all()


def test_without_evidence_the_weights_are_those_of_the_prior() -> None:
    prior = np.array([0.5, 0.25, 0.25])
    np.testing.assert_allclose(fit_weights(np.zeros((3, N, 1)), Y, np.ones(N), prior), prior)


def test_equally_good_members_have_similar_weights() -> None:
    weights = fit_member_weights(make_scores(1.5, 1.5, 1.5, 1.5))
    np.testing.assert_allclose(weights, 0.25, atol=0.1)


def test_a_single_member_has_weight_one() -> None:
    assert fit_member_weights(make_scores(1.5)).tolist() == [1.0]


def test_repeated_rows_of_a_subject_are_no_further_evidence() -> None:
    labels, members = Y[:24], make_scores(2, 2.5, 2.5, y=Y[:24])
    repeated = np.tile(members, (1, 20, 1)), np.tile(labels, 20)
    once = fit_member_weights(members, labels)
    np.testing.assert_allclose(fit_member_weights(*repeated, np.tile(np.arange(24), 20)), once, atol=1e-3)
    assert np.ptp(fit_member_weights(*repeated)) > np.ptp(once) + 0.05


def test_the_best_of_many_equally_good_members_is_not_preferred_by_chance() -> None:
    """The winner's curse: with 60 subjects, one of fifteen members looks better than the others."""
    members = make_scores(*[2.0] * 15, y=Y[:60])
    assert fit_member_weights(members, Y[:60]).max() < 0.11


def test_weights_are_fitted_for_three_classes() -> None:
    y, rng = np.arange(N) % 3, np.random.default_rng(2)
    informative = np.log(np.full((N, 3), 0.2) + 0.4 * np.eye(3)[y])
    weights = fit_member_weights(np.stack([informative + 0.3 * rng.normal(size=(N, 3)), rng.normal(size=(N, 3))]), y)
    assert weights[0] > 0.9


def test_rows_with_weight_zero_are_ignored() -> None:
    members, row_weights = make_scores(1, 2), np.repeat([1.0, 0.0], N // 2)
    labels = np.where(row_weights > 0, Y, 1 - Y)
    used = slice(N // 2)
    equal = np.full(2, 0.5)
    expected = fit_weights(members[:, used], labels[used], row_weights[used], equal)
    np.testing.assert_allclose(fit_weights(members, labels, row_weights, equal), expected, atol=1e-3)


# ------------------------------------------------------------------------------------------------ combiner


def cross_fit_members(members: NDArray[np.float64], y: NDArray[np.intp] = Y) -> CrossFit:
    folds = list(GroupedFolds(5, n_repeats=2, random_state=0).split(members[0], y, GROUPS[: len(y)]))
    columns, names = np.hstack(list(members)), [f"m{k}" for k in range(len(members))]
    widths = [member.shape[1] for member in members]
    return cross_fit_combiner(columns, y, GROUPS[: len(y)], folds, widths, names, np.ones(len(y)))


def test_losses_of_average_best_member_and_weighted_average_are_listed() -> None:
    result = cross_fit_members(make_scores(2, 1.5, 2))
    assert list(result.losses) == ["average", "m1", "weighted_average"]
    assert log_loss(result.probability, Y, np.ones(N)) == pytest.approx(result.losses["weighted_average"])


def test_a_nearly_perfect_member_has_most_of_the_weight() -> None:
    poor = np.repeat(make_scores(2.5, seed=5), 6, axis=0)
    members = np.concatenate([make_scores(0.3), poor])
    losses = cross_fit_members(members).losses
    assert losses["weighted_average"] < 0.5 * losses["average"]
    weights = Combiner([1] * 7, list("abcdefg")).fit(np.hstack(list(members)), Y, np.ones(N), GROUPS).member_weights
    assert weights["a"] > 3 * max(weight for name, weight in weights.items() if name != "a")


def test_shrinkage_keeps_similar_members_close_to_equal_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """One member is slightly better than fourteen others, with 30 subjects."""
    columns = np.hstack(list(make_scores(1.4, *[1.6] * 14, y=Y[:30])))
    combiner = Combiner([1] * 15, [f"m{k}" for k in range(15)])

    def spread() -> float:
        weights = combiner.fit(columns, Y[:30], np.ones(30), np.arange(30)).member_weights
        return float(np.std(list(weights.values())))

    shrunken = spread()
    monkeypatch.setattr(meta, "_RIDGE", 0.0)
    assert shrunken < 0.6 * spread()


def test_member_weights_and_the_summary_name_the_members() -> None:
    data = np.hstack(list(make_scores(1, 2))), Y, np.ones(N), GROUPS
    assert Combiner([1, 1], ["a", "b"], "average").fit(*data).member_weights == {"a": 0.5, "b": 0.5}
    weighted = Combiner([1, 1], ["a", "b"]).fit(*data)
    losses = {"average": 0.5, "a": 0.4567, "weighted_average": 0.4}
    what = f"weighted average of 2 members; a weighs most ({weighted.member_weights['a']:.0%})"
    why = "log loss 0.400, with equal weights 0.500, of a alone 0.457 (optimistic)"
    assert weighted.explain(losses) == f"{what}; {why}"
    single = Combiner([1], ["a"]).fit(data[0][:, :1], *data[1:])
    assert single.explain({"weighted_average": 0.4}) == "a is the only member"


def test_votes_are_the_weights_without_evidence() -> None:
    """Columns that say nothing about the label, so that all calibrated scores are equal."""
    data = np.zeros((N, 3)), Y, np.ones(N), GROUPS
    weights = Combiner([1, 1, 1], ["a", "b", "c"], votes=[0.5, 0.5, 1.0]).fit(*data).member_weights
    assert weights == pytest.approx({"a": 0.25, "b": 0.25, "c": 0.5})


def test_the_stacker_weighs_evidence_by_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    clusters: set[Any] = set()

    def record_groups(weights: Any, y: Any, groups: Any) -> Any:
        clusters.update(groups)
        assert len(set(groups)) < len(groups)
        return weigh_evidence(weights, y, groups)

    monkeypatch.setattr(meta, "weigh_evidence", record_groups)
    subjects = np.array([f"S{number}" for number in np.arange(60) // 3])
    X = np.random.default_rng(5).normal(size=(60, 4)) + np.arange(60)[:, None] // 3 % 2
    stacker = GroupedStacker(learners=["svm", "linear"], folds=3, repeats=1)
    stacker.fit(X, np.arange(60) // 3 % 2, groups=subjects)
    assert len(clusters) == len(set(subjects))  # numbered
