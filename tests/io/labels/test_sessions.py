"""Which recordings are baselines: marked in a column, or the first session of each subject."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.io.labels.sessions import Baseline, find_baseline, is_session_name

IDS = pd.Index([f"r{place}" for place in range(6)], name="data_id")
GROUPS = pd.Series(["S1", "S1", "S1", "S2", "S2", "S3"], index=IDS)


def find(cells: list[str], column: str, requested: str | None = None) -> Baseline:
    baseline = find_baseline(pd.DataFrame({column: cells}, index=IDS), GROUPS, requested)
    assert baseline is not None
    return baseline


def rows(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask).tolist()


@pytest.mark.parametrize("yes", ["yes", "Y", "1", "1.0", "TRUE", " baseline "])
def test_baselines_are_marked_in_any_usual_way(yes: str) -> None:
    assert rows(find([yes, "no", "", "0", yes, "n/a"], "Baseline").is_baseline) == [0, 4]


def test_the_first_session_of_each_subject_is_its_baseline_in_natural_order() -> None:
    baseline = find(["10", "9", "10", "9", "11", "10"], "Visit_No")
    assert rows(baseline.is_baseline) == [1, 3, 5]
    assert rows(baseline.starts_later & baseline.is_baseline) == [5]


def test_a_session_called_pre_comes_before_post() -> None:
    assert rows(find(["post", "pre", "pre", "post", "Pre", "post"], "session").is_baseline) == [1, 2, 4, 5]


def test_a_recording_of_an_unknown_session_is_no_baseline() -> None:
    baseline = find(["", "2", "3", "n/a", "", "1"], "session")
    assert rows(baseline.is_baseline) == [1, 5]
    assert rows(~baseline.is_known) == [0, 3, 4]


def test_a_column_called_baseline_comes_before_sessions() -> None:
    labels = pd.DataFrame({"session": list("123121"), "baseline": ["", "yes", "", "", "yes", ""]}, index=IDS)
    baseline = find_baseline(labels, GROUPS)
    assert baseline is not None
    assert (baseline.column, rows(baseline.is_baseline)) == ("baseline", [1, 4])


def test_a_requested_column_holds_sessions_unless_all_its_cells_are_marks() -> None:
    assert rows(find(["2", "1", "3", "2", "3", "3"], "wave", "wave").is_baseline) == [1, 3, 5]
    assert rows(find(["1", "0", "0", "0", "1", "0"], "wave", "Wave").is_baseline) == [0, 4]


def test_the_numbers_of_a_column_called_session_are_no_marks() -> None:
    assert rows(find(["0", "1", "1", "1", "0", "1"], "session").is_baseline) == [0, 4, 5]


def test_without_a_known_column_there_is_no_baseline() -> None:
    assert find_baseline(pd.DataFrame({"site": "a"}, index=IDS), GROUPS) is None


def test_unreadable_marks_name_cells_and_recordings() -> None:
    with pytest.raises(DataError, match="do not say whether a recording is a baseline") as caught:
        find(["yes", "perhaps", "no", "no", "yes", "no"], "baseline")
    assert caught.value.finding.found == "'perhaps' for 'r1'"


def test_marks_mixed_with_other_words_are_not_taken_for_sessions() -> None:
    with pytest.raises(DataError, match="do not say whether"):
        find(["yes", "later", "no", "no", "yes", "no"], "wave", "wave")


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(ConfigError, match="--baseline names a column that is not in the label table"):
        find(["1"] * 6, "session", "visits_")


@pytest.mark.parametrize(
    ("name", "expected"), [("session", True), ("VISIT", True), ("session_id", True), ("site", False)]
)
def test_session_columns_are_known_by_their_name(name: str, expected: bool) -> None:
    assert is_session_name(name) is expected
