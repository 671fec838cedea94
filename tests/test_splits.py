from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdmr_classic import DataError, GroupedFolds
from pdmr_classic.splits import check_no_shared_group, feasible_folds


def rows_of(sizes: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return labels and subjects: subject k has `sizes[k]` rows, labels alternate by subject."""
    number = np.repeat(np.arange(len(sizes)), sizes)
    order = np.random.default_rng(0).permutation(len(number))
    return np.where(number % 2, "yes", "no")[order], np.char.add("S", number.astype(str))[order]


AWKWARD = [
    pytest.param([1] * 10, id="every-recording-its-own-subject"),
    pytest.param([100, 1, 1, 1, 1, 1, 1, 1, 1, 1], id="one-subject-has-nearly-all"),
    pytest.param([15, 75, 15, 165, 20, 20, 31, 2, 9, 9, 40, 1], id="uneven"),
    pytest.param([3] * 40, id="even"),
]


@pytest.mark.parametrize("sizes", AWKWARD)
@pytest.mark.parametrize("n_splits", [2, 5])
def test_no_group_is_shared_in_any_fold(sizes: list[int], n_splits: int) -> None:
    y, groups = rows_of(sizes)
    for train, test in GroupedFolds(n_splits, n_repeats=3).split(y, y, groups):
        assert not set(groups[train]) & set(groups[test])
        assert sorted([*train, *test]) == list(range(len(y)))
        assert set(y[train]) == {"yes", "no"}
        assert len(test)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sizes=st.lists(st.integers(1, 12), min_size=4, max_size=14),
    n_classes=st.integers(2, 3),
    wanted=st.integers(2, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_folds_that_are_feasible_are_found_and_share_no_group(
    sizes: list[int], n_classes: int, wanted: int, seed: int
) -> None:
    number = np.repeat(np.arange(len(sizes)), sizes)
    y = number % n_classes
    n_groups = np.bincount(np.arange(len(sizes)) % n_classes)
    if n_groups.min() < 2:
        with pytest.raises(DataError, match="has a single subject"):
            feasible_folds(y, number, wanted)
        return
    n_splits = feasible_folds(y, number, wanted)
    assert n_splits == min(wanted, n_groups.min())
    tested = np.zeros(len(y))
    for train, test in GroupedFolds(n_splits, n_repeats=2, random_state=seed).split(y, y, number):
        assert not np.intersect1d(number[train], number[test]).size
        assert len(np.unique(y[train])) == n_classes
        tested[test] += 1
    assert (tested == 2).all()


def test_subjects_may_have_several_labels() -> None:
    groups = np.repeat(np.arange(12), 6)
    y = np.tile(["a", "b", "c"], 24)
    for train, test in GroupedFolds(4).split(y, y, groups):
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == {"a", "b", "c"}


def test_the_number_of_splits_is_that_of_the_folds_handed_out() -> None:
    y, groups = rows_of([2] * 12)
    folds = GroupedFolds(3, n_repeats=4)
    assert folds.get_n_splits(y, y, groups) == len(list(folds.split(y, y, groups))) == 12


def test_the_same_seed_gives_the_same_folds_and_another_seed_others() -> None:
    y, groups = rows_of([2] * 20)

    def tests(seed: int) -> list[list[int]]:
        return [test.tolist() for _, test in GroupedFolds(4, n_repeats=2, random_state=seed).split(y, y, groups)]

    assert tests(7) == tests(7)
    assert tests(7) != tests(8)
    assert tests(7)[:4] != tests(7)[4:], "repeats are different partitions"


@pytest.mark.parametrize(("y", "groups"), [(["a", "b"], None), (None, ["s", "t"]), (None, None)])
def test_splitting_without_groups_or_labels_is_refused(y: Any, groups: Any) -> None:
    with pytest.raises(ValueError, match="y and groups must be given"):
        list(GroupedFolds(2).split([[0], [1]], y, groups))


def test_folds_that_cannot_keep_every_class_in_training_are_refused() -> None:
    y = np.array(["a", "a", "a", "a", "b", "b"])
    groups = np.array([1, 2, 3, 4, 5, 5])
    with pytest.raises(DataError, match="keep every class in training"):
        list(GroupedFolds(2).split(y, y, groups))


def test_there_are_fewer_folds_where_the_rarest_class_has_few_subjects() -> None:
    y = np.repeat(["common", "rare"], [30, 9])
    groups = np.r_[np.repeat(np.arange(10), 3), np.repeat([20, 21, 22], 3)]
    assert feasible_folds(y, groups, wanted=5) == 3
    assert feasible_folds(y, groups, wanted=2) == 2


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        (["a", "a", "a"], [1, 2, 3], "there is a single class"),
        (["a", "b", "b"], [1, 1, 1], "fewer than two subjects"),
        (["a", "a", "b", "b"], [1, 2, 3, 3], "class 'b' has a single subject"),
    ],
)
def test_data_that_no_grouped_fold_can_serve_is_refused(y: list[str], groups: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        feasible_folds(y, groups, wanted=5)


def test_a_shared_group_is_found_but_not_named() -> None:
    with pytest.raises(AssertionError, match="1 groups are on both sides") as caught:
        check_no_shared_group(["anna", "anna", "bert"], train=[0, 2], test=[1])
    assert "anna" not in str(caught.value)
