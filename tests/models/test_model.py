from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DataError, DepressionModel, Settings, evaluate, fit, load_dataset, write_results
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.score_files import score_files
from pdmr_classic.models.target_checks import check_labels, positive_class
from pdmr_classic.progress import CollectingReporter


class Told(CollectingReporter):
    def codes(self) -> set[str]:
        return {finding.code for finding in self.findings}


def table(n_subjects: int = 12, classes: tuple[str, ...] = ("Depression", "Normal"), seed: int = 0) -> tuple[Any, ...]:
    """Return features, status and groups as `DepressionModel.fit` takes them."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(n_subjects), 3)
    codes = subjects % len(classes)
    X = pd.DataFrame(rng.normal(size=(len(codes), 4)), columns=[f"video__c{k}__mean" for k in range(4)])
    X["video__c0__mean"] += 1.5 * codes
    X.index = pd.Index([f"{place:03d}" for place in range(len(X))], name="data_id")
    return X, pd.Series(np.array(classes, dtype=object)[codes], X.index), pd.Series(subjects.astype(str), X.index)


@pytest.fixture
def svm() -> Settings:
    return Settings().override({"learning.learners": ("svm",), "learning.trials": 1, "learning.repeats": 1})


# ------------------------------------------------------------------------------------------ predicting


def test_every_recording_is_predicted_with_a_probability_though_modalities_are_missing(
    fitted_model: DepressionModel, small_set: Path
) -> None:
    for split in ("train", "test"):
        data = load_dataset(small_set, split=split)
        found = fitted_model.predict(data, allow_overlap=split == "train")
        assert found.index.tolist() == data.data_ids
        assert found["probability"].between(0, 1).all()
        assert set(found["status"]) <= {"Depression", "Normal"}
    assert any(
        recording.video is None or recording.audio is None for recording in load_dataset(small_set / "train").recordings
    )


def test_a_recording_is_positive_from_the_threshold_on(fitted_model: DepressionModel, small_set: Path) -> None:
    found = fitted_model.predict(load_dataset(small_set, split="train"), allow_overlap=True)
    assert (found["status"] == "Depression").tolist() == (found["probability"] >= fitted_model.threshold_).tolist()


def test_the_threshold_is_in_effect_not_one_half(svm: Settings) -> None:
    X, status, groups = table()
    model = DepressionModel(svm).fit(X, status, groups)
    probability = model.predict_features(X)["probability"]
    model.threshold_ = float(np.sort(probability)[-3])
    assert (model.predict_features(X)["status"] == "Depression").sum() == 3


# A word of what happens at prediction only; what it should be by hand stands in test_prevalence.py.


def test_a_subject_s_recordings_get_one_answer(svm: Settings) -> None:
    X, status, groups = table()
    model = DepressionModel(svm).fit(X, status, groups)
    apart, together = model.predict_features(X), model.predict_features(X, pool_subjects=groups)
    assert together.index.equals(apart.index)
    assert (together.groupby(groups).nunique() == 1).all(axis=None)
    log_odds = np.log(apart["probability"] / (1 - apart["probability"])).groupby(groups).transform("mean")
    np.testing.assert_allclose(together["probability"], 1 / (1 + np.exp(-log_odds)))
    assert together.attrs["subjects"] == groups.nunique()
    called = together["probability"] >= together.attrs["threshold"]
    assert (together["status"] == "Depression").tolist() == called.tolist()


def test_subjects_of_single_recordings_change_no_probability(svm: Settings) -> None:
    X, status, groups = table()
    model = DepressionModel(svm).fit(X, status, groups)
    alone = model.predict_features(X, pool_subjects=pd.Series(X.index, X.index))
    np.testing.assert_allclose(alone["probability"], model.predict_features(X)["probability"])


def test_a_recording_without_a_subject_cannot_be_pooled_and_is_told_before_files_are_read(
    fitted_model: DepressionModel, small_set: Path
) -> None:
    data, told = load_dataset(small_set, split="test"), Told()
    subjects = pd.Series("S1", index=data.data_ids[1:])
    with pytest.raises(DataError, match=rf"1 of {len(data)} recordings have no subject[^\0]*'{data.data_ids[0]}'"):
        fitted_model.predict(data, pool_subjects=subjects, reporter=told)
    assert told.steps == []


def test_a_prevalence_corrects_probabilities_moves_the_threshold_and_is_told(
    fitted_model: DepressionModel, small_set: Path
) -> None:
    data, told = load_dataset(small_set, split="test"), Told()
    before = fitted_model.predict(data)
    after = fitted_model.predict(data, prevalence=0.1, reporter=told)
    share = fitted_model.decision_.shares_[0]
    odds = before["probability"] / (1 - before["probability"]) * (0.1 / share) / (0.9 / (1 - share))
    np.testing.assert_allclose(after["probability"], odds / (1 + odds))
    assert after.attrs["prevalence"] == pytest.approx({"Depression": 0.1, "Normal": 0.9})
    assert after.attrs["threshold"] < fitted_model.threshold_
    assert "prevalence" in told.codes()
    assert "prevalence" not in before.attrs


def test_a_prevalence_that_is_no_share_is_refused_before_files_are_read(
    fitted_model: DepressionModel, small_set: Path
) -> None:
    told = Told()
    with pytest.raises(ConfigError, match="--prevalence is no share"):
        fitted_model.predict(load_dataset(small_set, split="test"), prevalence=2.0, reporter=told)
    assert told.steps == []


def test_predictions_do_not_depend_on_which_recordings_stand_beside(
    fitted_model: DepressionModel, small_set: Path
) -> None:
    data = load_dataset(small_set, split="test")
    together = fitted_model.predict(data)
    for data_id in data.data_ids[:3]:
        alone = fitted_model.predict(data.subset(pd.Series([i == data_id for i in data.data_ids], data.data_ids)))
        pd.testing.assert_frame_equal(alone, together.loc[[data_id]], rtol=1e-9)


def test_the_order_of_the_columns_does_not_matter(svm: Settings) -> None:
    X, status, groups = table()
    model = DepressionModel(svm).fit(X, status, groups)
    pd.testing.assert_frame_equal(model.predict_features(X[X.columns[::-1]]), model.predict_features(X))


@pytest.fixture
def both(small_set: Path, tmp_path: Path) -> Path:
    """Return a copy of the test split in which only recordings with both modalities are left."""
    shutil.copytree(small_set / "test", tmp_path / "test")
    for recording in load_dataset(tmp_path / "test").recordings:
        if recording.video is None or recording.audio is None:
            (recording.video or recording.audio).unlink()  # type: ignore[union-attr]
    return tmp_path / "test"


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_recording_whose_one_file_is_broken_is_predicted_from_the_other_and_told(
    fitted_model: DepressionModel, both: Path, kind: str
) -> None:
    first, *_ = load_dataset(both).data_ids
    (both / kind / f"{first}.csv").write_text("this is no table\n")
    told = Told()
    broken = fitted_model.predict(load_dataset(both), reporter=told)
    assert any(str(finding.file).endswith(f"{kind}/{first}.csv") for finding in told.findings)
    (both / kind / f"{first}.csv").unlink()
    pd.testing.assert_frame_equal(fitted_model.predict(load_dataset(both)), broken, check_exact=True)


def test_recordings_with_nothing_left_are_refused_all_of_them_by_name(
    fitted_model: DepressionModel, both: Path
) -> None:
    lost = load_dataset(both).data_ids[:2]
    for data_id in lost:
        for kind in ("video", "audio"):
            (both / kind / f"{data_id}.csv").write_bytes(b"")
    with pytest.raises(DataError, match="2 recordings have nothing that the model can use") as caught:
        fitted_model.predict(load_dataset(both))
    for data_id in lost:
        assert repr(data_id) in str(caught.value)
        assert str(caught.value).count(f"{data_id}.csv") == 2


def test_a_set_of_other_channels_is_told(fitted_model: DepressionModel, both: Path) -> None:
    for path in (both / "video").iterdir():
        frame = pd.read_csv(path)
        frame.drop(columns=["AU12_r", "pose_Rx"]).to_csv(path, index=False)
    told = Told()
    assert fitted_model.predict(load_dataset(both), reporter=told)["probability"].notna().all()
    (finding,) = [finding for finding in told.findings if finding.code == "missing-channels"]
    assert finding.found is not None
    assert "AU12_r" in finding.found


# ------------------------------------------------------------------------------------------- fitting


def test_the_out_of_fold_table_has_every_training_recording(fitted_model: DepressionModel, small_set: Path) -> None:
    data = load_dataset(small_set, split="train")
    assert fitted_model.oof_.index.tolist() == data.data_ids
    assert data.status is not None
    assert fitted_model.oof_["status"].tolist() == data.status.tolist()
    assert fitted_model.oof_["probability"].between(0, 1).all()


def test_the_same_seed_gives_the_same_model_for_any_number_of_jobs(svm: Settings) -> None:
    X, status, groups = table()
    one, two = (DepressionModel(svm).fit(X, status, groups, jobs=jobs) for jobs in (1, 2))
    assert one.facts_ == two.facts_
    pd.testing.assert_frame_equal(one.predict_features(X), two.predict_features(X), check_exact=True)


def test_the_cache_changes_nothing(small_set: Path, svm: Settings, tmp_path: Path) -> None:
    data = load_dataset(small_set, split="train")
    without, fresh, cached = (fit(data, settings=svm, cache=place) for place in (None, tmp_path, tmp_path))
    facts = [{**model.facts_, "contents": "salted at random"} for model in (without, fresh, cached)]
    assert facts[0] == facts[1] == facts[2]
    pd.testing.assert_frame_equal(without.oof_, cached.oof_, check_exact=True)


def test_recordings_without_a_label_are_left_out_of_the_fit_and_told(
    small_set: Path, svm: Settings, tmp_path: Path
) -> None:
    labels = pd.read_csv(small_set / "train/labels.csv", dtype=str)
    labels.iloc[1:].to_csv(tmp_path / "labels.csv", index=False)
    told = Told()
    data = load_dataset(small_set, split="train", labels=tmp_path / "labels.csv")
    model = fit(data, settings=svm, reporter=told)
    assert model.facts_["n_recordings"] == len(labels) - 1
    assert "unlabelled" in told.codes()


def test_fewer_folds_are_told(small_set: Path, svm: Settings) -> None:
    told = Told()
    model = fit(load_dataset(small_set, split="train"), settings=svm, reporter=told)
    assert model.facts_["folds"] == 4
    assert "fewer-folds" in told.codes()


@pytest.mark.parametrize(("wanted", "other"), [("Depression", "Normal"), ("Normal", "Depression")])
def test_the_positive_class_is_the_one_asked_for(svm: Settings, wanted: str, other: str) -> None:
    X, status, groups = table()
    model = DepressionModel(svm.override({"data.positive": wanted})).fit(X, status, groups)
    found = model.predict_features(X)
    assert model.positive_ == wanted
    by_class = found.groupby(status)["probability"].mean()
    assert by_class[wanted] > by_class[other]


def test_the_metric_and_the_threshold_stand_in_the_facts(svm: Settings) -> None:
    X, status, groups = table()
    found = {
        metric: DepressionModel(svm.override({"learning.metric": metric})).fit(X, status, groups)
        for metric in ("f1", "balanced_accuracy", "logloss")
    }
    assert [model.facts_["metric"] for model in found.values()] == list(found)
    assert all(model.facts_["threshold"] == model.threshold_ for model in found.values())
    assert found["logloss"].threshold_ == 0.5
    assert found["f1"].threshold_ != 0.5
    pd.testing.assert_series_equal(found["f1"].oof_["probability"], found["logloss"].oof_["probability"])


def test_a_threshold_that_is_given_is_in_force(svm: Settings) -> None:
    X, status, groups = table()
    model = DepressionModel(svm.override({"learning.threshold": 0.8})).fit(X, status, groups)
    assert model.threshold_ == model.facts_["threshold"] == 0.8
    assert model.facts_["metric"] is None
    found = model.predict_features(X)
    assert (found["status"] == "Depression").tolist() == (found["probability"] >= 0.8).tolist()


def test_a_threshold_for_several_classes_is_told_and_does_nothing(svm: Settings) -> None:
    X, status, groups = table(n_subjects=15, classes=("a", "b", "c"))
    told = Told()
    model = DepressionModel(svm.override({"learning.threshold": 0.8})).fit(X, status, groups, reporter=told)
    plain = DepressionModel(svm).fit(X, status, groups)
    assert "threshold-unused" in told.codes()
    assert plain.facts_["metric"] == "macro_f1"
    pd.testing.assert_frame_equal(model.predict_features(X), plain.predict_features(X))


@pytest.mark.parametrize(("name", "value"), [("metric", "accuracy"), ("threshold", 1.5), ("threshold", -0.1)])
def test_a_metric_or_a_threshold_that_is_none_is_refused(svm: Settings, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"the setting learning.{name}"):
        svm.override({f"learning.{name}": value})


def test_weights_of_one_change_nothing(svm: Settings) -> None:
    X, status, groups = table()
    without, ones = (
        DepressionModel(svm).fit(X, status, groups, sample_weight=weights) for weights in (None, np.ones(len(X)))
    )
    assert without.facts_ == ones.facts_
    pd.testing.assert_frame_equal(without.oof_, ones.oof_, check_exact=True)


def test_weights_reach_tuning_stack_and_threshold(svm: Settings) -> None:
    X, status, groups = table()
    heavy = np.where(status == "Depression", 5.0, 1.0)
    plain, weighted = (DepressionModel(svm).fit(X, status, groups, sample_weight=w) for w in (None, heavy))
    assert weighted.decision_.shares_.tolist() == pytest.approx([5 / 6, 1 / 6])
    assert weighted.oof_["probability"].mean() > plain.oof_["probability"].mean()
    assert weighted.facts_["data_fingerprint"] != plain.facts_["data_fingerprint"]


def test_several_classes_have_a_probability_each_and_no_threshold(svm: Settings) -> None:
    X, status, groups = table(n_subjects=15, classes=("a", "b", "c"))
    model = DepressionModel(svm).fit(X, status, groups)
    found = model.predict_features(X)
    assert model.threshold_ is None
    assert model.positive_ is None
    columns = ["probability_a", "probability_b", "probability_c"]
    assert list(found) == ["status", *columns]
    np.testing.assert_allclose(found[columns].sum(axis=1), 1)
    assert (found[columns].idxmax(axis=1).str[-1] == found["status"]).all()
    assert "macro_f1" in model.facts_["inner_scores"]
    assert "f1" not in model.facts_["inner_scores"]


@pytest.mark.parametrize(
    "classes",
    [("1", "0"), ("抑郁", "健康"), ("krank, sehr", "nicht, krank"), ("True", "False"), ("probability", "status")],
)
def test_labels_of_any_kind_keep_their_names(svm: Settings, classes: tuple[str, str], tmp_path: Path) -> None:
    X, status, groups = table(classes=classes)
    model = DepressionModel(svm.override({"data.positive": classes[0]})).fit(X, status, groups)
    assert model.classes_ == sorted(classes)
    write_results(model.predict_features(X), tmp_path / "results.jsonl", proba=True)
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["status"] for line in lines} == set(classes)


def test_three_labels_of_any_kind_have_their_own_probability(svm: Settings, tmp_path: Path) -> None:
    classes = ("0", "ja, sehr", "健康")
    X, status, groups = table(n_subjects=15, classes=classes)
    write_results(
        DepressionModel(svm).fit(X, status, groups).predict_features(X), tmp_path / "results.jsonl", proba=True
    )
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert all(set(line["probabilities"]) == set(classes) for line in lines)
    assert all(max(line["probabilities"], key=line["probabilities"].get) == line["status"] for line in lines)


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda s: s.replace("Normal", "Depression"), DataError, r"single class[^\0]*'Depression'"),
        (
            lambda s: s.where(s.index != "004", "Sad"),
            DataError,
            r"unknown label[^\0]*Depression or Normal[^\0]*'Sad' for '004'",
        ),
        (lambda s: s.str.lower(), DataError, r"unknown label[^\0]*Depression or Normal"),
        (lambda s: s.replace({"Normal": "Control", "Depression": "PD"}), ConfigError, "which class is F1 about"),
    ],
    ids=["one-class", "a-slip-of-the-pen", "lower-case", "no-default-positive"],
)
def test_labels_that_do_not_serve_are_refused(
    svm: Settings, spoil: Callable[[pd.Series], pd.Series], error: type[Exception], message: str
) -> None:
    X, status, groups = table()
    with pytest.raises(error, match=message):
        DepressionModel(svm).fit(X, spoil(status), groups)


def test_a_set_without_labels_cannot_be_fitted(small_set: Path) -> None:
    with pytest.raises(DataError, match=r"there are no labels[^\0]*--labels FILE"):
        fit(load_dataset(small_set, split="test", with_labels=False))


def test_a_learner_that_does_not_exist_is_refused(svm: Settings) -> None:
    with pytest.raises(ConfigError, match=r"no such learner[^\0]*lightgbm, xgboost, svm[^\0]*catboost"):
        DepressionModel(svm.override({"learning.learners": ("catboost",)})).fit(*table())


def test_labels_that_do_not_serve_are_refused_before_any_file_is_read(small_set: Path, tmp_path: Path) -> None:
    """Reading a large set takes an hour: what the labels already tell is told first."""
    labels = pd.read_csv(small_set / "train/labels.csv", dtype=str)
    labels.assign(subject_id="S1").to_csv(tmp_path / "labels.csv", index=False)
    told = Told()
    with pytest.raises(DataError, match="fewer than two subjects"):
        fit(load_dataset(small_set, split="train", labels=tmp_path / "labels.csv"), reporter=told)
    assert [stage for stage, *_ in told.steps if stage == "reading"] == []


def test_the_manifest_says_how_members_are_joined_and_what_each_weighs(fitted_model: DepressionModel) -> None:
    assert set(fitted_model.facts_["combined"]) == {"audio", "video", "audio+video"}
    for modalities, joined in fitted_model.facts_["combined"].items():
        views = {*modalities.split("+"), *(["both"] if "+" in modalities else [])}
        assert {name.split("/")[0] for name in joined["weights"]} == views
        assert sum(joined["weights"].values()) == pytest.approx(1)
        n_heard = sum(weight > 0 for weight in joined["weights"].values())
        assert {"average": n_heard == len(joined["weights"]), "weights": n_heard >= 1}.get(joined["how"], n_heard == 1)


def test_columns_in_another_order_are_no_table_for_the_stacker(fitted_model: DepressionModel) -> None:
    names = fitted_model.feature_names_
    row = pd.DataFrame(np.zeros((1, len(names))), columns=names)
    assert fitted_model.stacker_.predict_proba(row).shape == (1, 2)
    with pytest.raises(ValueError, match="feature names"):
        fitted_model.stacker_.predict_proba(row[names[::-1]])


@pytest.mark.parametrize("learn", [fit, evaluate])
def test_an_unknown_learner_is_refused_before_any_file_is_read(learn: Any, small_set: Path) -> None:
    told = Told()
    settings = Settings().override({"learning.learners": ("forest",)})
    with pytest.raises(ConfigError, match=r"no such learner[^\0]*\[learning\] learners"):
        learn(load_dataset(small_set / "train"), settings=settings, reporter=told)
    assert told.steps == []


def test_a_table_without_columns_is_refused() -> None:
    index = pd.Index([f"{k:03d}" for k in range(20)], name="data_id")
    status = pd.Series(["Depression", "Normal"] * 10, index)
    with pytest.raises(DataError, match="no column to learn from"):
        DepressionModel().fit(pd.DataFrame(index=index), status, pd.Series(index, index))


# --------------------------------------------------------------------------------------- the labels


def test_depression_is_positive_where_it_exists() -> None:
    assert positive_class(["Depression", "Healthy"], None) == "Depression"
    assert positive_class(["Control", "PD"], "PD") == "PD"
    assert positive_class(["a", "b", "c"], None) is None


@pytest.mark.parametrize(
    ("classes", "wanted", "message"),
    [
        (["Control", "PD"], None, r"which class is F1 about\?[^\0]*Control or PD[^\0]*--positive PD"),
        (["Control", "PD"], "Depression", r"--positive names no class[^\0]*Control or PD[^\0]*'Depression'"),
        (["a", "b", "c"], "d", "--positive names no class"),
    ],
)
def test_a_positive_class_that_is_missing_or_unknown_is_refused(
    classes: list[str], wanted: str | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        positive_class(classes, wanted)


def test_a_list_of_classes_allows_what_it_holds_and_nothing_else() -> None:
    status = pd.Series(["Depression", "Normal", "Remitted"], index=["1", "2", "3"])
    check_labels(status, ("Depression", "Normal", "Remitted"))
    with pytest.raises(DataError, match=r"1 recording has an unknown label[^\0]*'Remitted' for '3'"):
        check_labels(status, None)
    check_labels(status.replace("Depression", "MDD"), None)


# ----------------------------------------------------------------------------------------- real data


@pytest.mark.slow
@pytest.mark.parametrize(("name", "positive"), [("badrobots-gaze", "Reaction"), ("youtubepd-wavlm", "PD")])
def test_real_sets_are_fitted_predicted_and_scored(
    real_data: Path, tmp_path: Path, name: str, positive: str, record_property: Callable[[str, object], None]
) -> None:
    told = Told()
    model = fit(load_dataset(real_data / name, split="train"), trials=1, positive=positive, reporter=told)
    test = load_dataset(real_data / name, split="test", with_labels=False)
    write_results(model.predict(test, reporter=told), tmp_path / "results.jsonl", proba=True)
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [line["data_id"] for line in lines] == test.data_ids
    scores = score_files(tmp_path / "results.jsonl", real_data / name / "test/labels.csv", positive=positive)
    assert scores["n"] == len(test)
    assert scores["positive"] == positive
    record_property("f1", scores["f1"])
    record_property("floor", scores["floor"])
    print(f"{name}: F1 {scores['f1']:.3f}, floor {scores['floor']:.3f}, AUC {scores['auc']:.3f}")
    # Chance is .5: no claim, but a swapped class or a shuffled table would be seen.
    assert scores["auc"] > 0.55


@pytest.mark.slow
def test_a_real_set_of_seven_classes_is_learnt_across_subjects(real_data: Path) -> None:
    data = load_dataset(real_data / "watch-exercise", split="train")
    assert data.groups is not None
    few = data.groups.isin(sorted(data.groups.unique())[:6])
    held_out = data.groups == sorted(data.groups.unique())[6]
    settings = Settings().override(
        {"learning.learners": ("lightgbm",), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 3}
    )
    model = fit(data.subset(few), settings=settings)
    assert len(model.classes_) == 7
    found = model.predict(data.subset(held_out))
    probabilities = found.filter(like="probability_")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert data.status is not None
    assert (found["status"] == data.status[held_out]).mean() > 2 / 7
