"""Scales of scores: published classes and cut-offs, own ones, and how a scale is chosen."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.io.labels.scales import SCALES, Scale, choose_scale, parse_scale, recognise_scale


def settings(**severity: Any) -> Settings:
    return Settings().override({f"severity.{name}": value for name, value in severity.items()})


# ------------------------------------------------------------------------------------------------- classes


@pytest.mark.parametrize(
    ("name", "high", "first_scores", "clinical"),
    [
        ("phq8", 24, {"none": 0, "mild": 5, "moderate": 10, "moderately severe": 15, "severe": 20}, 10),
        ("phq9", 27, {"none": 0, "mild": 5, "moderate": 10, "moderately severe": 15, "severe": 20}, 10),
        ("bdi2", 63, {"minimal": 0, "mild": 14, "moderate": 20, "severe": 29}, 14),
        ("hamd17", 52, {"none": 0, "mild": 8, "moderate": 14, "severe": 19, "very severe": 23}, 8),
    ],
)
def test_each_published_class_begins_at_its_cut_off(
    name: str, high: int, first_scores: dict[str, int], clinical: int
) -> None:
    scale = SCALES[name]
    every = np.arange(0, high + 1)
    expected = [[label for label, first in first_scores.items() if first <= score][-1] for score in every]
    assert scale.classify(every).tolist() == expected
    assert scale.is_clinical(every).tolist() == [score >= clinical for score in every]
    assert (scale.name, scale.low, scale.high, scale.n_classes) == (name, 0, high, len(first_scores))


def test_predicted_scores_are_rounded_before_they_are_classified() -> None:
    codes = SCALES["phq8"].class_codes([4.49, 4.5, 9.6, 9.4, -3.0, 99.0])
    assert codes.tolist() == [0, 1, 2, 1, 0, 4]
    assert SCALES["phq8"].is_clinical([9.49, 9.5]).tolist() == [False, True]


def test_scores_of_a_range_are_not_rounded() -> None:
    scale = choose_scale(settings(scale="0:1", cutoffs=[0.5], clinical_cutoff=0.5), "score", [0.2])[0]
    assert scale.class_codes([0.499, 0.5]).tolist() == [0, 1]
    assert scale.is_clinical([0.499, 0.5]).tolist() == [False, True]


def test_an_unknown_score_has_no_class_and_is_not_clinical() -> None:
    scale = SCALES["bdi2"]
    assert scale.class_codes([np.nan, 20]).tolist() == [-1, 2]
    assert scale.classify([np.nan, 20]).tolist() == ["", "moderate"]
    assert scale.is_clinical([np.nan]).tolist() == [False]
    np.testing.assert_array_equal(scale.clip([np.nan, -1, 70]), [np.nan, 0, 63])


def test_a_scale_without_classes_has_one_code_and_no_names() -> None:
    scale = parse_scale("0:60")
    assert (scale.n_classes, scale.class_codes([3, 50]).tolist()) == (0, [0, 0])
    assert scale.classify([np.nan, 50]).tolist() == ["", ""]


def test_without_a_clinical_cut_off_nothing_is_clinical_or_not() -> None:
    with pytest.raises(ConfigError, match=r"no clinical cut-off[^\0]*clinical_cutoff"):
        parse_scale("0:60").is_clinical([3])


def test_a_scale_survives_json() -> None:
    for scale in (*SCALES.values(), parse_scale("-2.5:7")):
        assert Scale.from_dict(json.loads(json.dumps(scale.as_dict()))) == scale


# -------------------------------------------------------------------------------------------------- choice


@pytest.mark.parametrize(
    ("text", "name", "low", "high"),
    [
        ("phq8", "phq8", 0, 24),
        ("PHQ-9", "phq9", 0, 27),
        ("BDI-II", "bdi2", 0, 63),
        (" hamd_17", "hamd17", 0, 52),
        ("0:60", "0:60", 0, 60),
        ("-5 : 5", "-5:5", -5, 5),
        ("0.5:1.5", "0.5:1.5", 0.5, 1.5),
    ],
)
def test_a_scale_is_a_name_or_a_range(text: str, name: str, low: float, high: float) -> None:
    scale = parse_scale(text)
    assert (scale.name, scale.low, scale.high) == (name, low, high)


@pytest.mark.parametrize("text", ["phq10", "60", "60:0", "5:5", "0:x", "0:10:20", "0:inf", "nan:5", "", ":"])
def test_any_other_scale_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--scale must be a known scale or a range[^\0]*phq8") as error:
        choose_scale(settings(scale=text), "score", [3])
    assert error.value.finding.found == repr(text)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("PHQ8_Score", "phq8"),
        ("phq9_score", "phq9"),
        ("PHQ-9", "phq9"),
        ("PHQ9 total", "phq9"),
        ("BDI", "bdi2"),
        ("BDI-II", "bdi2"),
        ("bdi2_total", "bdi2"),
        ("HAMD", "hamd17"),
        ("HAMD17_total", "hamd17"),
        ("HDRS", "hamd17"),
    ],
)
def test_the_name_of_a_column_tells_its_scale(column: str, name: str) -> None:
    scale, (finding,) = choose_scale(Settings(), column, [3.0, 12.0])
    assert scale == SCALES[name]
    assert (finding.code, finding.hint) == ("known-scale", "pass --scale if they are of another scale")


@pytest.mark.parametrize("column", ["severity", "HAMD24", "PHQ8_NoInterest", "MADRS", "status"])
def test_other_names_tell_no_scale(column: str) -> None:
    assert recognise_scale(column, [3.0]) is None


def test_phq_without_a_number_is_the_scale_that_its_scores_fit() -> None:
    assert choose_scale(Settings(), "PHQ_Score", [0, 24])[0].name == "phq8"
    assert choose_scale(Settings(), "PHQ_Score", [0, 25])[0].name == "phq9"


def test_without_a_known_scale_the_range_of_the_scores_is_used_and_told() -> None:
    scale, (finding,) = choose_scale(Settings(), "severity", [3.0, np.nan, 17.5])
    assert (scale.low, scale.high, scale.n_classes, scale.clinical_cutoff, scale.step) == (3.0, 17.5, 0, None, None)
    assert (finding.code, finding.what) == (
        "range-scale",
        "the scale of 'severity' is not known: its range is that of the scores, from 3 to 17.5, without classes",
    )


def test_a_scale_that_contradicts_the_name_of_the_column_is_used_and_told() -> None:
    scale, (finding,) = choose_scale(settings(scale="bdi2"), "PHQ8_Score", [3, 24])
    assert scale.name == "bdi2"
    assert finding.what == ("the column name 'PHQ8_Score' suggests PHQ-8, 0 to 24, but --scale is BDI-II, 0 to 63")
    assert choose_scale(settings(scale="phq8"), "PHQ8_Score", [3])[1] == []
    assert choose_scale(settings(scale="0:24"), "PHQ8_Score", [3])[1] == []


# ---------------------------------------------------------------------------------------------- own cut-offs


def test_own_cut_offs_and_names_replace_the_published_ones() -> None:
    own = settings(scale="hamd17", cutoffs=[8, 17, 24], class_names=["no", "mild", "moderate", "severe"])
    scale = choose_scale(own, "x", [3])[0]
    assert scale.classify([7, 8, 16, 17, 24]).tolist() == ["no", "mild", "mild", "moderate", "severe"]
    assert scale.clinical_cutoff == 8
    assert choose_scale(settings(scale="phq8", clinical_cutoff=12), "x", [3])[0].clinical_cutoff == 12


def test_published_names_are_kept_if_their_number_fits() -> None:
    scale = choose_scale(settings(scale="phq9", cutoffs=[4, 9, 14, 19]), "x", [3])[0]
    assert scale.class_names == SCALES["phq9"].class_names
    assert choose_scale(settings(scale="phq9", class_names=list("abcde")), "x", [3])[0].classify([5]) == ["b"]


@pytest.mark.parametrize(
    ("scale", "cutoffs", "names"),
    [
        ("phq8", [10], ("0-9", "10-24")),
        ("bdi2", [10, 30], ("0-9", "10-29", "30-63")),
        ("0:1", [0.5], ("<0.5", ">=0.5")),
        ("0:60", [10, 20], ("<10", "10-<20", ">=20")),
    ],
)
def test_classes_without_names_are_named_after_their_scores(
    scale: str, cutoffs: list[float], names: tuple[str, ...]
) -> None:
    assert choose_scale(settings(scale=scale, cutoffs=cutoffs), "x", [0.3])[0].class_names == names


@pytest.mark.parametrize(
    ("severity", "message"),
    [
        ({"cutoffs": [10, 5]}, "the cut-offs are not increasing"),
        ({"cutoffs": [5, 5]}, "the cut-offs are not increasing"),
        ({"cutoffs": [5, 25]}, "a cut-off is outside the scale"),
        ({"cutoffs": [0, 5]}, "a cut-off is outside the scale"),
        ({"cutoffs": [float("nan")]}, "a cut-off is outside the scale"),
        ({"clinical_cutoff": 30}, "the clinical cut-off is outside the scale"),
        ({"clinical_cutoff": 0}, "the clinical cut-off is outside the scale"),
        ({"class_names": ["low", "high"]}, "the class names do not fit the cut-offs"),
        ({"cutoffs": [10], "class_names": ["low"]}, "the class names do not fit the cut-offs"),
        ({"cutoffs": [10], "class_names": ["low", "low"]}, "the class names do not fit the cut-offs"),
        ({"cutoffs": [10], "class_names": ["low", " "]}, "the class names do not fit the cut-offs"),
    ],
)
def test_cut_offs_that_do_not_fit_are_refused(severity: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"{message}[^\0]*expected:[^\0]*found:[^\0]*\[severity\]"):
        choose_scale(settings(scale="phq8", **severity), "x", [3])


def test_names_without_cut_offs_are_refused() -> None:
    with pytest.raises(ConfigError, match="class names do not fit the cut-offs"):
        choose_scale(settings(scale="0:60", class_names=["low", "high"]), "x", [3])
