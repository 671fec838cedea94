"""The sentences of an evaluation: they rest on the same facts, and never contradict each other."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pdmr_classic.evaluation._conclusions import conclude_evaluation

NO_SHORTCUT = {"problem": "could not look: no recording conditions are known", "scores": {}, "is_above_chance": False}
FLOOR = {"label": "Depression", "f1": 0.667, "macro_f1": 0.333}


def score(mean: float | None, low: float | None = None, high: float | None = None) -> dict[str, float | None]:
    return {"mean": mean, "low": low, "high": high}


def strata(mean: float | None, low: float | None = None) -> dict[str, Any]:
    return {"n_strata": 3, "n_pairs": 99, "auc": score(mean, low, 0.99)}


def found_shortcut(**changes: Any) -> dict[str, Any]:
    return {
        "problem": "",
        "scores": {"auc": score(0.75, 0.64, 0.84)},
        "is_above_chance": True,
        "p": 0.002,
        "strongest_column": "quality__stream__n_gaps",
        "model_minus_shortcut": {"difference": 0.1, "low": 0.02, "high": 0.18},
        "within_strata": strata(0.68, 0.55),
        "are_comparable": True,
        **changes,
    }


def conclude(
    auc: dict[str, Any],
    f1: dict[str, Any],
    *,
    p: float | None = 0.001,
    shortcut: dict[str, Any] | None = None,
    confounds: dict[str, Any] | None = None,
    positive: str | None = "Depression",
) -> tuple[str, list[str]]:
    scores = {"auc": auc, "f1": f1, "macro_f1": f1}
    test = {"p_fixed_predictions": {} if p is None else {"auc": p, "f1": 0.001}}
    baselines = {"floor": FLOOR, "shortcut": shortcut or NO_SHORTCUT}
    sentences, warnings = conclude_evaluation(scores, test, baselines, confounds or {}, positive)
    assert {warning.what for warning in warnings} <= set(sentences)
    return ". ".join(sentences), [warning.code for warning in warnings]


def test_a_good_ranking_beside_a_poor_f1_is_explained() -> None:
    text, codes = conclude(score(0.71, 0.6, 0.8), score(0.68, 0.55, 0.78))
    assert "ranks new people better than chance: AUC 0.710 (95% CI 0.60 to 0.80), permutation p 0.001" in text
    assert "F1 of Depression, 0.680 (95% CI 0.55 to 0.78), cannot be distinguished from that of answering" in text
    assert "unlike the ranking, it depends on the threshold" in text
    assert codes == ["floor"]


def test_a_model_that_beats_chance_and_floor_has_no_warning() -> None:
    text, codes = conclude(score(0.9, 0.8, 0.95), score(0.85, 0.75, 0.92))
    assert "is higher than that of answering Depression for everyone (0.667)" in text
    assert codes == []


@pytest.mark.parametrize(
    ("auc", "p", "verdict"),
    [
        (score(0.6, 0.45, 0.7), 0.2, "There is no evidence that"),
        (score(0.6, 0.49, 0.7), 0.04, "It is uncertain whether"),
        (score(0.6, 0.51, 0.7), 0.06, "It is uncertain whether"),
        (score(0.3, 0.2, 0.4), 0.99, "worse than chance"),
        (score(0.6), None, "There is no evidence that"),
        (score(None), None, "is unknown"),
    ],
)
def test_interval_and_permutation_test_must_agree(auc: dict[str, Any], p: float | None, verdict: str) -> None:
    text, _ = conclude(auc, score(0.6, 0.5, 0.7), p=p)
    assert verdict in text
    assert "better than chance: AUC" not in text.replace("whether the model ranks", "").replace(
        "that the model ranks new people better than chance", ""
    ) or verdict in ("It is uncertain whether",)


def test_no_combination_of_facts_contradicts_itself() -> None:
    ranges = [score(0.6, 0.4, 0.7), score(0.7, 0.6, 0.8), score(0.3, 0.2, 0.4)]
    for auc, f1, p in itertools.product(ranges, [*ranges, score(0.9, 0.8, 0.95)], (0.001, 0.5)):
        text, codes = conclude(auc, f1, p=p)
        is_above = auc["low"] > 0.5 and p < 0.05
        assert text.startswith("The model ranks new people better than chance") == is_above
        assert ("floor" in codes) == (f1["low"] <= 0.667)
        assert "unlike the ranking" not in text or is_above


def test_a_shortcut_is_reported_with_what_the_model_adds() -> None:
    text, codes = conclude(score(0.85, 0.75, 0.92), score(0.85, 0.75, 0.92), shortcut=found_shortcut())
    assert "rank better than chance: AUC 0.750 (95% CI 0.64 to 0.84)" in text
    assert "The model's AUC is higher by 0.10 (+0.02 to +0.18)" in text
    assert "Among recordings of similar conditions, its AUC is 0.680 (95% CI 0.55 to 0.99)" in text
    assert codes == ["shortcut"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model_minus_shortcut": {"difference": 0.0, "low": -0.1, "high": 0.1}}, "cannot be distinguished from it"),
        ({"model_minus_shortcut": {"difference": -0.2, "low": -0.3, "high": -0.1}}, "is lower by 0.20"),
        ({"within_strata": strata(None)}, "What it adds cannot be told"),
        ({"are_comparable": False}, "What it adds cannot be told"),
    ],
)
def test_what_a_model_adds_to_a_shortcut_may_be_unknown(changes: dict[str, Any], sentence: str) -> None:
    text, _ = conclude(score(0.8, 0.7, 0.9), score(0.8, 0.7, 0.9), shortcut=found_shortcut(**changes))
    assert sentence in text


def test_a_shortcut_at_chance_is_no_warning_although_it_meets_the_floor() -> None:
    shortcut = {"problem": "", "scores": {"auc": score(0.5, 0.38, 0.62)}, "is_above_chance": False}
    text, codes = conclude(score(0.6, 0.45, 0.7), score(0.6, 0.5, 0.7), p=0.2, shortcut=shortcut)
    assert "do not clearly rank better than chance: AUC 0.500" in text
    assert codes == ["floor"]


def test_unknown_conditions_are_named() -> None:
    assert (
        "could not look: no recording conditions are known" in conclude(score(0.6, 0.4, 0.7), score(0.6, 0.5, 0.7))[0]
    )


def test_several_classes_are_compared_by_macro_f1() -> None:
    text, codes = conclude(score(0.8, 0.7, 0.9), score(0.5, 0.4, 0.6), positive=None)
    assert "Macro F1, 0.500 (95% CI 0.40 to 0.60), is higher than" in text
    assert codes == []


def confounds(**changes: Any) -> dict[str, Any]:
    group = {"problem": "", "scores": {"auc": score(0.8, 0.7, 0.9)}, "p_adjusted": 0.01, "is_found": True}
    return {
        "groups": {"file format": group},
        "found": ["file format"],
        "repaired": {"problem": "", "scores": {"auc": score(0.52, 0.4, 0.63)}},
        "strongest": {"group": "file format", "model": strata(0.5, 0.4), "are_comparable": True},
        **changes,
    }


def test_a_confound_is_reported_with_the_repaired_score() -> None:
    text, codes = conclude(score(0.9, 0.8, 0.95), score(0.9, 0.8, 0.95), confounds=confounds())
    assert "Recording conditions alone predict the label: file format (AUC 0.800 (95% CI 0.70 to 0.90))" in text
    assert "Among recordings of similar file format, the model's AUC is 0.500" in text
    assert "the model's AUC is 0.520 (95% CI 0.40 to 0.63): no evidence of more than the conditions" in text
    assert codes == ["confound"]


def test_an_audit_without_findings_is_no_warning() -> None:
    group = {"problem": "", "scores": {"auc": score(0.5, 0.4, 0.6)}, "p_adjusted": 1.0, "is_found": False}
    nothing = {"groups": {"file format": group}, "found": [], "repaired": {}}
    text, codes = conclude(score(0.9, 0.8, 0.95), score(0.9, 0.8, 0.95), confounds=nothing)
    assert "None of 1 groups of recording conditions clearly predicts the label: nothing to repair" in text
    assert codes == []


def test_a_single_column_that_differs_is_reported_although_the_learner_of_all_columns_misses_it() -> None:
    shortcut = found_shortcut(scores={"auc": score(0.6, 0.47, 0.7)})
    text, codes = conclude(score(0.85, 0.75, 0.92), score(0.85, 0.75, 0.92), shortcut=shortcut)
    assert "differ between the classes, above all quality__stream__n_gaps (permutation p 0.002)" in text
    assert "rank better than chance: AUC 0.600" not in text
    assert codes == ["shortcut"]
