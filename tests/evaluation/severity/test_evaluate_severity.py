"""`evaluate_features` with scores: alone, and beside classes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from simulated_severity import PHQ8, draw_scores

from pdmr_classic import Settings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation import _run_folds as run_folds
from pdmr_classic.evaluation.compare import compare
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.outer_folds import make_outer_folds
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.reporting.evaluation_tables import evaluation_tables

QUICK = Settings().override(
    {
        "learning.learners": ("linear",),
        "severity.learners": ("ridge",),
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.folds": 3,
    }
)
ALONE, BOTH = QUICK.override({"data.target": "phq8"}), QUICK.override({"data.target": "both"})


def make_study(subjects: int = 24, each: int = 2, signal: float = 1.5, seed: int = 0) -> dict[str, Any]:
    """Return features of two views and recording conditions, labels, subjects and scores; two rows have no audio."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), each)
    score = draw_scores(subjects, rng)[subject]
    index = pd.Index([f"r{place:03d}" for place in range(len(subject))], name="data_id")
    planted = signal * (score - 8) / 5
    table = pd.DataFrame(
        {
            f"{view}__c{k}__mean": planted + rng.normal(size=len(subject))
            for view in ("video", "audio")
            for k in range(3)
        },
        index=index,
    )
    table["quality__stream__duration_s"] = rng.uniform(20, 40, len(subject))
    table.iloc[:2, 3:6] = np.nan
    status = pd.Series(np.where(score >= 10, "Depression", "Normal"), index=index, dtype=object)
    groups = pd.Series([f"secret-{number:02d}" for number in subject], index=index)
    return {"features": table, "status": status, "groups": groups, "severity": pd.Series(score, index=index)}


def run(study: dict[str, Any], settings: Settings = BOTH, **options: Any) -> dict[str, Any]:
    return evaluate_features(**{**study, "settings": settings, "scale": PHQ8, "folds": 3, "repeats": 1, **options})


STUDY = make_study()


@pytest.fixture(scope="module")
def both() -> dict[str, Any]:
    """Return an evaluation of classes and scores; tests must not modify it."""
    return run(STUDY, repeats=2)


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    """Return an evaluation of scores; tests must not modify it."""
    return run({**STUDY, "status": None}, ALONE)


def show(evaluation: dict[str, Any]) -> str:
    screen = io.StringIO()
    Console(width=80, file=screen).print(evaluation_tables(evaluation))
    return screen.getvalue()


def test_scores_are_evaluated_without_any_label(alone: dict[str, Any]) -> None:
    assert alone["schema"] == "pdmr-classic/evaluation/6"
    assert (alone["positive"], alone["data"]["classes"]) == (None, {})
    assert not {"predictions", "systems", "scores", "permutation_test"} & set(alone)
    severity = alone["severity"]
    assert severity["scores"]["ccc"]["mean"] > 0.5
    assert severity["conclusion"][0].startswith("Severities agree with the scores of new people better than by chance")
    assert severity["clinical"]["scores"]["auc"]["mean"] > 0.8


def test_every_score_stands_beside_its_baselines(both: dict[str, Any]) -> None:
    severity = both["severity"]
    assert list(severity["baselines"]) == ["mean", "median", "shortcut", "view video", "view audio", "view both"]
    mean = severity["baselines"]["mean"]["scores"]
    assert mean["pearson"]["reason"] == "constant predictions in each held-out fold of a repeat"
    assert mean["mae"]["mean"] > severity["scores"]["mae"]["mean"]
    assert severity["baselines"]["view audio"]["n_recordings"] == 46
    assert 0 < severity["intervals"]["coverage"]["mean"] <= 1


def test_no_name_of_a_recording_or_subject_is_stored(both: dict[str, Any], alone: dict[str, Any]) -> None:
    for evaluation in (both, alone):
        text = json.dumps(evaluation, allow_nan=False)
        assert "secret" not in text
        assert '"r0' not in text


def test_classes_and_scores_are_those_of_the_same_recordings(both: dict[str, Any]) -> None:
    keys = [
        [(row["recording"], row["repeat"], row["fold"]) for row in part["predictions"]]
        for part in (both, both["severity"])
    ]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 96


def test_abstention_is_told_with_the_classes(both: dict[str, Any]) -> None:
    assert both["abstention"]["curve"][0]["share_answered"] == 1
    assert both["abstention"]["label_sets"]["level"] == 0.9
    assert 0 < both["abstention"]["label_sets"]["share_answered"] <= 1


def test_the_classes_of_an_evaluation_without_scores_stay_the_same() -> None:
    """The stack of classes may use predicted scores, but neither folds nor layout depend on them."""
    study = {name: part for name, part in STUDY.items() if name != "severity"}
    evaluation = run(study, QUICK, scale=None)
    assert "severity" not in evaluation
    assert sorted(evaluation["abstention"]["label_sets"]["coverage_by_class"]) == sorted(evaluation["data"]["classes"])
    both = run(STUDY)
    folds = [[(row["recording"], row["fold"]) for row in part["predictions"]] for part in (evaluation, both)]
    assert folds[0] == folds[1]


def test_a_recording_is_used_for_what_it_has() -> None:
    status, severity = STUDY["status"].copy(), STUDY["severity"].copy()
    status.iloc[[0, 1, 10]] = ""
    severity.iloc[[4, 5, 6]] = np.nan
    evaluation = run({**STUDY, "status": status, "severity": severity})
    assert evaluation["n_recordings"] == 45
    assert evaluation["severity"]["n_recordings"] == 45
    assert evaluation["data"]["n_recordings"] == 48
    assert sum(evaluation["data"]["classes"].values()) == 45


