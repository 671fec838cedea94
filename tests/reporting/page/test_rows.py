"""What the drawn columns of a page hold, and the sentences beside plots."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sample_report import sample_report, score

from pdmr_classic.reporting.page import _rows as rows
from pdmr_classic.reporting.page._agreement import find_agreement
from pdmr_classic.reporting.page._formats import format_compact, format_number, format_range, format_score
from pdmr_classic.reporting.page._scale import UNIT_SCALE, fit_scale
from pdmr_classic.reporting.page._sentences import (
    describe_gap,
    describe_net_benefit,
    describe_threshold,
    describe_value,
)

REPORT = sample_report()

# ----------------------------------------------------------------------------------------------------------- scales


@pytest.mark.parametrize(
    "values",
    [[0.0], [], [None], [0.3, 0.3], [-5.0], [1e-9, 2e-9], [1e9], [-0.0075, 0.0617], [0.0, 1e-300], [0.1 + 0.2, 0.3]],
)
def test_a_scale_holds_all_values_and_has_few_round_ticks(values: list[float | None]) -> None:
    scale = fit_scale(values, 0.0)
    numbers = [value for value in values if value is not None]
    assert all(0 <= scale.at(value) <= 100 for value in numbers)
    assert scale.ticks[0] <= min([0.0, *numbers])
    assert scale.ticks[-1] >= max([0.0, *numbers]) * (1 - 1e-9)
    assert 2 <= len(scale.ticks) <= 7
    assert len({scale.label(tick) for tick in scale.ticks}) == len(scale.ticks)


def test_values_beyond_a_scale_are_drawn_at_its_end() -> None:
    assert (UNIT_SCALE.at(-3.0), UNIT_SCALE.at(0.5), UNIT_SCALE.at(5.6)) == (0.0, 50.0, 100.0)


def test_scores_have_the_unit_scale_unless_one_is_outside() -> None:
    headline = REPORT["headline"]
    assert rows.score_rows(headline, {}).panels[0].scale is UNIT_SCALE
    headline["rows"][0]["scores"]["f1"] = score(-0.2)
    assert rows.score_rows(headline, {}).panels[0].scale.ticks[0] < 0


# ------------------------------------------------------------------------------------------------------------- rows


def test_the_floor_is_the_reference_and_chance_that_of_the_auc() -> None:
    table = rows.score_rows(sample_report()["headline"], {"f1": "F1 of Depression"})
    assert [panel.reference for panel in table.panels] == [0.68, 0.5]
    assert [panel.title for panel in table.panels] == ["F1 of Depression", "auc"]
    assert [row.is_strong for row in table.rows] == [True, False, False, False, False, False]
    assert table.panels[0].marks[-1].text == "- (a class is missing)"
    assert table.panels[0].marks[-1].values() == (None, None, None, None)


def test_stress_tests_keep_the_order_of_the_headline() -> None:
    tests = [{"label": "x", "n_recordings": 1, "scores": {"auc": 0.7, "f1": None}, "unaltered": {"auc": 0.8}}]
    table = rows.stress_rows(tests, ["f1", "auc"], {})
    assert [panel.title for panel in table.panels] == ["f1", "auc"]
    assert [panel.marks[0].text for panel in table.panels] == ["- (-)", "0.700 (0.800)"]
    assert table.rows[0].note == "1 recording"


def test_folds_without_a_score_are_left_out_of_the_median() -> None:
    folds = [{"scores": {"f1": value}} for value in (0.9, None, 0.4, 0.5, 0.6)]
    mark = rows.fold_rows(folds, {}).panels[0].marks[0]
    assert mark.dots == (0.4, 0.5, 0.6, 0.9)
    assert mark.other == pytest.approx(0.55)
    assert mark.text == "0.550 (0.40 to 0.90)"


def test_importance_is_sorted_and_may_be_unknown() -> None:
    table = rows.importance_rows({"a": -0.01, "b": None, "c": 0.3}, "Family")
    assert [row.label for row in table.rows] == ["c", "b", "a"]
    assert [mark.text for mark in table.panels[0].marks] == ["0.3000", "-", "\N{MINUS SIGN}0.0100"]


def test_differences_have_the_labels_of_their_scores() -> None:
    differences = [("f1", {"difference": 0.1, "low": -0.02, "high": 0.2}), ("auc", {"difference": None})]
    table = rows.difference_rows(differences, "Score", {"f1": "F1 of Depression"})
    assert [row.label for row in table.rows] == ["F1 of Depression", "auc"]
    assert [mark.text for mark in table.panels[0].marks] == [
        "+0.100 (\N{MINUS SIGN}0.02 to +0.20)",
        "- (no interval)",
    ]


def test_weights_without_spread_have_no_interval() -> None:
    marks = rows.member_rows(REPORT["members"]).panels[0].marks
    assert [mark.text for mark in marks] == ["0.600 (0.40 to 0.80)", "0.400"]
    assert marks[1].low is None


def test_attacks_are_grouped_by_kind() -> None:
    tables = rows.audit_rows(REPORT["audit"]["rows"])
    assert [name for name, _ in tables] == ["same person or not (AUC)", "which person (share correct)"]
    assert [table.rows[0].note for _, table in tables] == ["chance 0.50", ""]


def test_the_numbers_behind_a_curve_are_every_tenth_point() -> None:
    cells = rows.sample_curve(REPORT["threshold"], "grid", ["f1", "precision"])
    assert [row[0] for row in cells] == ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"]
    assert cells[-1][1:] == ["-", "-"]


# -------------------------------------------------------------------------------------------------------- sentences


def test_agreement_has_the_limits_of_bland_and_altman() -> None:
    generator = np.random.default_rng(0)
    truth, predicted = generator.normal(10, 4, 50), generator.normal(11, 3, 50)
    points = [{"truth": t, "predicted": p} for t, p in zip(truth, predicted, strict=True)]
    _, _, agreement = find_agreement(points)
    spread = 1.96 * np.std(predicted - truth, ddof=1)
    assert agreement["bias"] == pytest.approx(np.mean(predicted - truth))
    assert agreement["high"] - agreement["bias"] == pytest.approx(spread)
    assert agreement["bias"] - agreement["low"] == pytest.approx(spread)


def test_agreement_of_one_point_has_no_spread() -> None:
    assert find_agreement([{"truth": 3.0, "predicted": 5.0}])[2] == {"bias": 2.0, "low": 2.0, "high": 2.0}


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ([0.5, 0.3, 0.2], "better than acting on everyone and on no one at all thresholds from 0.20 to 0.30"),
        ([0.6, 0.2, 0.2], "at most thresholds from 0.10 to 0.30"),
        ([0.5, 0.3, 0.0], "on no one at the threshold 0.20 only."),
        ([0.5, 0.2, 0.0], "At no threshold is the model better"),
        ([None, -0.1, None], "At no threshold is the model better"),
    ],
)
def test_the_decision_curve_is_described(model: list[float | None], sentence: str) -> None:
    curve = {"grid": [0.1, 0.2, 0.3], "model": model, "all": [0.5, 0.2, -0.1]}
    assert sentence in describe_net_benefit(curve)


def test_the_threshold_is_described_with_and_without_a_choice() -> None:
    curve = {"grid": [0.0, 0.5], "f1": [0.6, 0.8], "chosen": {"median": 0.46, "low": 0.46, "high": 0.46}}
    assert describe_threshold(curve) == "Chosen threshold: 0.46. F1 is largest, 0.800, at 0.50."
    assert describe_threshold({**curve, "chosen": None, "f1": [None, None]}) == "No threshold was recorded."


def test_gaps_may_lack_their_chance_level() -> None:
    assert describe_gap({"gap": 0.1}) == "largest gap 0.100."
    assert describe_gap({"gap": 0.1, "chance_95": 0.2, "p": 0.5}).endswith("below 0.200 (permutation p 0.500).")


def test_settings_are_described_in_words() -> None:
    assert describe_value({"a": 1, "b": [True]}) == "a 1, b yes"
    assert describe_value("<b>") == "<b>"


def test_numbers_have_a_minus_sign_and_no_negative_zero() -> None:
    assert format_number(-0.0001) == "0.000"
    assert format_number(-0.5, 1) == "\N{MINUS SIGN}0.5"
    assert format_compact(-1e-12) == "\N{MINUS SIGN}1e\N{MINUS SIGN}12"
    assert format_range({"low": -1.0, "high": None}) == ""
    assert format_score(None) == "-"
    assert not math.isnan(UNIT_SCALE.at(1e300))
