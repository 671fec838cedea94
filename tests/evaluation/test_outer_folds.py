from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DataError, Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.outer_folds import (
    KNOWN_PEOPLE,
    NEW_PEOPLE,
    OuterFold,
    are_one_way,
    choose_outer_folds,
    describe_held_out,
    make_outer_folds,
    make_value_folds,
)
from pdmr_classic.progress import CollectingReporter


def make_folds(
    status: list[str],
    groups: list[str],
    split: list[str] | None = None,
    folds: int = 5,
    repeats: int = 2,
    weights: list[float] | None = None,
) -> tuple[list[OuterFold], str, list[str]]:
    index = pd.Index([f"r{place}" for place in range(len(status))])
    reporter = CollectingReporter()
    outer_folds, source = make_outer_folds(
        pd.Series(status, index=index),
        pd.Series(groups, index=index),
        None if split is None else pd.Series(split, index=index),
        folds=folds,
        repeats=repeats,
        seed=0,
        weights=None if weights is None else np.array(weights),
        reporter=reporter,
    )
    return outer_folds, source, [finding.code for finding in reporter.findings]


STATUS = ["no", "no", "yes", "yes"] * 5
GROUPS = [f"S{place // 2}" for place in range(20)]


def test_each_recording_is_held_out_once_per_repeat_and_no_subject_is_shared() -> None:
    outer_folds, source, _ = make_folds(STATUS, GROUPS)
    assert source == "grouped folds"
    assert len(outer_folds) == 5 * 2
    groups = np.array(GROUPS)
    for repeat in range(2):
        held_out = np.concatenate([outer.test for outer in outer_folds if outer.repeat == repeat])
        assert sorted(held_out) == list(range(20))
    for outer in outer_folds:
        assert not set(groups[outer.train]) & set(groups[outer.test])
        counts = outer.count_rows(groups)
        assert counts["n_train_subjects"] + counts["n_test_subjects"] == 10


def test_few_subjects_give_fewer_folds_with_a_note() -> None:
    outer_folds, _, codes = make_folds(["no"] * 10 + ["yes"] * 3, [f"S{place}" for place in range(13)], repeats=1)
    assert len(outer_folds) == 3
    assert codes == ["fewer-folds"]


def test_each_training_set_has_two_subjects_per_class() -> None:
    status = ["no"] * 12 + ["yes"] * 3
    for seed in range(5):
        groups = [f"S{(place + seed) % 15}" for place in range(15)]
        outer_folds, *_ = make_folds(status, groups, repeats=3)
        assert len(outer_folds) == 3 * 3
        assert all(np.array(status)[outer.train].tolist().count("yes") == 2 for outer in outer_folds)


def test_two_subjects_per_class_are_too_few() -> None:
    with pytest.raises(DataError, match="too few subjects for an evaluation"):
        make_folds(["no"] * 6 + ["yes"] * 2, [f"S{place}" for place in range(8)])


def test_each_value_of_the_column_split_is_one_held_out_fold() -> None:
    split = ["b"] * 8 + ["a"] * 12
    outer_folds, source, codes = make_folds(STATUS, GROUPS, split)
    assert source == "column split"
    assert codes == ["split-column"]
    assert [outer.test.tolist() for outer in outer_folds] == [list(range(8, 20)), list(range(8))]
    assert {outer.repeat for outer in outer_folds} == {0}
    assert not are_one_way(outer_folds)


def test_a_column_split_with_train_is_evaluated_one_way() -> None:
    split = ["val"] * 4 + ["test"] * 4 + ["Training"] * 12
    outer_folds, source, codes = make_folds(STATUS, GROUPS, split)
    assert (source, codes) == ("column split", ["split-column"])
    assert [(outer.held_out, outer.test.tolist()) for outer in outer_folds] == [
        ("test", [4, 5, 6, 7]),
        ("val", [0, 1, 2, 3]),
    ]
    assert all(outer.train.tolist() == list(range(8, 20)) for outer in outer_folds)
    assert are_one_way(outer_folds)


def test_a_subject_on_both_sides_of_the_column_split_is_refused_without_naming_it() -> None:
    split = ["a"] * 9 + ["b"] * 11
    with pytest.raises(DataError, match="1 subject has several values in the column 'split'") as caught:
        make_folds(STATUS, GROUPS, split)
    assert "S4" not in str(caught.value)


def test_an_empty_cell_in_the_column_split_is_refused() -> None:
    with pytest.raises(DataError, match="the column 'split' is empty for 1 labelled recording"):
        make_folds(STATUS, GROUPS, ["a"] * 8 + [""] + ["b"] * 11)


