from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DataError, DepressionModel, Settings
from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.evaluation import _run_folds as run_folds
from pdmr_classic.evaluation import run_fold as folds
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.predictions import make_pseudonyms
from pdmr_classic.models.persistence.versions import describe_environment
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.storage.lock import locked

QUICK = Settings().override(
    {"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 3}
)
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


def study(subjects: int = 16, each: int = 2, *, signal: float = 0.0, classes: int = 2, seed: int = 0) -> Study:
    """Return a table with video, audio and quality; two recordings lack their audio."""
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


def run(made: Study, **options: Any) -> dict[str, Any]:
    return evaluate_features(*made, **{"settings": QUICK, "folds": 3, "repeats": 1, **options})


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """Return an evaluation of a set with a signal; tests must not change it."""
    return run(study(signal=1.5), repeats=2)


# ------------------------------------------------------------------------------------------- what it says


def test_it_is_ready_for_json_and_says_what_it_is(found: dict[str, Any]) -> None:
    assert found["schema"] == "pdmr-classic/evaluation/2"
    assert found["made_with"] == describe_environment()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["data"] == {"n_recordings": 32, "n_subjects": 16, "classes": {"Depression": 16, "Normal": 16}}
    assert found["outer"]["folds"] * found["outer"]["repeats"] == len(found["outer"]["sizes"]) == 6


def test_every_score_has_a_mean_and_a_spread_and_all_but_the_calibration_error_an_interval(
    found: dict[str, Any],
) -> None:
    scores = found["scores"]
    assert list(scores) == [
        *("f1", "precision", "recall", "macro_f1", "weighted_f1", "balanced_accuracy"),
        *("auc", "brier", "calibration_error"),
    ]
    assert all(part["sd"] is not None for part in scores.values())
    assert [name for name, part in scores.items() if "low" not in part] == ["calibration_error"]
    for name in set(scores) - {"calibration_error"}:
        assert scores[name]["low"] < scores[name]["mean"] < scores[name]["high"]
    assert "leave out the spread that training again would bring" in found["note"]


def test_a_signal_is_found(found: dict[str, Any]) -> None:
    assert found["scores"]["auc"]["low"] > 0.5
    assert found["permutation_p_fixed_predictions"]["auc"] < 0.05
    assert found["permutation"]["between"] == "subjects"


def test_every_recording_is_predicted_once_a_repeat_under_an_opaque_subject(found: dict[str, Any]) -> None:
    rows = pd.DataFrame(found["predictions"])
    assert rows.groupby("repeat")["recording"].agg(["nunique", "size"]).to_numpy().tolist() == [[32, 32]] * 2
    assert "secret" not in json.dumps(found)
    assert not re.search(r'"r\d\d\d"', json.dumps(found))
    assert rows.groupby("recording")["subject"].nunique().max() == 1
    assert rows["subject"].nunique() == 16


def test_who_has_the_labels_can_look_a_recording_up_and_a_guessed_name_is_not_enough(found: dict[str, Any]) -> None:
    _, status, groups = study(signal=1.5)
    names = make_pseudonyms(status, groups)
    said = {row["recording"]: row["status"] for row in found["predictions"]}
    assert said == {names[data_id]: label for data_id, label in status.items()}
    relabelled = status.copy()
    relabelled.iloc[-1] = "Normal" if status.iloc[-1] == "Depression" else "Depression"
    assert not set(make_pseudonyms(relabelled, groups).values()) & set(names.values())


def test_the_numbers_of_subjects_do_not_follow_their_names(found: dict[str, Any]) -> None:
    _, status, groups = study(signal=1.5)
    names = make_pseudonyms(status, groups)
    number = {row["recording"]: row["subject"] for row in found["predictions"]}
    by_name = groups.map(dict(zip(groups, (number[names[i]] for i in groups.index), strict=True)))
    assert by_name.groupby(groups).nunique().max() == 1
    assert not by_name.is_monotonic_increasing


def test_baselines_stand_beside_it(found: dict[str, Any]) -> None:
    baselines = found["baselines"]
    assert list(baselines) == ["floor", "shortcut", "video_only", "audio_only"]
    assert baselines["floor"]["f1"] == pytest.approx(2 / 3)
    assert baselines["shortcut"]["columns"] == ["quality__stream__duration_s", "missing__video", "missing__audio"]
    assert baselines["video_only"]["n_recordings"] == 32
    assert baselines["audio_only"]["n_recordings"] == 30, "two have no audio"


def test_scores_importance_and_the_gap_to_the_inner_scores_of_folds_made_by_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of the recordings are positive, and the model says so of everybody, with a probability of .6."""
    inner = iter(
        [{"f1": 0.9, "auc": 0.9, "brier": 0.2}, {"f1": 0.7, "auc": np.nan, "brier": 0.1}, {"f1": 0.8, "auc": 0.6}]
    )
    rises = iter([0.1, 0.4, 0.1])

    def run_fold(table: Any, settings: Settings, outer: Any) -> dict[str, Any]:
        n, rise = len(outer.test), next(rises)
        said = {"rows": outer.test.tolist(), "predicted": [0] * n, "probability": [[0.6, 0.4]] * n}
        return {
            "inner": next(inner),
            "importance": {"by_family": {"quality": -rise, "eyes": rise}, "by_modality": {}, "by_view": {}},
            "systems": {"model": said, "shortcut": said},
            "findings": [],
        }

    monkeypatch.setattr(run_folds, "run_fold", run_fold)
    found = run(study())
    scores = {name: score["mean"] for name, score in found["scores"].items() if name != "calibration_error"}
    assert scores == pytest.approx(
        {
            **{"f1": 2 / 3, "precision": 1 / 2, "recall": 1, "macro_f1": 1 / 3, "weighted_f1": 1 / 3},
            **{"balanced_accuracy": 1 / 2, "auc": 1 / 2, "brier": (0.4**2 + 0.6**2) / 2},
        }
    )
    assert found["optimism"] == {
        "f1": pytest.approx({"inner": 0.8, "outer": 2 / 3, "gap": 2 / 15}),
        "auc": pytest.approx({"inner": 0.75, "outer": 0.5, "gap": 0.25}),
        "brier": pytest.approx({"inner": 0.15, "outer": 0.26, "gap": -0.11}),
    }
    by_family = found["importance"]["by_family"]
    assert list(by_family) == ["eyes", "quality"]
    assert by_family == pytest.approx({"eyes": 0.2, "quality": -0.2})


def test_the_cost_is_told_before_it_is_paid(capsys: pytest.CaptureFixture[str]) -> None:
    told = CollectingReporter()
    run(study(), reporter=told)
    cost = "9 models will be tuned and trained: in 3 outer folds one of all and 2 of single modalities"
    assert [finding.what for finding in told.findings] == [cost]
    assert told.steps == [("outer folds", done, 3) for done in range(4)]


# ---------------------------------------------------------------------------------------- it is honest


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

    def predict(self: DepressionModel, features: pd.DataFrame) -> pd.DataFrame:
        asked.append(self.seen & set(groups[features.index]))  # type: ignore[attr-defined]
        return original_predict(self, features)

    monkeypatch.setattr(DepressionModel, "fit", fit)
    monkeypatch.setattr(DepressionModel, "predict_features", predict)
    if options:
        halves = groups.map({name: "ab"[place % 2] for place, name in enumerate(groups.unique())})
        options = {"labels": pd.DataFrame({"split": halves})}
    run((table, status, groups), altered={"itself": table}, **options)
    assert len(asked) == (2 if options else 3) * 4, "the model, under stress, and two modalities alone"
    assert asked == [set()] * len(asked)


def test_the_shortcut_has_not_seen_the_held_out_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    table, status, groups = study()
    table["quality__stream__duration_s"] = [float(name.removeprefix("secret-")) for name in groups]
    shared: list[int] = []

    class Watched(folds.ShortcutBaseline):
        def fit(self, X: Any, y: Any, groups: Any, weights: Any = None) -> Any:
            self.seen = X[:, 0]
            return super().fit(X, y, groups, weights)

        def predict(self, X: Any) -> Any:
            shared.append(len(np.intersect1d(self.seen, X[:, 0])))
            return super().predict(X)

    monkeypatch.setattr(folds, "ShortcutBaseline", Watched)
    run((table, status, groups))
    assert shared == [0, 0, 0]


def test_a_planted_shortcut_is_reported() -> None:
    table, status, groups = study(20, 3)
    table["quality__stream__duration_s"] += 30 * (status == "Depression")
    found = run((table, status, groups))
    assert found["baselines"]["shortcut"]["scores"]["f1"]["mean"] > 0.9
    assert [warning["column"] for warning in found["warnings"] if warning["code"] == "shortcut"] == ["f1", "auc"]
    assert "knowing only how a recording was made" in found["warnings"][0]["what"]


def test_a_model_that_beats_its_baselines_is_not_warned_of() -> None:
    assert run(study(30, 2, signal=6.0))["warnings"] == []


def test_what_is_missing_is_a_shortcut_too() -> None:
    table, status, groups = study(20, 3)
    table.loc[status == "Normal", [name for name in table if name.startswith("audio")]] = np.nan
    found = run((table, status, groups))
    assert found["baselines"]["shortcut"]["scores"]["auc"]["mean"] > 0.9


# ------------------------------------------------------------------------------------ other kinds of sets


def test_several_classes_work() -> None:
    found = run(study(18, classes=3, signal=2.0), by=["sex"], labels=pd.DataFrame({"sex": list("fm") * 18}))
    assert found["positive"] is None
    assert "f1" not in found["scores"]
    assert found["scores"]["macro_f1"]["low"] > 1 / 3
    assert found["scores"]["auc"]["low"] > 1 / 2
    assert 0 < found["scores"]["brier"]["low"] < found["scores"]["brier"]["high"] < 2
    assert set(found["optimism"]) == {"macro_f1", "balanced_accuracy", "auc", "brier"}
    assert set(found["predictions"][0]["probabilities"]) == {"c0", "c1", "c2"}
    assert set(found["permutation_p_fixed_predictions"]) == {"macro_f1", "auc"}


def test_one_class_is_refused() -> None:
    table, status, groups = study()
    with pytest.raises(DataError, match="there is a single class"):
        run((table, status.map(lambda _: "Depression"), groups))


def test_one_modality_is_not_trained_twice() -> None:
    table, status, groups = study()
    found = run((table.drop(columns=[name for name in table if name.startswith("audio")]), status, groups))
    assert list(found["baselines"]) == ["floor", "shortcut"]


def test_a_set_without_quality_still_has_its_shortcut() -> None:
    table, status, groups = study()
    audio = table[[name for name in table if name.startswith("audio")]].iloc[2:]
    found = run((audio, status.iloc[2:], groups.iloc[2:]))
    assert found["baselines"]["shortcut"]["scores"]["auc"]["mean"] == pytest.approx(0.5)


def test_recordings_with_nothing_to_learn_from_are_left_out() -> None:
    table, status, groups = study()
    table.iloc[5] = np.nan
    assert run((table, status, groups))["n_recordings"] == 31


def test_named_arguments_override_the_settings() -> None:
    settings = QUICK.override({"evaluation.folds": 4, "evaluation.repeats": 1})
    outer = evaluate_features(*study(), settings=settings, folds=3)["outer"]
    assert (outer["folds"], outer["repeats"]) == (3, 1)


def test_an_unknown_column_of_by_is_refused() -> None:
    with pytest.raises(ConfigError, match="--by names no column"):
        run(study(), by=["site"])


def test_scores_of_single_people_are_refused() -> None:
    made = study()
    with pytest.raises(ConfigError, match="--by person tells single people apart"):
        run(made, by=["person"], labels=pd.DataFrame({"person": made[2].str[-2:]}))


# --------------------------------------------------------------------------------- interrupted, and again


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that a run left which was ended in its third fold."""
    keep = tmp_path / "out" / "evaluation.json.folds"
    with monkeypatch.context() as patch:
        patch.setattr(run_folds, "run_fold", stopping_after(2))
        with pytest.raises(KeyboardInterrupt):
            run(study(), keep=keep)
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


def test_a_run_that_was_ended_goes_on_and_ends_with_the_same(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with interrupted.open("a") as file:
        file.write('{"number": 2, "resu')
    monkeypatch.setattr(run_folds, "run_fold", stopping_after(1))
    resumed = run(study(), keep=interrupted)
    monkeypatch.undo()
    assert resumed == run(study())
    assert list(interrupted.parent.iterdir()) == [interrupted], "kept until the evaluation is written, without a lock"


def test_scores_by_subgroup_can_be_added_to_a_run_that_was_ended(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = study()
    monkeypatch.setattr(run_folds, "run_fold", stopping_after(1))
    resumed = run(made, keep=interrupted, by=["site"], labels=pd.DataFrame({"site": ["a", "b"] * 16}))
    assert list(resumed["by"]) == ["site"]


@pytest.mark.parametrize("other", ["data", "settings", "folds"])
def test_folds_of_another_run_are_refused(interrupted: Path, other: str) -> None:
    made = study(seed=1) if other == "data" else study()
    settings = QUICK.override({"learning.trials": 2}) if other == "settings" else QUICK
    before = interrupted.read_bytes()
    with pytest.raises(ConfigError, match="an unfinished evaluation with other data or settings"):
        run(made, settings=settings, folds=4 if other == "folds" else 3, keep=interrupted)
    assert interrupted.read_bytes() == before


def test_a_file_that_is_no_list_of_folds_is_refused(tmp_path: Path) -> None:
    keep = tmp_path / "notes.txt"
    keep.write_text("my notes\n")
    with pytest.raises(ConfigError, match="an unfinished evaluation"):
        run(study(), keep=keep)
    assert keep.read_text() == "my notes\n"


def test_two_runs_on_one_target_are_refused(tmp_path: Path) -> None:
    with locked(tmp_path / "folds"), pytest.raises(TargetError, match="another run works on this target"):
        run(study(), keep=tmp_path / "folds")


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_number_of_processes(found: dict[str, Any]) -> None:
    assert run(study(signal=1.5), repeats=2, jobs=2) == found


def test_weights_that_the_settings_name_reach_training() -> None:
    made, settings = study(signal=1.0), QUICK.override({"data.weights": "w"})
    heavy = pd.DataFrame({"w": np.where(made[1] == "Depression", "5", "1")}, index=made[0].index)
    plain, even, weighted = (
        run(made)["scores"],
        run(made, settings=settings, labels=heavy.assign(w="1"))["scores"],
        run(made, settings=settings, labels=heavy)["scores"],
    )
    assert even == plain
    assert weighted["brier"] != plain["brier"]


def test_the_shortcut_is_trained_with_the_same_weights() -> None:
    X, y, groups = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2, np.arange(60)
    plain, even, heavy, none = (
        folds.ShortcutBaseline(1).fit(X, y, groups, weights)
        for weights in (None, np.ones(60), np.where(y, 9.0, 1.0), np.where(np.arange(60) < 50, 1.0, 0.0))
    )
    assert even.threshold_ == plain.threshold_
    assert heavy.predict(X)[1][:, 1].mean() > plain.predict(X)[1][:, 1].mean() + 0.2
    fewer = folds.ShortcutBaseline(1).fit(X[:50], y[:50], groups[:50])
    np.testing.assert_array_equal(none.predict(X)[1], fewer.predict(X)[1])


def test_weights_that_no_column_has_are_refused() -> None:
    made, settings = study(signal=1.0), QUICK.override({"data.weights": "w"})
    with pytest.raises(ConfigError, match="names no column of the labels"):
        run(made, settings=settings)
