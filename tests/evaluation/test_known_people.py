"""Leave-session-out and leave-subject-out: who is held out is said in words, and never mixed up."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pdmr_classic import Settings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation.compare import compare
from pdmr_classic.evaluation.evaluate import evaluate
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.features._baseline_change import compute_change
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.io.dataset import load_dataset
from pdmr_classic.models.ensemble import fold_data
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.reporting.comparison_tables import comparison_table
from pdmr_classic.reporting.evaluation_tables import evaluation_tables
from pdmr_classic.splits import GroupedFolds

QUICK = Settings().override(
    {
        "learning.learners": ("linear",),
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.folds": 3,
        "learning.importance": False,
    }
)
N_SUBJECTS, N_SESSIONS = 24, 3
Study = tuple[pd.DataFrame, pd.Series, pd.Series, pd.DataFrame]


def make_study(*, person: float = 3.0, classes: int = 2) -> Study:
    """Return a table in which nothing but the person tells the label, subjects' labels, and sessions."""
    rng = np.random.default_rng(1)
    subject = np.repeat(np.arange(N_SUBJECTS), N_SESSIONS)
    n = len(subject)
    index = pd.Index([f"r{row:02d}" for row in range(n)], name="data_id")
    values = person * rng.normal(size=(N_SUBJECTS, 30))[subject] + rng.normal(size=(n, 30))
    names = np.array(["Depression", "Normal"] if classes == 2 else [f"c{k}" for k in range(classes)], dtype=object)
    labels = pd.DataFrame(
        {"session": np.tile(list("123"), N_SUBJECTS), "site": np.tile(list("aab"), N_SUBJECTS)}, index
    )
    return (
        pd.DataFrame(values, index=index, columns=[f"video__c{k:02d}__mean" for k in range(30)]),
        pd.Series(names[rng.permutation(np.arange(N_SUBJECTS) % classes)[subject]], index=index),
        pd.Series([f"secret-{number:02d}" for number in subject], index=index),
        labels,
    )


def run(study: Study, **options: Any) -> dict[str, Any]:
    features, status, groups, labels = study
    return evaluate_features(
        features, status, groups, labels=labels, **{"settings": QUICK, "folds": 3, "repeats": 1, **options}
    )


def show(renderable: Any) -> str:
    screen = io.StringIO()
    Console(width=80, file=screen).print(renderable)
    return " ".join(screen.getvalue().split())


@pytest.fixture(scope="module")
def evaluations() -> dict[str, dict[str, Any]]:
    """Return evaluations of the same set; tests must not modify them."""
    study = make_study()
    return {
        "folds": run(study),
        "session": run(study, leave="session"),
        "subject": run(study, leave="subject_id"),
    }


def test_a_model_that_knows_the_person_is_good_for_known_people_only(evaluations: dict[str, dict[str, Any]]) -> None:
    auc = {name: evaluations[name]["scores"]["auc"]["mean"] for name in ("folds", "session")}
    assert auc["session"] > 0.9
    assert auc["folds"] < 0.7


def test_who_is_held_out_is_a_key_of_the_evaluation(evaluations: dict[str, dict[str, Any]]) -> None:
    assert {name: evaluation["held_out"] for name, evaluation in evaluations.items()} == {
        "folds": "new people",
        "session": "another visit of known people",
        "subject": "new people",
    }


def test_the_head_of_the_table_says_who_is_held_out(evaluations: dict[str, dict[str, Any]]) -> None:
    heads = {name: show(evaluation_tables(evaluation))[:400] for name, evaluation in evaluations.items()}
    assert "Held out: new people, none of whose recordings are trained on." in heads["folds"]
    assert "Held out: new people, one subject at a time." in heads["subject"]
    assert "Held out: another visit of known people; their other sessions are trained on" in heads["session"]
    assert "on held-out visits" in heads["session"]
    assert "on held-out people" in heads["folds"]


def test_the_conclusion_for_known_people_starts_with_a_warning(evaluations: dict[str, dict[str, Any]]) -> None:
    evaluation = evaluations["session"]
    assert evaluation["conclusion"][0].startswith("These scores are for another visit of known people")
    assert evaluation["conclusion"][1].startswith("The model ranks other visits of known people better than chance")
    assert evaluation["warnings"][0]["code"] == "known-people"
    assert "other visits of many known people" in evaluation["interval_note"]
    assert not [sentence for sentence in evaluation["conclusion"][1:] if "new people" in sentence]


def test_the_scores_of_each_session_are_reported(evaluations: dict[str, dict[str, Any]]) -> None:
    assert list(evaluations["session"]["subgroups"]["session"]["groups"]) == ["1", "2", "3"]
    assert evaluations["subject"]["subgroups"] == {}


def test_one_class_in_each_fold_has_no_auc_and_says_so(evaluations: dict[str, dict[str, Any]]) -> None:
    auc = evaluations["subject"]["scores"]["auc"]
    assert (auc["mean"], auc["reason"]) == (None, "one class only in each held-out fold of a repeat")
    assert evaluations["subject"]["conclusion"][0].endswith("is unknown: no fold has both classes")
    assert evaluations["subject"]["scores"]["f1"]["low"] is not None
    assert len(evaluations["subject"]["outer_folds"]["sizes"]) == N_SUBJECTS


def test_no_name_of_a_subject_is_stored(evaluations: dict[str, dict[str, Any]]) -> None:
    assert "secret-" not in str(evaluations["subject"])


