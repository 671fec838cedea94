from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pdmr_classic import DataError, DepressionModel, Settings
from pdmr_classic.environment import describe_environment
from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.evaluation import _run_folds as run_folds
from pdmr_classic.evaluation import run_fold as folds
from pdmr_classic.evaluation.confounds import audit
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.predictions import make_pseudonyms, read_predictions
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.reporting.evaluation_tables import evaluation_tables
from pdmr_classic.storage import fingerprint
from pdmr_classic.storage.lock import hold_lock

QUICK = Settings().override(
    {"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 3}
)
SPLIT_NAMES = {True: "test", False: "train"}
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


def study(subjects: int = 16, each: int = 2, *, signal: float = 0.0, classes: int = 2, seed: int = 0) -> Study:
    """Return a table with video, audio and quality features; two recordings have no audio."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), each)
    label = rng.permutation(np.arange(subjects) % classes)[subject]
    n = len(subject)
    index = pd.Index([f"r{place:03d}" for place in range(n)], name="data_id")
    seen = {f"{view}__c{k}__mean": signal * (label == k) for view in ("video", "audio") for k in range(3)}
    table = pd.DataFrame({name: column + rng.normal(size=n) for name, column in seen.items()}, index=index)
    table["quality__stream__duration_s"] = rng.uniform(20, 40, n)
    table.iloc[:2, 3:6] = np.nan
    names = np.array(["Depression", "Normal"] if classes == 2 else [f"c{k}" for k in range(classes)], dtype=object)
    groups = pd.Series([f"secret-{number:02d}" for number in subject], index=index)
    return table, pd.Series(names[label], index=index), groups


def run(data: Study, **options: Any) -> dict[str, Any]:
    return evaluate_features(*data, **{"settings": QUICK, "folds": 3, "repeats": 1, **options})


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    """Return an evaluation of a set with a signal; tests must not modify it."""
    return run(study(signal=1.5), repeats=2)


# ------------------------------------------------------------------------------------------- content


def test_an_evaluation_is_json_serialisable_and_describes_itself(evaluation: dict[str, Any]) -> None:
    assert evaluation["schema"] == "pdmr-classic/evaluation/6"
    assert evaluation["environment"] == describe_environment()
    assert json.loads(json.dumps(evaluation, allow_nan=False)) == evaluation
    counts = {"n_recordings": 32, "n_subjects": 16, "classes": {"Depression": 16, "Normal": 16}}
    assert evaluation["data"] == {**counts, "fingerprint": evaluation["data"]["fingerprint"]}
    assert len(evaluation["outer_folds"]["sizes"]) == 6
    assert (evaluation["outer_folds"]["n_folds"], evaluation["outer_folds"]["n_repeats"]) == (3, 2)


def test_each_score_has_a_mean_and_sd_and_all_but_the_calibration_error_an_interval(
    evaluation: dict[str, Any],
) -> None:
    scores = evaluation["scores"]
    assert list(scores) == [
        *("f1", "precision", "recall", "specificity", "macro_f1", "weighted_f1", "balanced_accuracy"),
        *("auc", "brier", "calibration_error", "calibration_slope", "calibration_intercept"),
    ]
    assert all(part["sd"] is not None for part in scores.values())
    assert [name for name, part in scores.items() if "low" not in part] == ["calibration_error"]
    for name in set(scores) - {"calibration_error", "calibration_slope"}:
        assert scores[name]["low"] < scores[name]["mean"] < scores[name]["high"]
    # Of 16 subjects and a strong signal, many bootstrap samples are separated.
    assert scores["calibration_slope"]["reason"].startswith("the probabilities separate the classes")
    assert "do not include the variability of retraining" in evaluation["interval_note"]


def test_a_signal_is_detected(evaluation: dict[str, Any]) -> None:
    assert evaluation["scores"]["auc"]["low"] > 0.5
    assert evaluation["permutation_test"]["p_fixed_predictions"]["auc"] < 0.05
    assert evaluation["permutation_test"]["permuted"] == "subject labels"


def test_each_recording_is_predicted_once_per_repeat_with_an_anonymous_subject(evaluation: dict[str, Any]) -> None:
    rows = pd.DataFrame(evaluation["predictions"])
    assert rows.groupby("repeat")["recording"].agg(["nunique", "size"]).to_numpy().tolist() == [[32, 32]] * 2
    assert "secret" not in json.dumps(evaluation)
    assert not re.search(r'"r\d\d\d"', json.dumps(evaluation))
    assert rows.groupby("recording")["subject"].nunique().max() == 1
    assert rows["subject"].nunique() == 16


def test_a_recording_can_be_looked_up_with_the_labels_but_not_with_its_id_alone(evaluation: dict[str, Any]) -> None:
    _, status, groups = study(signal=1.5)
    names = make_pseudonyms(status, groups)
    predictions = {row["recording"]: row["status"] for row in evaluation["predictions"]}
    assert predictions == {names[data_id]: label for data_id, label in status.items()}
    relabelled = status.copy()
    relabelled.iloc[-1] = "Normal" if status.iloc[-1] == "Depression" else "Depression"
    assert not set(make_pseudonyms(relabelled, groups).values()) & set(names.values())


def test_subject_numbers_do_not_follow_the_order_of_the_names(evaluation: dict[str, Any]) -> None:
    _, status, groups = study(signal=1.5)
    names = make_pseudonyms(status, groups)
    number = {row["recording"]: row["subject"] for row in evaluation["predictions"]}
    by_name = groups.map(dict(zip(groups, (number[names[i]] for i in groups.index), strict=True)))
    assert by_name.groupby(groups).nunique().max() == 1
    assert not by_name.is_monotonic_increasing


def test_an_evaluation_contains_the_baselines(evaluation: dict[str, Any]) -> None:
    baselines = evaluation["baselines"]
    assert list(baselines) == [
        *("floor", "shortcut", "logistic_regression"),
        *("video_only", "audio_only", "both_as_one_view"),
    ]
    assert baselines["floor"]["f1"] == pytest.approx(2 / 3)
    assert baselines["shortcut"]["columns"] == ["quality__stream__duration_s", "missing__video", "missing__audio"]
    assert baselines["video_only"]["n_recordings"] == 32
    for name in ("audio_only", "both_as_one_view"):
        assert baselines[name]["n_recordings"] == 30, "two have no audio"


def test_scores_importance_and_optimism_of_hand_made_folds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of the recordings are positive, and the model predicts positive for all, with a probability of .6."""
    inner = iter(
        [{"f1": 0.9, "auc": 0.9, "brier": 0.2}, {"f1": 0.7, "auc": np.nan, "brier": 0.1}, {"f1": 0.8, "auc": 0.6}]
    )
    rises = iter([0.1, 0.4, 0.1])

    def run_fold(table: Any, settings: Settings, outer: Any) -> dict[str, Any]:
        n, rise = len(outer.test), next(rises)
        predictions = {"rows": outer.test.tolist(), "predicted": [0] * n, "probability": [[0.6, 0.4]] * n}
        return {
            "inner": next(inner),
            "importance": {"by_family": {"quality": -rise, "eyes": rise}, "by_modality": {}, "by_view": {}},
            "systems": {"model": predictions, "shortcut": predictions},
            "findings": [],
        }

    monkeypatch.setattr(run_folds, "run_fold", run_fold)
    evaluation = run(study())
    scores = {name: score["mean"] for name, score in evaluation["scores"].items() if "calibration" not in name}
    assert scores == pytest.approx(
        {
            **{"f1": 2 / 3, "precision": 1 / 2, "recall": 1, "specificity": 0, "macro_f1": 1 / 3, "weighted_f1": 1 / 3},
            **{"balanced_accuracy": 1 / 2, "auc": 1 / 2, "brier": (0.4**2 + 0.6**2) / 2},
        }
    )
    assert evaluation["optimism"] == {
        "f1": pytest.approx({"inner": 0.8, "outer": 2 / 3, "gap": 2 / 15}),
        "auc": pytest.approx({"inner": 0.75, "outer": 0.5, "gap": 0.25}),
        "brier": pytest.approx({"inner": 0.15, "outer": 0.26, "gap": -0.11}),
    }
    by_family = evaluation["importance"]["by_family"]
    assert list(by_family) == ["eyes", "quality"]
    assert by_family == pytest.approx({"eyes": 0.2, "quality": -0.2})


def test_the_cost_is_reported_before_the_work_starts(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = CollectingReporter()
    run(study(), reporter=reporter)
    cost = "3 models will be tuned and trained, one per outer fold"
    assert [finding.what for finding in reporter.findings] == [cost]
    assert reporter.steps == [("outer folds", done, 3) for done in range(4)]


# ------------------------------------------------------------------------------------ leakage and baselines


@pytest.mark.parametrize("options", [{}, {"labels": True}])
def test_no_subject_is_shared_between_training_and_prediction(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    table, status, groups = study()
    asked: list[set[str]] = []
    original_fit, original_predict = DepressionModel.fit, DepressionModel.predict_features

    def fit(self: DepressionModel, features: Any, status: Any, its_groups: Any, **rest: Any) -> Any:
        self.seen = set(its_groups)  # type: ignore[attr-defined]
        return original_fit(self, features, status, its_groups, **rest)

    def predict(self: DepressionModel, features: pd.DataFrame, **options: Any) -> pd.DataFrame:
        asked.append(self.seen & set(groups[features.index]))  # type: ignore[attr-defined]
        return original_predict(self, features, **options)

    monkeypatch.setattr(DepressionModel, "fit", fit)
    monkeypatch.setattr(DepressionModel, "predict_features", predict)
    if options:
        halves = groups.map({name: "ab"[place % 2] for place, name in enumerate(groups.unique())})
        options = {"labels": pd.DataFrame({"split": halves})}
    run((table, status, groups), altered={"itself": table}, **options)
    assert len(asked) == (2 if options else 3) * 3, "the model, also under stress and pooled"
    assert asked == [set()] * len(asked)


def test_dev_and_test_are_scored_separately_and_never_trained_on() -> None:
    table, status, groups = study()
    names = ["train"] * 8 + ["dev"] * 4 + ["test"] * 4
    split = groups.map(dict(zip(groups.unique(), names, strict=True)))
    evaluation = run((table, status, groups), labels=pd.DataFrame({"split": split}))
    sizes = [(fold["held_out"], fold["n_train"], fold["n_test"]) for fold in evaluation["outer_folds"]["sizes"]]
    assert sizes == [("dev", 16, 8), ("test", 16, 8)]
    subgroups = evaluation["subgroups"]["split"]["groups"]
    assert {name: scores["n_recordings"] for name, scores in subgroups.items()} == {"dev": 8, "test": 8}
    assert read_predictions(evaluation).is_one_way
    assert not read_predictions(run((table, status, groups))).is_one_way


def test_an_auc_that_is_undefined_says_why() -> None:
    table, status, groups = study()
    positive = set(groups[status == "Depression"].unique()[:3])
    evaluation = run((table, status, groups), labels=pd.DataFrame({"split": groups.isin(positive).map(SPLIT_NAMES)}))
    scores = evaluation["scores"]
    assert (scores["auc"]["mean"], scores["auc"]["reason"]) == (None, "one class only in the held-out recordings")
    assert "reason" not in scores["f1"]
    console = Console(file=io.StringIO(), width=80)
    console.print(evaluation_tables(evaluation))
    assert "- (one class only)" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("in_training", [0, 12])
def test_a_column_split_with_the_names_of_people_does_not_enter_the_evaluation(in_training: int) -> None:
    table, status, groups = study()
    people = list(groups.unique())
    people = {name: "train" if place < in_training else f"Jane{place}" for place, name in enumerate(people)}
    evaluation = run((table, status, groups), labels=pd.DataFrame({"split": groups.map(people)}))
    assert evaluation["outer_folds"]["source"] == "column split"
    assert "Jane" not in json.dumps(evaluation)


def test_the_shortcut_baseline_is_not_trained_on_held_out_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    table, status, groups = study()
    table["quality__stream__duration_s"] = [float(name.removeprefix("secret-")) for name in groups]
    shared: list[int] = []

    class WatchedBaseline(audit.ShortcutBaseline):
        def fit(self, X: Any, y: Any, groups: Any, weights: Any = None) -> Any:
            self.seen = X[:, 0]
            return super().fit(X, y, groups, weights)

        def predict(self, X: Any) -> Any:
            shared.append(len(np.intersect1d(self.seen, X[:, 0])))
            return super().predict(X)

    monkeypatch.setattr(audit, "ShortcutBaseline", WatchedBaseline)
    run((table, status, groups))
    assert shared == [0, 0, 0]


def test_a_planted_shortcut_is_reported() -> None:
    table, status, groups = study(20, 3)
    table["quality__stream__duration_s"] += 30 * (status == "Depression")
    evaluation = run((table, status, groups))
    assert evaluation["baselines"]["shortcut"]["scores"]["f1"]["mean"] > 0.9
    warnings = [warning["what"] for warning in evaluation["warnings"] if warning["code"] == "shortcut"]
    assert len(warnings) == 1
    assert warnings[0].startswith("Recording conditions alone")
    assert warnings[0] in evaluation["conclusion"]
    assert evaluation["baselines"]["shortcut"]["model_minus_shortcut"]["high"] < 0, "the model is at chance"


def test_there_is_no_warning_for_a_model_that_beats_its_baselines() -> None:
    assert run(study(30, 2, signal=6.0))["warnings"] == []


def test_missing_modalities_are_part_of_the_shortcut_baseline() -> None:
    table, status, groups = study(20, 3)
    table.loc[status == "Normal", [name for name in table if name.startswith("audio")]] = np.nan
    evaluation = run((table, status, groups))
    assert evaluation["baselines"]["shortcut"]["scores"]["auc"]["mean"] > 0.9


# ------------------------------------------------------------------------------------ other kinds of sets


def test_several_classes_work() -> None:
    data = study(18, classes=3, signal=2.0)
    evaluation = run(data, by=["sex"], labels=pd.DataFrame({"sex": list("fm") * 18}, index=data[0].index))
    assert evaluation["positive"] is None
    assert "f1" not in evaluation["scores"]
    assert evaluation["scores"]["macro_f1"]["low"] > 1 / 3
    assert evaluation["scores"]["auc"]["low"] > 1 / 2
    assert 0 < evaluation["scores"]["brier"]["low"] < evaluation["scores"]["brier"]["high"] < 2
    assert set(evaluation["optimism"]) == {"macro_f1", "balanced_accuracy", "auc", "brier"}
    assert set(evaluation["predictions"][0]["probabilities"]) == {"c0", "c1", "c2"}
    assert set(evaluation["permutation_test"]["p_fixed_predictions"]) == {"macro_f1", "auc"}


def test_spellings_of_a_subject_count_as_one_person() -> None:
    table, status, groups = study()
    numbers = groups.str.removeprefix("secret-")
    numbers.iloc[1::2] = "P" + numbers.iloc[1::2]
    reporter = CollectingReporter()
    evaluation = run((table, status, numbers), reporter=reporter)
    assert evaluation["n_subjects"] == 16
    assert "merged-subjects" in [finding.code for finding in reporter.findings]
    assert "P01" not in json.dumps(evaluation), "ids of subjects stay out of the file"


def test_one_class_is_refused() -> None:
    table, status, groups = study()
    with pytest.raises(DataError, match="the labels contain only one class"):
        run((table, status.map(lambda _: "Depression"), groups))


def test_a_single_modality_is_not_a_baseline_of_itself() -> None:
    table, status, groups = study()
    evaluation = run((table.drop(columns=[name for name in table if name.startswith("audio")]), status, groups))
    assert list(evaluation["baselines"]) == ["floor", "shortcut", "logistic_regression"]


def test_without_quality_features_the_shortcut_baseline_says_that_it_could_not_look() -> None:
    table, status, groups = study()
    audio = table[[name for name in table if name.startswith("audio")]].iloc[2:]
    evaluation = run((audio, status.iloc[2:], groups.iloc[2:]))
    shortcut = evaluation["baselines"]["shortcut"]
    assert shortcut["problem"] == "could not look: no recording conditions are known"
    assert shortcut["scores"] == {}
    assert "shortcut" not in evaluation["systems"]
    assert "could not look" in evaluation["conclusion"][2]
    assert [warning for warning in evaluation["warnings"] if warning["code"] == "shortcut"] == []


def test_a_shortcut_of_constant_conditions_is_not_scored() -> None:
    table, status, groups = study()
    table = table.iloc[2:].assign(quality__stream__duration_s=30.0)
    evaluation = run((table, status.iloc[2:], groups.iloc[2:]))
    assert evaluation["baselines"]["shortcut"]["problem"] == "constant in all recordings"


def test_recordings_without_usable_data_are_skipped() -> None:
    table, status, groups = study()
    table.iloc[5] = np.nan
    assert run((table, status, groups))["n_recordings"] == 31


def test_named_arguments_override_the_settings() -> None:
    settings = QUICK.override({"evaluation.folds": 4, "evaluation.repeats": 1})
    outer = evaluate_features(*study(), settings=settings, folds=3)["outer_folds"]
    assert (outer["n_folds"], outer["n_repeats"]) == (3, 1)


def test_an_unknown_subgroup_column_is_refused() -> None:
    with pytest.raises(ConfigError, match="--by names a column that is not in the label table"):
        run(study(), by=["site"])


def test_subgroups_of_single_people_are_refused() -> None:
    data = study()
    with pytest.raises(ConfigError, match="--by person has only one subject per value"):
        run(data, by=["person"], labels=pd.DataFrame({"person": data[2].str[-2:]}))


# ------------------------------------------------------------------------------------------- resuming


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the checkpoint of a run that was interrupted in its third fold."""
    keep = tmp_path / "out" / "evaluation.json.folds"
    with monkeypatch.context() as patch:
        patch.setattr(run_folds, "run_fold", stopping_after(2))
        with pytest.raises(KeyboardInterrupt):
            run(study(), checkpoint=keep)
    assert keep.exists()
    return keep


def stopping_after(n: int) -> Callable[..., Any]:
    calls: list[int] = []

    def run_fold(*args: Any) -> Any:
        if len(calls) == n:
            raise KeyboardInterrupt
        calls.append(1)
        return folds.run_fold(*args)

    return run_fold


def test_an_interrupted_run_resumes_with_the_same_result(interrupted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (interrupted / ".fold-0003.jsonl.abc.tmp").write_text('{"schema": ')
    monkeypatch.setattr(run_folds, "run_fold", stopping_after(1))
    resumed = run(study(), checkpoint=interrupted)
    monkeypatch.undo()
    assert resumed == run(study())
    assert list(interrupted.parent.iterdir()) == [interrupted], "kept until the evaluation is written, without a lock"


def test_subgroup_scores_can_be_added_to_an_interrupted_run(interrupted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = study()
    monkeypatch.setattr(run_folds, "run_fold", stopping_after(1))
    resumed = run(
        data, checkpoint=interrupted, by=["site"], labels=pd.DataFrame({"site": ["a", "b"] * 16}, data[0].index)
    )
    assert list(resumed["subgroups"]) == ["site"]


@pytest.mark.parametrize("other", ["data", "settings", "folds", "libraries"])
def test_folds_of_another_run_are_refused(interrupted: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    if other == "libraries":
        monkeypatch.setattr(fingerprint, "read_library_versions", lambda: {"lightgbm": "0.0"})
    data = study(seed=1) if other == "data" else study()
    settings = QUICK.override({"learning.trials": 2}) if other == "settings" else QUICK
    before = [path.read_bytes() for path in sorted(interrupted.iterdir())]
    with pytest.raises(ConfigError, match="an unfinished evaluation with different data, settings or library"):
        run(data, settings=settings, folds=4 if other == "folds" else 3, checkpoint=interrupted)
    assert [path.read_bytes() for path in sorted(interrupted.iterdir())] == before


def test_a_file_that_is_not_a_checkpoint_is_refused(tmp_path: Path) -> None:
    keep = tmp_path / "notes.txt"
    keep.write_text("my notes\n")
    with pytest.raises(ConfigError, match="an unfinished evaluation"):
        run(study(), checkpoint=keep)
    assert keep.read_text() == "my notes\n"


def test_two_runs_on_one_target_are_refused(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "folds"), pytest.raises(TargetError, match="another run is using this output file"):
        run(study(), checkpoint=tmp_path / "folds")


@pytest.mark.slow
@pytest.mark.usefixtures("several_threads")
def test_the_result_does_not_depend_on_the_number_of_processes(evaluation: dict[str, Any]) -> None:
    assert run(study(signal=1.5), repeats=2, jobs=2) == evaluation


def test_the_weight_column_in_the_settings_is_used_in_training() -> None:
    data, settings = study(signal=1.0), QUICK.override({"data.weights": "w"})
    heavy = pd.DataFrame({"w": np.where(data[1] == "Depression", "5", "1")}, index=data[0].index)
    plain, even, weighted = (
        run(data)["scores"],
        run(data, settings=settings, labels=heavy.assign(w="1"))["scores"],
        run(data, settings=settings, labels=heavy)["scores"],
    )
    assert even == plain
    assert weighted["brier"] != plain["brier"]


def with_weighted_subjects(data: Study, n_positive: int) -> pd.DataFrame:
    """Return label tables in which all but a few subjects with Depression have weight 0."""
    _, status, groups = data
    positive = list(groups[status == "Depression"].unique())
    return pd.DataFrame({"w": groups.isin(positive[n_positive:]).map({True: "0", False: "1"})})


def test_three_positive_subjects_with_a_weight_can_be_evaluated() -> None:
    data = study(subjects=24)
    video = data[0][[name for name in data[0] if not name.startswith("audio")]]
    labels = with_weighted_subjects(data, 3)
    settings = QUICK.override({"data.weights": "w"})
    assert run((video, *data[1:]), labels=labels, settings=settings, repeats=3)["n_subjects"] == 24


def test_too_few_subjects_with_a_weight_are_refused_before_a_fold_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folds, "run_fold", pytest.fail)
    data = study(subjects=24)
    with pytest.raises(DataError, match=r"too few subjects with a positive weight .* class 'Depression' has 2"):
        run(data, labels=with_weighted_subjects(data, 2), settings=QUICK.override({"data.weights": "w"}))


def test_the_shortcut_baseline_is_trained_with_the_same_weights() -> None:
    X, y, groups = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2, np.arange(60)
    plain, even, heavy, none = (
        audit.ShortcutBaseline(1).fit(X, y, groups, weights)
        for weights in (None, np.ones(60), np.where(y, 9.0, 1.0), np.where(np.arange(60) < 50, 1.0, 0.0))
    )
    assert even.threshold_ == plain.threshold_
    assert heavy.predict(X)[1][:, 1].mean() > plain.predict(X)[1][:, 1].mean() + 0.2
    fewer = audit.ShortcutBaseline(1).fit(X[:50], y[:50], groups[:50])
    np.testing.assert_array_equal(none.predict(X)[1], fewer.predict(X)[1])


def test_an_unknown_weight_column_is_refused() -> None:
    data, settings = study(signal=1.0), QUICK.override({"data.weights": "w"})
    with pytest.raises(ConfigError, match="names a column that is not in the label table"):
        run(data, settings=settings)


def test_a_class_without_usable_recordings_leaves_two_classes() -> None:
    features, status, groups = study(subjects=24, classes=3)
    labels = status.replace({"c0": "Depression", "c1": "Normal", "c2": "Mild"})
    features.loc[labels == "Mild", [name for name in features.columns if not name.startswith("quality")]] = np.nan
    settings = QUICK.override({"data.classes": ("Depression", "Normal", "Mild")})
    evaluation = run((features, labels, groups), settings=settings)
    assert evaluation["positive"] == "Depression"
    assert list(evaluation["data"]["classes"]) == ["Depression", "Normal"]
    assert {"f1", "auc"} <= evaluation["scores"].keys()


# ------------------------------------------------------------------------------------------- held-out values


def test_scores_of_each_held_out_value_are_reported() -> None:
    data = study(signal=1.5)
    sites = pd.DataFrame({"site": np.where(np.arange(len(data[0])) < 16, "A", "B")}, index=data[0].index)
    evaluation = run(data, labels=sites, leave="site")
    assert evaluation["outer_folds"]["source"] == "left out: site"
    assert [fold["held_out"] for fold in evaluation["outer_folds"]["sizes"]] == ["A", "B"]
    assert {value: part["n_recordings"] for value, part in evaluation["subgroups"]["site"]["groups"].items()} == {
        "A": 16,
        "B": 16,
    }
    assert evaluation["settings"]["evaluation"]["leave"] == "site"


def test_a_column_to_leave_out_must_exist() -> None:
    data = study()
    with pytest.raises(ConfigError, match=r"--leave names a column that is not in the label table"):
        run(data, labels=pd.DataFrame({"site": "A"}, index=data[0].index), leave="sites")
