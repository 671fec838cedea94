from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DataError
from pdmr_classic.evaluation.outer_folds import OuterFold, outer_folds
from pdmr_classic.progress import CollectingReporter


def made(
    status: list[str], groups: list[str], split: list[str] | None = None, folds: int = 5, repeats: int = 2
) -> tuple[list[OuterFold], str, list[str]]:
    index = pd.Index([f"r{place}" for place in range(len(status))])
    told = CollectingReporter()
    found, source = outer_folds(
        pd.Series(status, index=index),
        pd.Series(groups, index=index),
        None if split is None else pd.Series(split, index=index),
        folds=folds,
        repeats=repeats,
        seed=0,
        reporter=told,
    )
    return found, source, [finding.code for finding in told.findings]


STATUS = ["no", "no", "yes", "yes"] * 5
GROUPS = [f"S{place // 2}" for place in range(20)]


def test_every_recording_is_held_out_once_a_repeat_and_no_subject_is_shared() -> None:
    found, source, _ = made(STATUS, GROUPS)
    assert source == "grouped folds"
    assert len(found) == 5 * 2
    groups = np.array(GROUPS)
    for repeat in range(2):
        held_out = np.concatenate([outer.test for outer in found if outer.repeat == repeat])
        assert sorted(held_out) == list(range(20))
    for outer in found:
        assert not set(groups[outer.train]) & set(groups[outer.test])
        assert outer.sizes(groups)["train_subjects"] + outer.sizes(groups)["test_subjects"] == 10


def test_fewer_folds_are_made_of_few_subjects_and_told() -> None:
    found, _, codes = made(["no"] * 10 + ["yes"] * 3, [f"S{place}" for place in range(13)], repeats=1)
    assert len(found) == 3
    assert codes == ["fewer-folds"]


def test_each_training_part_has_two_subjects_of_every_class() -> None:
    status = ["no"] * 12 + ["yes"] * 3
    for seed in range(5):
        groups = [f"S{(place + seed) % 15}" for place in range(15)]
        found, *_ = made(status, groups, repeats=3)
        assert all(np.array(status)[outer.train].tolist().count("yes") == 2 for outer in found)


def test_two_subjects_of_a_class_are_too_few() -> None:
    with pytest.raises(DataError, match="too few subjects to evaluate"):
        made(["no"] * 6 + ["yes"] * 2, [f"S{place}" for place in range(8)])


def test_each_value_of_the_column_split_is_one_held_out_fold() -> None:
    split = ["b"] * 8 + ["a"] * 12
    found, source, codes = made(STATUS, GROUPS, split)
    assert source == "column split"
    assert codes == ["given-folds"]
    assert [outer.test.tolist() for outer in found] == [list(range(8, 20)), list(range(8))]
    assert {outer.repeat for outer in found} == {0}


def test_a_subject_on_both_sides_of_the_column_split_is_refused_without_naming_it() -> None:
    split = ["a"] * 9 + ["b"] * 11
    with pytest.raises(DataError, match="1 subject is on both sides") as caught:
        made(STATUS, GROUPS, split)
    assert "S4" not in str(caught.value)


def test_a_hole_in_the_column_split_is_refused() -> None:
    with pytest.raises(DataError, match="1 labelled recordings have no split"):
        made(STATUS, GROUPS, ["a"] * 8 + [""] + ["b"] * 11)


def test_a_split_that_leaves_no_class_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="too few subjects are left"):
        made(["no"] * 10 + ["yes"] * 10, GROUPS, ["a"] * 10 + ["b"] * 10)


def test_a_column_split_with_one_value_is_left_aside_and_told() -> None:
    _, source, codes = made(STATUS, GROUPS, ["train"] * 20)
    assert source == "grouped folds"
    assert codes == ["one-split"]