def test_evaluations_of_known_and_new_people_are_not_paired(evaluations: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(DataError, match="the evaluations differ in who is held out") as caught:
        compare(evaluations["session"], evaluations["folds"])
    assert caught.value.finding.found == "A: another visit of known people, B: new people"
    # The same rows in the same folds: the models were trained on other people.
    same_folds = {**evaluations["session"], "held_out": "new people"}
    with pytest.raises(DataError, match="the evaluations differ in who is held out"):
        compare(evaluations["session"], same_folds)
    comparison = compare(evaluations["session"], evaluations["session"])
    assert "Held out: another visit of known people." in show(comparison_table(comparison))


def test_subjects_stay_whole_in_the_inner_folds_of_known_people(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[int] = []

    class Recorded(GroupedFolds):
        def split(self, X: Any, y: Any = None, groups: Any = None, sample_weight: Any = None) -> Any:
            for train, test in super().split(X, y, groups, sample_weight):
                shared.append(len(set(np.asarray(groups)[train]) & set(np.asarray(groups)[test])))
                yield train, test

    monkeypatch.setattr(fold_data, "GroupedFolds", Recorded)
    run(make_study(), leave="session")
    assert len(shared) >= 3 * QUICK.learning.folds
    assert sum(shared) == 0


def test_severity_alone_warns_of_known_people() -> None:
    features, _, groups, labels = make_study()
    severity = pd.Series(np.random.default_rng(0).normal(10, 3, len(features)), index=features.index)
    settings = QUICK.override({"data.target": "phq", "severity.learners": ("ridge",), "severity.level": 0.5})
    evaluation = evaluate_features(
        features, None, groups, severity=severity, labels=labels, settings=settings, leave="session"
    )
    assert [warning["code"] for warning in evaluation["warnings"]] == ["known-people"]
    assert "other visits of known people" in evaluation["severity"]["conclusion"][0]
    assert "not for new people" in show(evaluation_tables(evaluation))


def test_several_classes_can_be_left_out_by_subject() -> None:
    evaluation = run(make_study(classes=3), leave="subject_id")
    assert evaluation["scores"]["auc"]["mean"] is None
    assert evaluation["scores"]["macro_f1"]["mean"] is not None


def test_without_subject_ids_no_subject_can_be_left_out(small_set: Path, tmp_path: Path) -> None:
    labels = pd.read_csv(small_set / "train/labels.csv", dtype=str).drop(columns="subject_id")
    labels.to_csv(tmp_path / "labels.csv", index=False)
    data = load_dataset(small_set, split="train", labels=tmp_path / "labels.csv")
    with pytest.raises(ConfigError, match="--leave names a column that is not in the label table"):
        evaluate(data, settings=QUICK, leave="subject_id")


# -------------------------------------------------------------------------------------- change from baseline


def test_the_shortcut_baseline_finds_labels_that_follow_the_baseline() -> None:
    features, status, groups, labels = make_study()
    is_baseline = (labels["session"] == "1").to_numpy()
    status = pd.Series(np.where(is_baseline, "Normal", "Depression"), index=status.index)
    table = features.join(compute_change(features, groups, is_baseline, ~is_baseline))
    evaluation = run((table, status, groups, labels))
    shortcut = evaluation["baselines"]["shortcut"]
    assert shortcut["scores"]["auc"]["mean"] > 0.95
    assert evaluation["warnings"][0]["code"] == "shortcut"


def test_the_change_from_baseline_helps_for_new_people() -> None:
    rng = np.random.default_rng(2)
    features, _, groups, labels = make_study()
    status = pd.Series(rng.permutation(["Depression", "Normal"] * (len(features) // 2)), index=features.index)
    features = features.iloc[:, :5].add(2.0 * (status == "Depression"), axis=0)
    is_baseline = (labels["session"] == "1").to_numpy()
    table = features.join(compute_change(features, groups, is_baseline, ~is_baseline))
    level, change = (run((part, status, groups, labels))["scores"]["auc"]["mean"] for part in (features, table))
    assert change > level + 0.05


def test_a_held_out_baseline_visit_whose_features_are_trained_on_is_told() -> None:
    features, status, groups, labels = make_study()
    is_baseline = (labels["session"] == "1").to_numpy()
    table = features.iloc[:, :3].join(compute_change(features.iloc[:, :3], groups, is_baseline, ~is_baseline))
    for part, leave, n_notes in ((table, "session", 1), (features.iloc[:, :3], "session", 0), (table, "subject_id", 0)):
        reporter = CollectingReporter()
        run((part, status, groups, labels), leave=leave, reporter=reporter)
        notes = [finding for finding in reporter.findings if finding.code == "held-out-baseline"]
        assert len(notes) == n_notes
        (cost,) = (finding for finding in reporter.findings if finding.code == "cost")
        assert (cost.found or "").startswith("1 trial per base learner; ")


# ------------------------------------------------------------------------------------------------- real data


def test_ten_real_subjects_with_seven_classes_can_be_left_out(real_data: Path) -> None:
    data = load_dataset(real_data / "watch-exercise" / "train")
    features = FeatureExtractor(Settings().override({"features.families": ("distribution",)})).transform(data)
    evaluation = evaluate_features(
        features, data.labels["status"], data.groups, labels=data.labels, settings=QUICK, leave="subject_id"
    )
    assert len(evaluation["outer_folds"]["sizes"]) == 10
    assert evaluation["scores"]["auc"]["mean"] > 0.9, "each subject has all classes"
