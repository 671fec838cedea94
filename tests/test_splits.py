from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pdmr_classic import DataError, GroupedFolds, splits
from pdmr_classic.splits import check_disjoint_groups, count_feasible_folds, make_left_out_folds


def make_rows(sizes: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return labels and subjects: subject k has `sizes[k]` rows, and labels alternate between subjects."""
    subject = np.repeat(np.arange(len(sizes)), sizes)
    order = np.random.default_rng(0).permutation(len(subject))
    return np.where(subject % 2, "yes", "no")[order], np.char.add("S", subject.astype(str))[order]


AWKWARD = [
    pytest.param([1] * 10, id="every-recording-its-own-subject"),
    pytest.param([100, 1, 1, 1, 1, 1, 1, 1, 1, 1], id="one-subject-has-almost-all"),
    pytest.param([15, 75, 15, 165, 20, 20, 31, 2, 9, 9, 40, 1], id="uneven"),
    pytest.param([3] * 40, id="even"),
]


@pytest.mark.parametrize("sizes", AWKWARD)
@pytest.mark.parametrize("n_splits", [2, 5])
def test_no_group_is_shared_in_any_fold(sizes: list[int], n_splits: int) -> None:
    y, groups = make_rows(sizes)
    folds = list(GroupedFolds(n_splits, n_repeats=3).split(y, y, groups))
    assert len(folds) == n_splits * 3
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert sorted([*train, *test]) == list(range(len(y)))
        assert set(y[train]) == {"yes", "no"}
        assert len(test)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sizes=st.lists(st.integers(1, 12), min_size=4, max_size=14),
    n_classes=st.integers(2, 3),
    n_folds=st.integers(2, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_feasible_folds_exist_and_do_not_share_groups(
    sizes: list[int], n_classes: int, n_folds: int, seed: int
) -> None:
    subject = np.repeat(np.arange(len(sizes)), sizes)
    y = subject % n_classes
    n_groups = np.bincount(np.arange(len(sizes)) % n_classes)
    if n_groups.min() < 2:
        with pytest.raises(DataError, match="has only one subject"):
            count_feasible_folds(y, subject, n_folds)
        return
    n_splits = count_feasible_folds(y, subject, n_folds)
    assert n_splits == min(n_folds, n_groups.min())
    n_tests = np.zeros(len(y))
    for train, test in GroupedFolds(n_splits, n_repeats=2, random_state=seed).split(y, y, subject):
        assert not np.intersect1d(subject[train], subject[test]).size
        assert len(np.unique(y[train])) == n_classes
        n_tests[test] += 1
    assert (n_tests == 2).all()


def test_subjects_may_have_several_labels() -> None:
    groups = np.repeat(np.arange(12), 6)
    y = np.tile(["a", "b", "c"], 24)
    folds = list(GroupedFolds(4).split(y, y, groups))
    assert len(folds) == 4
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == {"a", "b", "c"}


def test_get_n_splits_equals_the_number_of_folds() -> None:
    y, groups = make_rows([2] * 12)
    folds = GroupedFolds(3, n_repeats=4)
    assert folds.get_n_splits(y, y, groups) == len(list(folds.split(y, y, groups))) == 12


def test_folds_depend_only_on_the_seed() -> None:
    y, groups = make_rows([2] * 20)

    def tests(seed: int) -> list[list[int]]:
        return [test.tolist() for _, test in GroupedFolds(4, n_repeats=2, random_state=seed).split(y, y, groups)]

    assert tests(7) == tests(7)
    assert tests(7) != tests(8)
    assert tests(7)[:4] != tests(7)[4:], "repeats are different partitions"


@pytest.mark.parametrize(("y", "groups"), [(["a", "b"], None), (None, ["s", "t"]), (None, None)])
def test_splitting_without_groups_or_labels_raises_an_error(y: Any, groups: Any) -> None:
    with pytest.raises(ValueError, match="y and groups are required"):
        list(GroupedFolds(2).split([[0], [1]], y, groups))


def test_folds_without_every_class_in_training_raise_an_error() -> None:
    y = np.array(["a", "a", "a", "a", "b", "b"])
    groups = np.array([1, 2, 3, 4, 5, 5])
    with pytest.raises(DataError, match="keeps every class in every training set"):
        list(GroupedFolds(2).split(y, y, groups))


def test_the_number_of_folds_is_limited_by_the_rarest_class() -> None:
    y = np.repeat(["common", "rare"], [30, 9])
    groups = np.r_[np.repeat(np.arange(10), 3), np.repeat([20, 21, 22], 3)]
    assert count_feasible_folds(y, groups, n_folds=5) == 3
    assert count_feasible_folds(y, groups, n_folds=2) == 2


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        (["a", "a", "a"], [1, 2, 3], "the labels contain only one class"),
        (["a", "b", "b"], [1, 1, 1], "at least two subjects"),
        (["a", "a", "b", "b"], [1, 2, 3, 3], "class 'b' has only one subject"),
    ],
)
def test_data_without_feasible_folds_raises_an_error(y: list[str], groups: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        count_feasible_folds(y, groups, n_folds=5)


def test_a_shared_group_raises_an_error_without_its_name() -> None:
    with pytest.raises(AssertionError, match="groups in both training and test: 1") as caught:
        check_disjoint_groups(["anna", "anna", "bert"], train=[0, 2], test=[1])
    assert "anna" not in str(caught.value)


@pytest.mark.parametrize("dtype", [str, object])
def test_spellings_of_a_subject_are_never_on_both_sides_of_a_split(dtype: type) -> None:
    people = np.repeat(np.arange(300, 312), 3)
    forms = np.tile(np.array(["{}", "0{}", "P{}"]), 12)
    groups = np.array([form.format(person) for form, person in zip(forms, people, strict=True)], dtype=dtype)
    y = people % 2
    for train, test in GroupedFolds(4, n_repeats=3).split(y, y, groups):
        assert not set(people[train]) & set(people[test])
    assert count_feasible_folds(y, groups, 99) == 6


# ------------------------------------------------------------------------------------ the only exception


def leave_values(column: str, *, known_people: bool) -> tuple[NDArray[Any], list[Any]]:
    """Return the subjects, and the folds of a column of values, one letter a row; each subject has two rows."""
    groups = np.repeat([f"S{number}" for number in range(len(column) // 2)], 2)
    y = np.where(np.arange(len(column)) // 2 % 2, "yes", "no")
    return groups, make_left_out_folds(y, groups, pd.Series(list(column), name="value"), known_people=known_people)


def test_known_people_are_on_both_sides_and_their_sessions_on_one() -> None:
    column = "ababababab"
    groups, folds = leave_values(column, known_people=True)
    for train, test in folds:
        assert set(groups[train]) == set(groups[test])
        assert not {column[row] for row in train} & {column[row] for row in test}


def test_without_that_word_no_subject_is_on_both_sides() -> None:
    groups, folds = leave_values("aaaaaaaab" + "bbbbbbbbb", known_people=False)
    assert [len(set(groups[train]) & set(groups[test])) for train, test in folds] == [0, 0]
    with pytest.raises(DataError, match="leaves too few subjects to train on"):
        leave_values("ababababab", known_people=False)


@pytest.mark.parametrize(("known_people", "n_checks"), [(False, 2), (True, 0)])
def test_only_folds_of_known_people_are_not_checked(
    monkeypatch: pytest.MonkeyPatch, known_people: bool, n_checks: int
) -> None:
    checks: list[int] = []
    monkeypatch.setattr(splits, "check_disjoint_groups", lambda *_: checks.append(1))
    leave_values("aaaaaaaabb" + "bbbbbbbb", known_people=known_people)
    assert len(checks) == n_checks
