"""Covariates in label tables: how they are read, and columns that must not be covariates."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.errors import ConfigError
from pdmr_classic.io.labels.covariates import check_covariates, parse_covariate, summarise_covariates

N = 40
IDS = [f"r{k:02d}" for k in range(N)]
SUBJECTS = pd.Series([f"S{k // 2:02d}" for k in range(N)], IDS)
STATUS = pd.Series(["Depression" if k // 2 % 2 else "Normal" for k in range(N)], IDS)


def table(cells: list[object], name: str = "x") -> pd.DataFrame:
    return pd.DataFrame({"status": STATUS, "subject_id": SUBJECTS, name: [str(cell) for cell in cells]}, index=IDS)


def check(cells: list[object], name: str = "x", target: pd.Series = STATUS, **reserved: str) -> list[str]:
    findings = check_covariates(table(cells, name), [name], SUBJECTS, {"status": target}, reserved)
    return [finding.code for finding in findings]


def test_gender_and_age_are_accepted_and_their_use_is_told() -> None:
    gender = ["f" if k // 4 % 2 else "m" for k in range(N)]
    age = [20 + (k // 2 * 7) % 13 for k in range(N)]
    assert check(gender) == ["covariates"]
    assert check(age) == ["covariates"]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (list(STATUS), "values that tell status"),
        (["1" if status == "Normal" else "2" for status in STATUS], "values that tell status"),
        # Several values of each class, and a value that is empty in one class only.
        (["abcd"[k // 2 % 4] for k in range(N)], "values that tell status"),
        (["" if status == "Normal" else "ill" for status in STATUS], "values that tell status"),
        (["" if k // 2 % 2 == 0 else "xy"[k // 4 % 2] for k in range(N)], "values that tell status"),
        ([k / 7 + 100 * (status == "Normal") for k, status in enumerate(STATUS)], "separate the classes"),
        (list(SUBJECTS), "single subject each|tell status"),
        ([f"note {k}" for k in range(N)], "40 different texts"),
        ([k // 2 + 100 for k in range(N)], "count the subjects"),
        ([k // 2 for k in range(N)], "count the subjects"),
        ([""] * N, "no value in any recording"),
    ],
)
def test_a_column_that_gives_the_class_or_the_subject_away_is_refused(cells: list[object], found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        check(cells)


@pytest.mark.parametrize(
    "name",
    [
        *("status", "Subject", "subject_id", "split", "session", "severity", "PHQ8_Score", "PHQ8_NoInterest"),
        *("BDI-II", "hamd_total", "diagnosis", "Depression level", "label", "PHQ8_Binary"),
        *("total_phq9", "sum_BDI", "baseline_hamd", "t1_madrs", "HADS_D", "EPDS", "SDS", "GDS15", "zung", "totalPHQ9"),
        *("mood_disorder", "MDD", "remission", "X.CES-D", "HAM-D 17", "MADR-S", "SDSTotal", "phqtotal", "is depressed"),
    ],
)
def test_a_target_a_questionnaire_or_a_subject_is_refused_by_name(name: str) -> None:
    labels = table(["f" if k // 4 % 2 else "m" for k in range(N)], name)
    with pytest.raises(ConfigError, match=f"column {re.escape(repr(name))} cannot be a covariate"):
        check_covariates(labels, [name], SUBJECTS, {"status": STATUS}, {})


@pytest.mark.parametrize("name", ["thursdays", "hamdays", "gdsx", "summdd", "ham_dinner", "Cedar", "bad"])
def test_a_name_that_only_contains_the_letters_of_a_questionnaire_is_accepted(name: str) -> None:
    assert check(["f" if k // 4 % 2 else "m" for k in range(N)], name) == ["covariates"]


@pytest.mark.parametrize("name", ["medication", "Antidepressants", "on_anti-depressant", "takesSSRI", "meds"])
def test_a_treatment_is_told_because_it_may_follow_from_the_diagnosis(name: str) -> None:
    assert check(["f" if k // 4 % 2 else "m" for k in range(N)], name) == ["treatment-covariate", "covariates"]


def test_a_column_with_another_use_is_refused() -> None:
    gender = ["f" if k // 4 % 2 else "m" for k in range(N)]
    labels = table(gender, "Group")
    with pytest.raises(ConfigError, match="the column of --experts"):
        check_covariates(labels, ["group"], SUBJECTS, {}, {"--experts": "Group"})


def test_a_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match="--covariates names a column that is not in the label table"):
        check_covariates(table(["1"] * N), ["age"], SUBJECTS, {}, {})


@pytest.mark.parametrize("scale", [1.0, -3.0])
def test_numbers_in_the_order_of_a_score_are_refused(scale: float) -> None:
    score = pd.Series(np.random.default_rng(0).permutation(N).astype(float), IDS)
    with pytest.raises(ConfigError, match="numbers in the order of status"):
        check([5 + scale * value for value in score], target=score)


def test_unknown_and_constant_values_are_told() -> None:
    age = [("" if k < 3 else 20 + (k // 2 * 7) % 13) for k in range(N)]
    assert check(age) == ["no-covariate", "covariates"]
    assert check(["f"] * N) == ["constant-covariate", "covariates"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["30", "-9", "41", "-99"], [30, np.nan, 41, np.nan]),
        (["-1", "1", "1", "-1"], [-1, 1, 1, -1]),
        (["-1", "-2", "3"], [-1, -2, 3]),
        (["1,5", "nan", ""], [1.5, np.nan, np.nan]),
    ],
)
def test_numbers_that_mean_no_value_are_not_known(cells: list[str], expected: list[float]) -> None:
    numbers = parse_covariate(pd.Series(cells)).numbers
    np.testing.assert_array_equal(numbers, expected)


def test_the_summary_has_kind_coverage_and_distribution() -> None:
    labels = pd.DataFrame({"age": ["30", "", "50"], "Gender": ["F", "f", "m"]}, index=list("abc"))
    assert summarise_covariates(labels, ["age", "gender", "height"]) == {
        "age": {"kind": "number", "known": 2, "n": 3, "min": 30.0, "median": 40.0, "max": 50.0},
        "gender": {"kind": "category", "known": 3, "n": 3, "values": {"F": 2, "m": 1}},
    }
