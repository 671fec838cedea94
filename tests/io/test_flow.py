"""The participant flow: every recording is either in the next step or excluded with a reason."""

from __future__ import annotations

from pdmr_classic.io.flow import extend_by_split, extend_flow, join_flows, start_flow

SPLITS = {"a": "train", "b": "train", "c": "dev"}


def test_what_remains_and_what_is_excluded_add_up_to_the_step_before() -> None:
    flow = extend_flow(start_flow("in the folder", 60), "with a label", 56, 28, why="no label")
    assert flow[0]["excluded"] == [{"why": "no label", "n_recordings": 4}]
    assert flow[1] == {"label": "with a label", "n_recordings": 56, "n_subjects": 28, "excluded": []}


def test_a_step_that_excludes_nothing_gives_no_reason() -> None:
    assert extend_flow(start_flow("in the folder", 3), "with a label", 3, why="no label")[0]["excluded"] == []


def test_the_other_splits_and_recordings_in_none_are_counted_one_by_one() -> None:
    flow = extend_by_split(start_flow("in the folder", 4), ["a", "b", "c", "d"], SPLITS, "train")
    assert flow[0]["excluded"] == [
        {"why": "in no split", "n_recordings": 1},
        {"why": "in the split dev", "n_recordings": 1},
    ]
    assert (flow[1]["label"], flow[1]["n_recordings"]) == ("in the split train", 2)


def test_all_splits_exclude_only_recordings_in_none() -> None:
    flow = extend_by_split(start_flow("in the folder", 4), ["a", "b", "c", "d"], SPLITS, None)
    assert flow[0]["excluded"] == [{"why": "in no split", "n_recordings": 1}]
    assert (flow[1]["label"], flow[1]["n_recordings"]) == ("in a split", 3)


def test_joined_flows_share_the_step_between_them() -> None:
    first = extend_flow(start_flow("in the folder", 5), "with a label", 4, why="no label")
    second = extend_flow(start_flow("rows", 4), "with usable data", 3, why="no usable data")
    joined = join_flows(first, second)
    assert [step["label"] for step in joined] == ["in the folder", "with a label", "with usable data"]
    assert [step["excluded"] for step in joined] == [
        [{"why": "no label", "n_recordings": 1}],
        [{"why": "no usable data", "n_recordings": 1}],
        [],
    ]