def test_a_split_without_enough_training_subjects_is_refused() -> None:
    with pytest.raises(DataError, match="leaves too few subjects to train on"):
        make_folds(["no"] * 10 + ["yes"] * 10, GROUPS, ["a"] * 10 + ["b"] * 10)


def test_a_column_split_with_one_value_is_ignored_with_a_note() -> None:
    _, source, codes = make_folds(STATUS, GROUPS, ["train"] * 20)
    assert source == "grouped folds"
    assert codes == ["split-ignored"]


def test_each_training_set_has_two_subjects_per_class_with_a_positive_weight() -> None:
    status, groups = ["no"] * 12 + ["yes"] * 12, [f"S{place}" for place in range(24)]
    weights = [1.0] * 15 + [0.0] * 9
    outer_folds, *_ = make_folds(status, groups, repeats=10, weights=weights)
    for outer in outer_folds:
        assert sum(12 <= row < 15 for row in outer.train) >= 2


@pytest.mark.parametrize(("n_used", "folds", "needed"), [(0, 5, 3), (2, 5, 3), (3, 2, 4)])
def test_too_few_subjects_with_a_positive_weight_are_refused(n_used: int, folds: int, needed: int) -> None:
    status, groups = ["no"] * 12 + ["yes"] * 12, [f"S{place}" for place in range(24)]
    weights = [1.0] * (12 + n_used) + [0.0] * (12 - n_used)
    with pytest.raises(DataError, match=f"too few subjects with a positive weight .*: class 'yes' has {n_used}") as e:
        make_folds(status, groups, folds=folds, weights=weights)
    assert str(e.value.finding.expected).startswith(f"at least {needed} subjects per class with a positive weight")
    assert e.value.finding.found == f"no: 12, yes: {n_used}"


def test_a_split_without_enough_training_subjects_with_a_positive_weight_is_refused() -> None:
    split, weights = ["train"] * 16 + ["test"] * 4, [1.0] * 20
    weights[2:4] = weights[6:8] = weights[10:12] = [0.0, 0.0]
    with pytest.raises(DataError, match="too few subjects with a positive weight to train on") as caught:
        make_folds(STATUS, GROUPS, split, weights=weights)
    assert caught.value.finding.found == "no: 4, yes: 1"


# ------------------------------------------------------------------------------------- whole values held out


def leave(
    status: list[str], groups: list[str], values: list[str], weights: list[float] | None = None
) -> tuple[list[OuterFold], str, list[str]]:
    index = pd.Index([f"r{place}" for place in range(len(status))])
    reporter = CollectingReporter()
    folds, source = make_value_folds(
        pd.Series(status, index=index),
        pd.Series(groups, index=index),
        pd.Series(values, index=index, name="site"),
        weights=None if weights is None else np.array(weights),
        reporter=reporter,
    )
    return folds, source, [finding.what for finding in reporter.findings]


def test_each_value_of_a_column_is_held_out_as_a_whole() -> None:
    folds, source, notes = leave(STATUS, GROUPS, ["b"] * 8 + ["a"] * 12)
    assert source == "left out: site"
    assert [(fold.held_out, fold.test.tolist(), fold.train.tolist()) for fold in folds] == [
        ("a", list(range(8, 20)), list(range(8))),
        ("b", list(range(8)), list(range(8, 20))),
    ]
    assert len(notes) == 1


def test_a_subject_with_two_values_trains_no_model_that_predicts_it() -> None:
    # S4 has row 8 in site a and row 9 in site b.
    folds, _, notes = leave(STATUS, GROUPS, ["a"] * 9 + ["b"] * 11)
    groups = np.array(GROUPS)
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
    assert [9 in folds[0].train, 8 in folds[1].train] == [False, False]
    assert "recordings that are not trained on, by held-out value: 1, 1" in notes[1]


def test_a_held_out_value_with_one_class_is_told() -> None:
    values = ["c"] * 2 + ["a"] * 10 + ["b"] * 8
    groups = ["T0", "T1", *GROUPS[2:]]
    _, _, notes = leave(STATUS, groups, values)
    assert "1 of 3 values have one class only, so they have no AUC: c" in notes[-1]


def test_a_value_of_a_single_subject_is_not_named() -> None:
    folds, _, notes = leave(STATUS, GROUPS, ["S0-home"] * 2 + ["a"] * 10 + ["b"] * 8)
    assert {fold.held_out for fold in folds} == {""}
    assert not [what for what in notes if "S0-home" in what]