def test_an_interrupted_evaluation_resumes_with_the_same_result(
    alone: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "evaluation.folds"
    fold, done = run_folds.run_fold, []

    def stop_after_one(*arguments: Any) -> dict[str, Any]:
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return fold(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(run_folds, "run_fold", stop_after_one)
        with pytest.raises(KeyboardInterrupt):
            run({**STUDY, "status": None}, ALONE, checkpoint=checkpoint)
    reporter = CollectingReporter()
    resumed = run({**STUDY, "status": None}, ALONE, checkpoint=checkpoint, reporter=reporter)
    assert "resumed" in [finding.code for finding in reporter.findings]
    assert resumed == alone
    other = {**STUDY, "status": None, "severity": 24 - STUDY["severity"]}
    with pytest.raises(ConfigError, match="with different data"):
        run(other, ALONE, checkpoint=checkpoint)


def test_folds_of_scores_are_stratified_by_the_score(alone: dict[str, Any]) -> None:
    rows = pd.DataFrame(alone["severity"]["predictions"])
    means = rows.groupby("fold")["score"].mean()
    assert np.ptp(means) < 3
    assert rows.groupby("subject")["fold"].nunique().max() == 1


def test_experts_stand_beside_the_model_without_them() -> None:
    conditions = pd.Series(np.where(np.arange(48) % 4 < 2, "human", "robot"), index=STUDY["features"].index)
    settings = ALONE.override({"learning.experts": "interviewer"})
    evaluation = run({**STUDY, "status": None}, settings, conditions=conditions)
    assert "without experts" in evaluation["severity"]["baselines"]
    assert "the model without experts" in show(evaluation)
    predicted = [row["severity"] for row in evaluation["severity"]["predictions"]]
    assert predicted != evaluation["severity"]["systems"]["without experts"]


def test_scores_are_told_by_subgroup_and_under_stress() -> None:
    labels = pd.DataFrame({"site": np.where(np.arange(48) % 4 < 2, "a", "b")}, index=STUDY["features"].index)
    noisy = STUDY["features"] + np.random.default_rng(0).normal(size=STUDY["features"].shape) * 4
    evaluation = run({**STUDY, "status": None}, ALONE, labels=labels, by=["site"], altered={"noise": noisy})
    part = evaluation["severity"]
    assert list(part["subgroups"]["site"]) == ["a", "b"]
    stress = part["stress_tests"]["noise"]
    assert stress["scores"]["ccc"] < stress["unaltered_scores"]["ccc"] == pytest.approx(part["scores"]["ccc"]["mean"])
    text = show(evaluation)
    assert "severity by site" in text
    assert "stress test of severity" in text


def test_an_official_split_holds_out_its_parts() -> None:
    labels = pd.DataFrame({"split": np.where(np.arange(48) < 36, "train", "test")}, index=STUDY["features"].index)
    evaluation = run({**STUDY, "status": None}, ALONE, labels=labels)
    assert evaluation["outer_folds"]["is_one_way"]
    assert evaluation["severity"]["n_recordings"] == 12


def test_each_value_of_a_column_is_held_out_without_a_word_about_classes() -> None:
    labels = pd.DataFrame({"site": [f"s{k // 16}" for k in range(48)]}, index=STUDY["features"].index)
    reporter = CollectingReporter()
    evaluation = run({**STUDY, "status": None}, ALONE, labels=labels, leave="site", reporter=reporter)
    assert list(evaluation["severity"]["subgroups"]["site"]) == ["s0", "s1", "s2"]
    assert not any("class" in finding.what for finding in reporter.findings if finding.code == "left-out")


def test_fewer_folds_are_told() -> None:
    reporter = CollectingReporter()
    strata = pd.Series([f"scores {k % 2}" for k in range(12)])
    options: dict[str, Any] = {"folds": 9, "repeats": 1, "seed": 0, "has_classes": False, "reporter": reporter}
    make_outer_folds(strata, pd.Series([f"S{k}" for k in range(12)]), None, **options)
    assert reporter.findings[0].what == "6 outer folds instead of 9: the rarest range of scores has only 6 subjects"


@pytest.mark.parametrize("option", [{"confounds": True}, {"nuisance": ["site"]}])
def test_options_about_classes_need_classes(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="classes are required for"):
        run({**STUDY, "status": None}, ALONE, **option)


def test_too_few_subjects_are_refused_before_training() -> None:
    few = make_study(subjects=12)
    with pytest.raises(DataError, match="too few subjects for an evaluation: 8 with a score remain") as caught:
        run({**few, "status": None}, ALONE)
    assert caught.value.finding.found == "12 in all"


@pytest.mark.parametrize("name", ["both", "alone"])
def test_evaluations_are_shown_in_80_columns(name: str, request: pytest.FixtureRequest) -> None:
    text = show(request.getfixturevalue(name))
    assert max(map(len, text.splitlines())) <= 80
    for label in (
        "Concordance (CCC)",
        "training median",
        "by true class",
        "scores from 10 as a class",
        "Coverage of 90%",
    ):
        assert label in text
    assert ("one class in the 90% label set" in text) == (name == "both")
    assert text.count("Confidence intervals: 95%") == 1


def test_two_evaluations_are_compared_without_training_again(both: dict[str, Any]) -> None:
    comparison = compare(both, both)
    assert comparison["severity"]["pairs"][0]["differences"]["ccc"]["difference"] == 0
    assert set(compare(both, systems=["model", "mean", "view"])["severity"]["systems"]) == {
        *("model", "mean", "view video", "view audio", "view both"),
    }
