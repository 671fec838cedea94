"""How members are joined: who is left out, what the others weigh, and which way is chosen."""

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


def weigh(
    members: NDArray[np.float64], y: NDArray[np.intp] = Y, groups: NDArray[np.intp] | None = None
) -> NDArray[np.float64]:
    return fit_weights(members, y, np.ones(len(y)), np.arange(len(y)) if groups is None else groups)


def scores(*noise: float, seed: int = 0, y: NDArray[np.intp] = Y) -> NDArray[np.float64]:
    """Return a member of log-odds for each amount of noise, shape [members, n, 1]."""
    rng = np.random.default_rng(seed)
    return np.stack([(2.0 * y - 1 + each * rng.normal(size=len(y)))[:, None] / (each**2 / 2) for each in noise])


def test_weights_are_never_negative_and_sum_to_one() -> None:
    weights = weigh(scores(1, 1.5, 2, 3))
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)


def test_a_member_that_knows_nothing_is_left_out_and_the_others_are_not() -> None:
    members = np.concatenate([scores(1.5, 1.5, 1.5), np.random.default_rng(1).normal(size=(1, N, 1)) * 3])
    weights = weigh(members, groups=GROUPS)
    assert weights[3] == 0
    assert (weights[:3] > 0.2).all()


def test_a_member_is_not_left_out_for_being_modest() -> None:
    sure, modest = scores(1.5, 1.5)
    assert (weigh(np.stack([sure, 0.01 * modest])) > 0).all()


def test_members_that_are_as_good_stay_near_the_average() -> None:
    weights = weigh(scores(1.5, 1.5, 1.5, 1.5))
    np.testing.assert_allclose(weights, 0.25, atol=0.1)


def test_one_member_has_all_the_weight() -> None:
    assert weigh(scores(1.5)).tolist() == [1.0]


def test_rows_of_one_subject_make_nothing_surer() -> None:
    """Of four members, three of them as good: how many are left out where 24 people have twenty rows each?"""
    few, left_out, left_out_of_rows = Y[:24], 0, 0
    for seed in range(30):
        members = np.tile(scores(1.5, 2.5, 2.5, 2.5, y=few, seed=seed), (1, 20, 1))
        left_out += int((weigh(members, np.tile(few, 20), np.tile(np.arange(24), 20)) == 0).sum())
        left_out_of_rows += int((weigh(members, np.tile(few, 20)) == 0).sum())
    assert left_out < left_out_of_rows


def test_three_classes_have_weights_too() -> None:
    y, rng = np.arange(N) % 3, np.random.default_rng(2)
    good = np.log(np.full((N, 3), 0.2) + 0.4 * np.eye(3)[y])
    weights = weigh(np.stack([good + 0.3 * rng.normal(size=(N, 3)), rng.normal(size=(N, 3))]), y)
    assert weights[0] > 0.9


def test_rows_without_weight_are_not_heard() -> None:
    members, heard = scores(1, 2), np.repeat([1.0, 0.0], N // 2)
    wrong = np.where(heard > 0, Y, 1 - Y)
    np.testing.assert_allclose(
        fit_weights(members, wrong, heard, GROUPS), weigh(members[:, : N // 2], Y[: N // 2]), atol=1e-3
    )


# ------------------------------------------------------------------------------------------- the choice


def chosen(members: NDArray[np.float64]) -> str:
    folds = list(GroupedFolds(5, n_repeats=2, random_state=0).split(members[0], Y, GROUPS))
    columns, names = np.hstack(list(members)), [f"m{place}" for place in range(len(members))]
    choice, probability = choose_combiner(columns, Y, GROUPS, folds, [1] * len(members), names, np.ones(N))
    within = [
        how for how, loss in choice.losses.items() if loss <= min(choice.losses.values()) + choice.standard_errors[how]
    ]
    assert choice.how == within[0], "the simplest comes first"
    assert list(choice.losses)[0::2] == ["average", "weights"]
    assert log_loss(probability, Y, np.ones(N)) == pytest.approx(choice.losses[choice.how])
    return choice.how


def test_members_that_are_as_good_are_averaged() -> None:
    assert chosen(scores(2, 2, 2)) == "average"


def misleading() -> NDArray[np.float64]:
    """Return six members that err together: a plain average believes them six times."""
    return np.repeat(scores(2.5, seed=5), 6, axis=0)


def test_one_that_hardly_errs_is_taken_alone() -> None:
    assert chosen(np.concatenate([scores(0.3), misleading()])) == "m0"


def test_two_good_ones_are_weighed() -> None:
    assert chosen(np.concatenate([scores(1.5, 1.5), misleading()])) == "weights"


def test_the_combiner_says_what_each_member_weighs() -> None:
    about = np.hstack(list(scores(1, 2))), Y, np.ones(N), GROUPS
    assert Combiner([1, 1], "b", ["a", "b"]).fit(*about).member_weights == {"a": 0.0, "b": 1.0}
    assert Combiner([1, 1], "average", ["a", "b"]).fit(*about).member_weights == {"a": 0.5, "b": 0.5}


def test_the_standard_error_is_that_of_drawing_subjects_anew() -> None:
    rng = np.random.default_rng(4)
    values = np.repeat(rng.normal(size=100), 4) + 0.3 * rng.normal(size=N)
    of_subject = values.reshape(100, 4)
    drawn = [of_subject[rng.integers(0, 100, 100)].mean() for _ in range(4000)]
    assert clustered_standard_error(values, GROUPS, np.ones(N)) == pytest.approx(np.std(drawn), rel=0.05)


def test_one_subject_has_no_standard_error() -> None:
    assert clustered_standard_error(np.arange(4.0), np.zeros(4), np.ones(4)) == float("inf")


def test_the_stacker_clusters_by_its_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: set[str] = set()

    def spying(values: Any, groups: Any, weights: Any) -> float:
        heard.update(groups)
        assert len(set(groups)) < len(groups)
        return clustered_standard_error(values, groups, weights)

    monkeypatch.setattr(meta, "clustered_standard_error", spying)
    subjects = np.array([f"S{number}" for number in np.arange(60) // 3])
    X = np.random.default_rng(5).normal(size=(60, 4)) + np.arange(60)[:, None] // 3 % 2
    stacker = GroupedStacker(learners=["svm", "linear"], folds=3, repeats=1)
    stacker.fit(X, np.arange(60) // 3 % 2, groups=subjects)
    assert heard == set(subjects)