def test_values_that_leave_too_few_subjects_with_a_positive_weight_are_refused_before_training() -> None:
    values, weights = ["b"] * 8 + ["a"] * 12, [1.0] * 20
    assert len(leave(STATUS, GROUPS, values, weights)[0]) == 2
    weights[:8] = [0.0] * 8
    with pytest.raises(DataError, match="holding out site 'a' leaves too few subjects") as caught:
        leave(STATUS, GROUPS, values, weights)
    assert str(caught.value.finding.expected).endswith("with a positive weight")


def test_values_that_leave_too_few_subjects_are_refused() -> None:
    with pytest.raises(DataError, match="holding out site 'a' leaves too few subjects to train on"):
        leave(["no", "yes"] * 10, [f"S{k}" for k in range(20)], ["a"] * 18 + ["b"] * 2)


def test_one_value_and_empty_cells_are_refused() -> None:
    with pytest.raises(DataError, match="the values of the column 'site' cannot be held out"):
        leave(STATUS, GROUPS, ["a"] * 20)
    with pytest.raises(DataError, match="empty cells for 'r0'"):
        leave(STATUS, GROUPS, [""] + ["a"] * 10 + ["b"] * 9)


def test_one_subject_per_value_is_refused_if_subjects_have_several() -> None:
    with pytest.raises(ConfigError, match="has only one subject per value"):
        leave(STATUS, GROUPS, [f"{group}-{row}" for row, group in enumerate(GROUPS)])


# --------------------------------------------------------------------------------- subjects and sessions


def choose(labels: dict[str, list[str]], leave: str, **changes: str) -> tuple[list[OuterFold], list[str]]:
    index = pd.Index([f"r{place}" for place in range(20)])
    reporter = CollectingReporter()
    folds, _ = choose_outer_folds(
        pd.Series(STATUS, index=index),
        pd.Series(GROUPS, index=index),
        pd.DataFrame(labels, index=index),
        Settings().override({"evaluation.leave": leave, **changes}),
        weights=None,
        reporter=reporter,
    )
    return folds, [finding.what for finding in reporter.findings]


def list_shared(folds: list[OuterFold]) -> list[set[str]]:
    """Return for each fold the subjects that are in training and held out."""
    groups = np.array(GROUPS)
    return [set(groups[fold.train]) & set(groups[fold.test]) for fold in folds]


def test_subjects_are_left_out_one_at_a_time() -> None:
    folds, notes = choose({"subject_id": GROUPS}, "subject_id")
    assert [fold.test.tolist() for fold in folds] == [[row, row + 1] for row in range(0, 20, 2)]
    assert list_shared(folds) == [set()] * 10
    assert {fold.held_out for fold in folds} == {""}, "values that name people are not stored"
    assert notes[0].startswith("each of 10 values is held out once")


def test_the_column_of_the_groups_need_not_be_in_the_label_table() -> None:
    folds, _ = choose({"speaker": [name.lower() for name in GROUPS]}, "speaker", **{"data.groups": "speaker"})
    assert len(choose({}, "subject_id")[0]) == len(folds) == 10


@pytest.mark.parametrize("name", ["session", "Visit", "visit_no"])
def test_the_other_sessions_of_a_held_out_subject_are_trained_on(name: str) -> None:
    folds, _ = choose({name: ["1", "2"] * 10}, name)
    assert [fold.held_out for fold in folds] == ["1", "2"]
    assert [fold.train.tolist() for fold in folds] == [list(range(1, 20, 2)), list(range(0, 20, 2))]
    assert list_shared(folds) == [set(GROUPS)] * 2
    assert describe_held_out(folds, pd.Series(GROUPS)) == KNOWN_PEOPLE


def test_of_any_other_column_no_held_out_subject_is_trained_on() -> None:
    # S4 has a recording of each site.
    folds, _ = choose({"site": ["a"] * 9 + ["b"] * 11}, "site")
    assert list_shared(folds) == [set()] * 2
    assert describe_held_out(folds, pd.Series(GROUPS)) == NEW_PEOPLE


def test_a_column_of_sessions_is_also_known_from_the_baseline() -> None:
    waves = {"wave": ["w1", "w2"] * 10}
    assert list_shared(choose(waves, "wave", **{"data.baseline": "wave"})[0]) == [set(GROUPS)] * 2
    with pytest.raises(DataError, match="leaves too few subjects to train on"):
        choose(waves, "wave")


def test_sessions_of_different_people_are_new_people() -> None:
    folds, _ = choose({"session": ["1"] * 10 + ["2"] * 10}, "session")
    assert list_shared(folds) == [set()] * 2


def test_recordings_of_subjects_with_a_single_session_are_counted() -> None:
    _, notes = choose({"session": ["1", "1", *["1", "2"] * 9]}, "session")
    assert "2 recordings are of subjects with one value of session: scored as new people" in notes
