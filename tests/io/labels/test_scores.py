"""Scores in label tables: which column holds them, which cells are numbers, and whether they fit their scale."""

from __future__ import annotations

import pandas as pd
import pytest

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.io.labels.scales import SCALES, parse_scale
from pdmr_classic.io.labels.scores import check_scores, find_score_column, find_scored, read_scores, summarise_scores


def table(*cells: str, column: str = "score") -> pd.DataFrame:
    return pd.DataFrame({column: cells}, index=pd.Index([f"r{k}" for k in range(len(cells))], name="data_id"))


def series(*scores: float) -> pd.Series:
    return pd.Series(scores, index=[f"r{k}" for k in range(len(scores))], dtype=float)


# -------------------------------------------------------------------------------------------------- column


@pytest.mark.parametrize(
    ("settings", "columns", "expected"),
    [
        (DataSettings(target="severity"), ["status", "severity"], "severity"),
        (DataSettings(target="SEVERITY"), ["status", "severity"], "severity"),
        (DataSettings(target="phq8"), ["PHQ8_Binary", "PHQ8_Score"], "PHQ8_Score"),
        (DataSettings(target="Both"), ["status", "severity", "PHQ8_Score"], "severity"),
        (DataSettings(target="both"), ["status", "PHQ8_Binary", "PHQ8_Score"], "PHQ8_Score"),
        (DataSettings(target="both", score_column="bdi"), ["PHQ8_Score", "BDI_total"], "BDI_total"),
    ],
)
def test_the_column_of_the_score_is_found(settings: DataSettings, columns: list[str], expected: str) -> None:
    assert find_score_column(pd.DataFrame(columns=columns), settings) == expected


@pytest.mark.parametrize(
    ("settings", "columns", "message"),
    [
        (DataSettings(target="age"), ["severity"], "--target names a column that is not"),
        (DataSettings(target="phq"), ["PHQ8_Score", "PHQ9_Score"], "--target fits several columns"),
        (DataSettings(target="both", score_column="x"), ["severity"], "--score-column names a column"),
        (DataSettings(target="both"), ["PHQ8_Score", "BDI"], r"several columns may hold the score[^\0]*--score-column"),
        (DataSettings(target="both"), ["age"], r"no column of the label table is recognised[^\0]*--score-column"),
    ],
)
def test_a_column_that_is_not_certain_is_refused(settings: DataSettings, columns: list[str], message: str) -> None:
    labels = pd.DataFrame(columns=columns)
    with pytest.raises(ConfigError, match=message):
        find_score_column(labels, settings)
    assert find_scored(labels, settings) is None
    assert summarise_scores(labels, settings) is None


# --------------------------------------------------------------------------------------------------- cells


@pytest.mark.parametrize("cell", ["", " ", "-1", "-1.0", "nan", "NA", "None", "?", "-999", "unknown"])
def test_cells_that_mean_no_label_are_missing_and_told_once(cell: str) -> None:
    scores, (finding,) = read_scores(table("4", cell, "17.5", cell), "score")
    assert scores.isna().tolist() == [False, True, False, True]
    assert (finding.code, finding.what) == ("no-score", "2 recordings have no score")
    assert finding.found == (f"{cell!r} 2" if cell.strip() else "empty 2")


def test_complete_scores_need_no_word() -> None:
    scores, findings = read_scores(table("0", "4.0", "1e1", " 7 "), "score")
    assert (scores.tolist(), findings) == ([0.0, 4.0, 10.0, 7.0], [])


def test_text_among_numbers_is_refused_in_one_message_that_lists_it() -> None:
    with pytest.raises(DataError, match=r"2 scores are not a number[^\0]*'mild' for 'r1', '12\?' for 'r3'") as error:
        read_scores(table("4", "mild", "", "12?"), "score")
    assert len(error.value.findings) == 1
    assert error.value.finding.hint == "correct the cells, leave them empty, or pass another column"


def test_decimal_commas_are_refused_with_a_hint() -> None:
    with pytest.raises(DataError, match=r"1 score is not a number[^\0]*'4,5' for 'r0'[^\0]*write decimal points"):
        read_scores(table("4,5", "7"), "score")


@pytest.mark.parametrize("cell", ["inf", "1e999", "True", "0x10", "1,000,000"])
def test_what_is_no_finite_number_is_refused(cell: str) -> None:
    with pytest.raises(DataError, match=r"1 score is not a number"):
        read_scores(table("4", cell), "score")


def test_a_column_without_a_score_is_refused() -> None:
    with pytest.raises(DataError, match=r"no recording has a score[^\0]*'-1' 2, empty 1"):
        read_scores(table("-1", "", "-1"), "score")


def test_minus_one_is_a_score_where_the_scale_contains_it() -> None:
    scores, findings = read_scores(table("-1", "-4", "3", "-9"), "score", low=-5.0)
    assert scores.fillna(99).tolist() == [-1.0, -4.0, 3.0, 99.0]
    assert [finding.found for finding in findings] == ["'-9' 1"]


def test_minus_one_among_other_negative_numbers_is_refused_without_a_scale() -> None:
    with pytest.raises(DataError, match=r"'-1' may be a score, or may mean that there is none[^\0]*-3[^\0]*--scale"):
        read_scores(table("-1", "-3", "3"), "score")


def test_negative_scores_alone_are_scores() -> None:
    assert read_scores(table("-3", "-0.5", "3"), "score")[0].tolist() == [-3.0, -0.5, 3.0]


# --------------------------------------------------------------------------------------------------- scale


def test_scores_outside_the_scale_are_listed_with_the_scales_that_fit() -> None:
    with pytest.raises(DataError, match=r"2 recordings have a score outside the scale") as error:
        check_scores(series(3, 25, -2), SCALES["phq8"], "PHQ8_Score")
    finding = error.value.finding
    assert (finding.column, finding.expected) == ("PHQ8_Score", "phq8, 0 to 24")
    assert (finding.found, finding.hint) == (
        "25 for 'r1', -2 for 'r2'",
        "correct the scores, or pass another --scale: MIN:MAX, such as -2:25",
    )
    with pytest.raises(DataError, match="another --scale: they fit phq9, bdi2, hamd17"):
        check_scores(series(3, 25), SCALES["phq8"], "PHQ8_Score")


def test_scores_far_below_the_end_of_the_scale_are_told_with_the_scales_that_fit() -> None:
    (finding,) = check_scores(series(3, 24), SCALES["bdi2"], "score")
    assert finding.what == "the highest score is 24, far below the end of the scale bdi2"
    assert finding.hint == "check the column and --scale: the scores also fit phq8, phq9, hamd17"
    assert check_scores(series(3, 26), SCALES["bdi2"], "score") == []


def test_fractions_on_a_scale_of_whole_numbers_are_told() -> None:
    (finding,) = check_scores(series(3.25, 20), SCALES["phq8"], "score")
    assert (finding.code, finding.found) == ("fractional-scores", "3.25 for 'r0'")
    assert check_scores(series(3.25, 20), parse_scale("0:24"), "score") == []


def test_missing_scores_are_not_outside_the_scale() -> None:
    assert check_scores(series(float("nan"), 20), SCALES["phq8"], "score") == []
