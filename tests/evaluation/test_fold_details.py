"""What an evaluation stores of its folds: confusion matrix, scores, thresholds, weights, channels; and baselines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from simulated import simulate_predictions
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pdmr_classic import Settings
from pdmr_classic.evaluation import _baseline_systems
from pdmr_classic.evaluation._channel_importance import list_channels
from pdmr_classic.evaluation._fold_details import average_confusion, average_members
from pdmr_classic.evaluation.baselines import LinearBaseline
from pdmr_classic.evaluation.compare import compare
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.predictions import read_predictions
from pdmr_classic.evaluation.system_scores import summarise_scores
from pdmr_classic.progress import CollectingReporter

QUICK = Settings().override(
    {"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2}
)
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


def simulate_study(subjects: int = 16, classes: int = 2) -> Study:
    """Return a table in which one of three video channels tells the classes; two recordings have no audio."""
    rng = np.random.default_rng(1)
    subject = np.repeat(np.arange(subjects), 2)
    label = rng.permutation(np.arange(subjects) % classes)[subject]
    n = len(subject)
    index = pd.Index([f"r{place:03d}" for place in range(n)], name="data_id")
    names = [f"video__c{k}__{functional}" for k in range(3) for functional in ("mean", "std")]
    table = pd.DataFrame(rng.normal(size=(n, 8)), index, [*names, "audio__vector__0", "audio__vector__1"])
    table[["video__c1__mean", "video__c1__std"]] += 2.5 * label[:, None]
    table.iloc[:2, 6:] = np.nan
    classes_of = np.array(["Depression", "Normal"] if classes == 2 else list("abc"), dtype=object)
    return table, pd.Series(classes_of[label], index), pd.Series([f"s{k}" for k in subject], index)


def run(study: Study, **options: Any) -> dict[str, Any]:
    return evaluate_features(
        *study, **{"settings": QUICK, "folds": 3, "repeats": 1, "reporter": CollectingReporter(), **options}
    )


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    """Return an evaluation of two repeats; tests must not modify it."""
    return run(simulate_study(), repeats=2)


@pytest.fixture(scope="module")
def several_classes() -> dict[str, Any]:
    """Return an evaluation of three classes; tests must not modify it."""
    return run(simulate_study(18, classes=3))


def test_the_confusion_matrix_is_that_of_the_predictions_averaged_over_repeats(evaluation: dict[str, Any]) -> None:
    predictions = pd.DataFrame(evaluation["predictions"])
    counts = pd.crosstab(predictions["status"], predictions["predicted"]) / 2
    assert evaluation["confusion"] == {
        "classes": ["Depression", "Normal"],
        "counts": counts.reindex(columns=["Depression", "Normal"], fill_value=0).to_numpy().tolist(),
        "n_repeats": 2,
    }


def test_specificity_has_an_interval_and_agrees_with_the_confusion_matrix(evaluation: dict[str, Any]) -> None:
    part, (_, (false, true)) = evaluation["scores"]["specificity"], evaluation["confusion"]["counts"]
    assert part["mean"] == pytest.approx(true / (true + false))
    assert part["low"] < part["mean"] <= part["high"]


def test_specificity_is_the_recall_of_the_other_class() -> None:
    predictions = simulate_predictions(1.0, repeats=2)
    other = next(name for name in predictions.classes if name != predictions.positive)
    scores, swapped = (summarise_scores(part)["scores"] for part in (predictions, replace(predictions, positive=other)))
    assert scores["specificity"]["mean"] == pytest.approx(swapped["recall"]["mean"])
    assert scores["specificity"]["low"] == pytest.approx(swapped["recall"]["low"])


def test_specificity_is_undefined_where_a_repeat_has_positives_only() -> None:
    predictions = simulate_predictions(1.0)
    positive = predictions.subset(predictions.truth == predictions.positive_index)
    part = summarise_scores(positive)["scores"]["specificity"]
    assert (part["mean"], part["reason"]) == (None, "one class only in the held-out recordings")


def test_a_confusion_matrix_of_several_classes_counts_each_pair(several_classes: dict[str, Any]) -> None:
    predictions = read_predictions(several_classes)
    counts = np.array(several_classes["confusion"]["counts"])
    assert average_confusion(predictions) == several_classes["confusion"]
    assert counts.shape == (3, 3)
    assert counts.sum() == 36
    assert counts[0, 1] == ((predictions.truth == 0) & (predictions.predicted == 1)).sum()


def test_each_fold_has_counts_and_scores_and_none_where_undefined() -> None:
    table, status, groups = simulate_study()
    order = groups.map({name: place for place, name in enumerate(groups[status.sort_values().index].unique())})
    # Site C has two subjects of one class.
    site = pd.Series(np.where(order < 2, "C", np.where(order % 2, "A", "B")), table.index).to_frame("site")
    folds = run((table, status, groups), labels=site, leave="site")["folds"]
    assert [(fold["fold"], fold["n_recordings"], fold["n_subjects"]) for fold in folds] == [
        *((0, 14, 7), (1, 14, 7)),
        (2, 4, 2),
    ]
    assert (folds[2]["scores"]["auc"], folds[2]["scores"]["balanced_accuracy"]) == (None, None)
    assert folds[2]["scores"]["brier"] is not None
    assert folds[0]["scores"]["auc"] > 0.5


def test_the_mean_auc_of_the_folds_is_the_score(evaluation: dict[str, Any]) -> None:
    folds = evaluation["folds"]
    assert [(fold["repeat"], fold["fold"]) for fold in folds] == [(r, f) for r in range(2) for f in range(3)]
    assert np.mean([fold["scores"]["auc"] for fold in folds]) == pytest.approx(evaluation["scores"]["auc"]["mean"])
    assert list(folds[0]["scores"]) == ["f1", "auc", "balanced_accuracy", "brier"]


def test_each_model_has_its_threshold_which_explains_its_predictions(evaluation: dict[str, Any]) -> None:
    thresholds = {(part["repeat"], part["fold"]): part["threshold"] for part in evaluation["thresholds"]}
    assert len(thresholds) == 6
    for row in evaluation["predictions"]:
        is_positive = row["probability"] >= thresholds[row["repeat"], row["fold"]]
        assert (row["predicted"] == "Depression") == is_positive


def test_several_classes_have_no_threshold_and_folds_have_macro_f1(several_classes: dict[str, Any]) -> None:
    assert "thresholds" not in several_classes
    assert "specificity" not in several_classes["scores"]
    assert list(several_classes["folds"][0]["scores"]) == ["macro_f1", "auc", "balanced_accuracy", "brier"]


def test_members_weigh_one_together_and_their_range_contains_the_mean(evaluation: dict[str, Any]) -> None:
    members = evaluation["members"]
    assert {member["name"] for member in members} == {"video/linear", "audio/linear", "both/linear"}
    assert sum(member["weight"] for member in members) == pytest.approx(1)
    assert all(member["low"] <= member["weight"] <= member["high"] for member in members)
    assert [member["weight"] for member in members] == sorted((m["weight"] for m in members), reverse=True)


def test_a_member_that_a_fold_lacks_weighs_nothing_in_it() -> None:
    def member(name: str, weight: float) -> dict[str, Any]:
        return {"name": name, "view": "video", "learner": name, "weight": weight, "low": weight, "high": weight}

    averaged = average_members([[member("svm", 1.0)], [member("svm", 0.4), member("linear", 0.6)]])
    assert [(part["name"], part["weight"], part["low"], part["high"]) for part in averaged] == [
        ("svm", 0.7, 0.4, 1.0),
        ("linear", 0.3, 0.0, 0.6),
    ]


def test_the_channel_that_tells_the_classes_is_the_most_important(evaluation: dict[str, Any]) -> None:
    by_channel = evaluation["importance"]["by_channel"]
    assert next(iter(by_channel)) == "video c1"
    assert by_channel["video c1"] > 5 * max(abs(by_channel["video c0"]), abs(by_channel["audio vector"]))
    assert set(by_channel) == {"video c0", "video c1", "video c2", "audio vector"}


def test_without_importance_there_are_no_channels() -> None:
    evaluation = run(simulate_study(), settings=QUICK.override({"learning.importance": False}))
    assert not any(evaluation["importance"].values())


def test_hidden_columns_and_columns_without_a_channel_are_not_shuffled() -> None:
    names = ["quality__stream__n_gaps", "material__kineme__0", "x0", "video_change__AU12_r__mean"]
    assert list(list_channels(names)) == ["video_change AU12_r"]


# ------------------------------------------------------------------------------------------- logistic regression


def test_logistic_regression_is_the_plain_pipeline_in_the_same_folds(evaluation: dict[str, Any]) -> None:
    table, status, groups = simulate_study()
    folds: list[Any] = []

    class Watched(LinearBaseline):
        def fit(self, X: Any, y: Any, groups: Any, weights: Any = None) -> Any:
            folds.append((X, y))
            return super().fit(X, y, groups, weights)

        def predict(self, X: Any) -> Any:
            predicted, probability = super().predict(X)
            folds[-1] += (X, predicted, probability, self.threshold_)
            return predicted, probability

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_baseline_systems, "LinearBaseline", Watched)
        watched = run((table, status, groups), repeats=2)
    assert watched == evaluation
    for X, y, X_test, predicted, probability, threshold in folds:
        # Two rows are of one subject, and no training row is held out.
        assert not (X_test[:, None, 0] == X[None, :, 0]).any()
        pipeline = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000))
        assert probability == pytest.approx(pipeline.fit(X, y).predict_proba(X_test))
        assert (predicted == np.where(probability[:, 0] >= threshold, 0, 1)).all()


def test_logistic_regression_is_a_baseline_with_a_paired_difference(evaluation: dict[str, Any]) -> None:
    baseline = evaluation["baselines"]["logistic_regression"]
    assert (baseline["n_recordings"], baseline["n_subjects"]) == (32, 16)
    assert set(baseline["scores"]) == set(evaluation["scores"])
    for name in ("f1", "auc"):
        expected = evaluation["scores"][name]["mean"] - baseline["scores"][name]["mean"]
        assert baseline["differences"][name]["difference"] == pytest.approx(expected)


def test_compare_takes_logistic_regression_by_name_and_not_for_a_view(evaluation: dict[str, Any]) -> None:
    comparison = compare(evaluation, systems=["model", "logistic_regression"])
    assert list(comparison["systems"]) == ["model", "logistic_regression"]
    by_view = compare(evaluation)["systems"]
    assert "view video" in by_view
    assert "logistic_regression" not in by_view
