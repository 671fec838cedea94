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
from pdmr_classic.models.target_checks import check_labels, choose_positive_class
from pdmr_classic.progress import CollectingReporter


class CodeReporter(CollectingReporter):
    def codes(self) -> set[str]:
        return {finding.code for finding in self.findings}


def table(n_subjects: int = 12, classes: tuple[str, ...] = ("Depression", "Normal"), seed: int = 0) -> tuple[Any, ...]:
    """Return features, status and groups for `DepressionModel.fit`."""
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


def test_every_recording_is_predicted_with_a_probability_even_if_modalities_are_missing(
    fitted_model: DepressionModel, small_set: Path
) -> None:
    for split in ("train", "test"):
        data = load_dataset(small_set, split=split)
        predictions = fitted_model.predict(data, allow_overlap=split == "train")
        assert predictions.index.tolist() == data.data_ids
        assert predictions["probability"].between(0, 1).all()
        assert set(predictions["status"]) <= {"Depression", "Normal"}
    assert any(
        recording.video is None or recording.audio is None for recording in load_dataset(small_set / "train").recordings
    )


@pytest.mark.parametrize("n_joint", [0, 1, 3, 6])
@pytest.mark.parametrize("classes", [("Depression", "Normal"), ("high", "low", "middle")])
def test_modalities_of_almost_different_recordings_are_combined_only_if_all_classes_have_both(
    svm: Settings, tmp_path: Path, n_joint: int, classes: tuple[str, ...]
) -> None:
    features, status, groups = table(24, classes)
    features["audio__vector__0000"] = features["video__c0__mean"]
    order = np.argsort(groups.astype(int) // len(classes), kind="stable").to_numpy()
    features.iloc[order[::2], :4] = np.nan
    features.iloc[order[1::2], 4] = np.nan
    joint = features.assign(audio__vector__0000=0.5, **{f"video__c{k}__mean": 0.5 for k in range(4)})
    features.iloc[:n_joint] = joint.iloc[:n_joint]  # of two subjects: too few classes in some folds
    reporter = CodeReporter()
    model = DepressionModel(svm).fit(features, status, groups, reporter=reporter)
    assert "too-few-joint" in reporter.codes() or n_joint == 0
    assert np.isfinite(model.stacker_.oof_probability_).all()
    assert set(model.metadata_["combiners"]) == {"audio", "video"}
    # A new recording with both is predicted from one of them.
    both = model.stacker_.predict_proba(joint)
    singles = [
        model.stacker_.predict_proba(joint.assign(audio__vector__0000=np.nan)),
        model.stacker_.predict_proba(joint.assign(**{f"video__c{k}__mean": np.nan for k in range(4)})),
    ]
    assert any(np.array_equal(both, single) for single in singles)
    model.save(tmp_path / "model.joblib")


def test_a_recording_is_positive_if_its_probability_reaches_the_threshold(
    fitted_model: DepressionModel, small_set: Path
) -> None:
    predictions = fitted_model.predict(load_dataset(small_set, split="train"), allow_overlap=True)
    assert (predictions["status"] == "Depression").tolist() == (
        predictions["probability"] >= fitted_model.threshold_
    ).tolist()


def test_predictions_use_the_threshold_instead_of_one_half(svm: Settings) -> None:
    X, status, groups = table()
    model = DepressionModel(svm).fit(X, status, groups)
    probability = model.predict_features(X)["probability"]
    model.threshold_ = float(np.sort(probability)[-3])
    assert (model.predict_features(X)["status"] == "Depression").sum() == 3


# Pooling and prevalence correction at prediction; hand-computed values are in decision/test_prevalence.py.


def test_pooled_recordings_of_a_subject_get_one_prediction(svm: Settings) -> None:
    X, status, groups = table()
    model = DepressionModel(svm).fit(X, status, groups)
    separate, pooled = model.predict_features(X), model.predict_features(X, pool_subjects=groups)
    assert pooled.index.equals(separate.index)
    assert (pooled.groupby(groups).nunique() == 1).all(axis=None)
    log_odds = np.log(separate["probability"] / (1 - separate["probability"])).groupby(groups).transform("mean")
    np.testing.assert_allclose(pooled["probability"], 1 / (1 + np.exp(-log_odds)))
    assert pooled.attrs["n_subjects"] == groups.nunique()
    is_positive = pooled["probability"] >= pooled.attrs["threshold"]
    assert (pooled["status"] == "Depression").tolist() == is_positive.tolist()


def test_pooling_subjects_with_a_single_recording_changes_no_probability(svm: Settings) -> None:
    X, status, groups = table()
    model = DepressionModel(svm).fit(X, status, groups)
    alone = model.predict_features(X, pool_subjects=pd.Series(X.index, X.index))
    np.testing.assert_allclose(alone["probability"], model.predict_features(X)["probability"])


def test_a_recording_without_a_subject_is_refused_for_pooling_before_files_are_read(
    fitted_model: DepressionModel, small_set: Path
) -> None:
    data, reporter = load_dataset(small_set, split="test"), CodeReporter()
    subjects = pd.Series("S1", index=data.data_ids[1:])
    with pytest.raises(DataError, match=rf"1 of {len(data)} recordings have no subject[^\0]*'{data.data_ids[0]}'"):
        fitted_model.predict(data, pool_subjects=subjects, reporter=reporter)
    assert reporter.steps == []


def test_a_prevalence_corrects_probabilities_and_is_reported(fitted_model: DepressionModel, small_set: Path) -> None:
    data, reporter = load_dataset(small_set, split="test"), CodeReporter()
    before = fitted_model.predict(data)
    after = fitted_model.predict(data, prevalence=0.1, reporter=reporter)
    share = fitted_model.decision_.priors_[0]
    odds = before["probability"] / (1 - before["probability"]) * (0.1 / share) / (0.9 / (1 - share))
    np.testing.assert_allclose(after["probability"], odds / (1 + odds))
    assert after.attrs["prevalence"] == pytest.approx({"Depression": 0.1, "Normal": 0.9})
    assert "prevalence" in reporter.codes()
    assert "prevalence" not in before.attrs


@pytest.mark.parametrize("seed", range(3))
def test_a_lower_prevalence_lowers_the_threshold(svm: Settings, seed: int) -> None:
    """In a table with an effect: without one, all recordings are classified as positive at any prevalence."""
    X, status, groups = table(seed=seed)
    model = DepressionModel(svm).fit(X, status, groups)
    low, high = (model.predict_features(X, prevalence=share).attrs["threshold"] for share in (0.1, 0.9))
    assert low < model.threshold_ < high


def test_an_invalid_prevalence_is_refused_before_files_are_read(fitted_model: DepressionModel, small_set: Path) -> None:
    reporter = CodeReporter()
    with pytest.raises(ConfigError, match="--prevalence must be between 0 and 1"):
        fitted_model.predict(load_dataset(small_set, split="test"), prevalence=2.0, reporter=reporter)
    assert reporter.steps == []


def test_predictions_do_not_depend_on_the_other_recordings(fitted_model: DepressionModel, small_set: Path) -> None:
    data = load_dataset(small_set, split="test")
    predictions = fitted_model.predict(data)
    for data_id in data.data_ids[:3]:
        alone = fitted_model.predict(data.subset(pd.Series([i == data_id for i in data.data_ids], data.data_ids)))
        pd.testing.assert_frame_equal(alone, predictions.loc[[data_id]], rtol=1e-9)


def test_the_order_of_the_columns_does_not_matter(svm: Settings) -> None:
    X, status, groups = table()
    model = DepressionModel(svm).fit(X, status, groups)
    pd.testing.assert_frame_equal(model.predict_features(X[X.columns[::-1]]), model.predict_features(X))


@pytest.fixture
def both(small_set: Path, tmp_path: Path) -> Path:
    """Return a copy of the test split with only the recordings that have both modalities."""
    shutil.copytree(small_set / "test", tmp_path / "test")
    for recording in load_dataset(tmp_path / "test").recordings:
        if recording.video is None or recording.audio is None:
            (recording.video or recording.audio).unlink()  # type: ignore[union-attr]
    return tmp_path / "test"


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_recording_with_one_broken_file_is_predicted_from_the_other_file_with_a_note(
    fitted_model: DepressionModel, both: Path, kind: str
) -> None:
    first, *_ = load_dataset(both).data_ids
    (both / kind / f"{first}.csv").write_text("this is no table\n")
    reporter = CodeReporter()
    broken = fitted_model.predict(load_dataset(both), reporter=reporter)
    assert any(str(finding.file).endswith(f"{kind}/{first}.csv") for finding in reporter.findings)
    (both / kind / f"{first}.csv").unlink()
    pd.testing.assert_frame_equal(fitted_model.predict(load_dataset(both)), broken, check_exact=True)


def test_all_recordings_without_usable_data_are_listed_in_the_error(fitted_model: DepressionModel, both: Path) -> None:
    unusable = load_dataset(both).data_ids[:2]
    for data_id in unusable:
        for kind in ("video", "audio"):
            (both / kind / f"{data_id}.csv").write_bytes(b"")
    with pytest.raises(DataError, match="2 recordings have no data that the model can use") as caught:
        fitted_model.predict(load_dataset(both))
    for data_id in unusable:
        assert repr(data_id) in str(caught.value)
        assert str(caught.value).count(f"{data_id}.csv") == 2


def test_missing_channels_are_reported(fitted_model: DepressionModel, both: Path) -> None:
    for path in (both / "video").iterdir():
        frame = pd.read_csv(path)
        frame.drop(columns=["AU12_r", "pose_Rx"]).to_csv(path, index=False)
    reporter = CodeReporter()
    assert fitted_model.predict(load_dataset(both), reporter=reporter)["probability"].notna().all()
    (finding,) = [finding for finding in reporter.findings if finding.code == "missing-channels"]
    assert finding.found is not None
    assert "AU12_r" in finding.found


# ------------------------------------------------------------------------------------------- fitting


NAMES = ("loud", "F0", "jitter<ms>", "mfcc[1]")


def write_vectors(folder: Path, *, names: tuple[str, ...] = NAMES, columns: tuple[str, ...], n: int = 24) -> Path:
    """Write audio vectors whose components are columns; component F0 gives the label away."""
    (folder / "audio").mkdir(parents=True)
    rng = np.random.default_rng(n)
    for number in range(n):
        row = dict(zip(NAMES, rng.normal(size=len(NAMES)), strict=True), extra=rng.normal())
        row["F0"] += 4 * (number % 2)
        header = ",".join(columns) + "\n" if names else ""
        values = ",".join(f"{row[name]:.6f}" for name in columns)
        (folder / "audio" / f"{n}_{number:02d}.csv").write_text(f"{header}{values}\n")
    ids = [f"{n}_{number:02d}" for number in range(n)]
    labels = pd.DataFrame({"data_id": ids, "status": ["Normal", "Depression"] * (n // 2)})
    labels.to_csv(folder / "labels.csv", index=False)
    return folder


def test_a_model_uses_audio_components_by_name(tmp_path: Path) -> None:
    settings = Settings().override({"learning.trials": 1, "learning.repeats": 1})
    model = fit(load_dataset(write_vectors(tmp_path / "a", columns=NAMES)), settings=settings)
    permuted = load_dataset(write_vectors(tmp_path / "b", columns=("extra", *NAMES[::-1]), n=30))
    reporter = CodeReporter()
    predictions = model.predict(permuted, reporter=reporter)
    assert (predictions["status"] == permuted.status.loc[predictions.index]).mean() > 0.9
    assert "additional-components" in reporter.codes()
    fewer = write_vectors(tmp_path / "c", columns=NAMES[:3], n=26)
    with pytest.raises(DataError, match=r"(?s)other names.*missing: 'mfcc\[1\]'"):
        model.predict(load_dataset(fewer))
    unnamed = write_vectors(tmp_path / "d", names=(), columns=NAMES, n=28)
    with pytest.raises(DataError, match=r"(?s)only some files name them.*4 values without names"):
        model.predict(load_dataset(unnamed))


def test_a_model_of_vectors_without_names_refuses_names(tmp_path: Path, svm: Settings) -> None:
    model = fit(load_dataset(write_vectors(tmp_path / "a", names=(), columns=NAMES)), settings=svm)
    with pytest.raises(DataError, match="only some files name them"):
        model.predict(load_dataset(write_vectors(tmp_path / "b", columns=NAMES, n=26)))


def test_the_out_of_fold_table_has_every_training_recording(fitted_model: DepressionModel, small_set: Path) -> None:
    data = load_dataset(small_set, split="train")
    assert fitted_model.oof_.index.tolist() == data.data_ids
    assert data.status is not None
    assert fitted_model.oof_["status"].tolist() == data.status.tolist()
    assert fitted_model.oof_["probability"].between(0, 1).all()


@pytest.mark.usefixtures("several_threads")
def test_the_same_seed_gives_the_same_model_for_any_number_of_jobs(svm: Settings) -> None:
    X, status, groups = table()
    one, two = (DepressionModel(svm).fit(X, status, groups, jobs=jobs) for jobs in (1, 2))
    assert one.metadata_ == two.metadata_
    pd.testing.assert_frame_equal(one.predict_features(X), two.predict_features(X), check_exact=True)


def test_the_cache_changes_nothing(small_set: Path, svm: Settings, tmp_path: Path) -> None:
    data = load_dataset(small_set, split="train")
    without, fresh, cached = (fit(data, settings=svm, cache=place) for place in (None, tmp_path, tmp_path))
    metadata = [{**model.metadata_, "content_hashes": "salted at random"} for model in (without, fresh, cached)]
    assert metadata[0] == metadata[1] == metadata[2]
    pd.testing.assert_frame_equal(without.oof_, cached.oof_, check_exact=True)


def test_recordings_without_a_label_are_left_out_of_the_fit_with_a_note(
    small_set: Path, svm: Settings, tmp_path: Path
) -> None:
    labels = pd.read_csv(small_set / "train/labels.csv", dtype=str)
    labels.iloc[1:].to_csv(tmp_path / "labels.csv", index=False)
    reporter = CodeReporter()
    data = load_dataset(small_set, split="train", labels=tmp_path / "labels.csv")
    model = fit(data, settings=svm, reporter=reporter)
    assert model.metadata_["n_recordings"] == len(labels) - 1
    assert "unlabelled" in reporter.codes()


def test_fewer_folds_are_reported(small_set: Path, svm: Settings) -> None:
    reporter = CodeReporter()
    model = fit(load_dataset(small_set, split="train"), settings=svm, reporter=reporter)
    assert model.metadata_["n_inner_folds"] == 4
    assert "fewer-folds" in reporter.codes()


@pytest.mark.parametrize(("requested", "other"), [("Depression", "Normal"), ("Normal", "Depression")])
def test_the_positive_class_is_the_requested_one(svm: Settings, requested: str, other: str) -> None:
    X, status, groups = table()
    model = DepressionModel(svm.override({"data.positive": requested})).fit(X, status, groups)
    predictions = model.predict_features(X)
    assert model.positive_ == requested
    by_class = predictions.groupby(status)["probability"].mean()
    assert by_class[requested] > by_class[other]


def test_the_metadata_contain_the_metric_and_the_threshold(svm: Settings) -> None:
    X, status, groups = table()
    models = {
        metric: DepressionModel(svm.override({"learning.metric": metric})).fit(X, status, groups)
        for metric in ("f1", "balanced_accuracy", "logloss")
    }
    assert [model.metadata_["metric"] for model in models.values()] == list(models)
    assert all(model.metadata_["threshold"] == model.threshold_ for model in models.values())
    assert models["logloss"].threshold_ == 0.5
    assert models["f1"].threshold_ != 0.5
    pd.testing.assert_series_equal(models["f1"].oof_["probability"], models["logloss"].oof_["probability"])


def test_a_threshold_set_by_hand_is_used(svm: Settings) -> None:
    X, status, groups = table()
    model = DepressionModel(svm.override({"learning.threshold": 0.8})).fit(X, status, groups)
    assert model.threshold_ == model.metadata_["threshold"] == 0.8
    assert model.metadata_["metric"] is None
    predictions = model.predict_features(X)
    assert (predictions["status"] == "Depression").tolist() == (predictions["probability"] >= 0.8).tolist()


def test_a_threshold_for_several_classes_is_ignored_with_a_note(svm: Settings) -> None:
    X, status, groups = table(n_subjects=15, classes=("a", "b", "c"))
    reporter = CodeReporter()
    model = DepressionModel(svm.override({"learning.threshold": 0.8})).fit(X, status, groups, reporter=reporter)
    plain = DepressionModel(svm).fit(X, status, groups)
    assert "threshold-unused" in reporter.codes()
    assert plain.metadata_["metric"] == "macro_f1"
    pd.testing.assert_frame_equal(model.predict_features(X), plain.predict_features(X))


@pytest.mark.parametrize(("name", "value"), [("metric", "accuracy"), ("threshold", 1.5), ("threshold", -0.1)])
def test_an_invalid_metric_or_threshold_is_refused(svm: Settings, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"the setting learning.{name}"):
        svm.override({f"learning.{name}": value})


def test_weights_of_one_change_nothing(svm: Settings) -> None:
    X, status, groups = table()
    without, ones = (
        DepressionModel(svm).fit(X, status, groups, sample_weight=weights) for weights in (None, np.ones(len(X)))
    )
    assert without.metadata_ == ones.metadata_
    pd.testing.assert_frame_equal(without.oof_, ones.oof_, check_exact=True)


def test_too_few_subjects_with_a_positive_weight_are_refused() -> None:
    index = pd.Index([f"{k:03d}" for k in range(20)], name="data_id")
    status = pd.Series(["Depression", "Normal"] * 10, index)
    X = pd.DataFrame({"video__AU12_r__mean": np.arange(20.0)}, index)
    weights = np.where((status == "Normal") | (np.arange(20) == 0), 1.0, 0.0)
    with pytest.raises(DataError, match="class 'Depression' has only 1 subject with a positive weight") as caught:
        DepressionModel().fit(X, status, pd.Series(index, index), sample_weight=weights)
    assert caught.value.finding.found == "Depression: 1, Normal: 10"


def test_weights_reach_tuning_stack_and_threshold(svm: Settings) -> None:
    X, status, groups = table()
    heavy = np.where(status == "Depression", 5.0, 1.0)
    plain, weighted = (DepressionModel(svm).fit(X, status, groups, sample_weight=w) for w in (None, heavy))
    assert weighted.decision_.priors_.tolist() == pytest.approx([5 / 6, 1 / 6])
    assert weighted.oof_["probability"].mean() > plain.oof_["probability"].mean()
    assert weighted.metadata_["data_fingerprint"] != plain.metadata_["data_fingerprint"]


def test_each_of_several_classes_has_a_probability_and_there_is_no_threshold(svm: Settings) -> None:
    X, status, groups = table(n_subjects=15, classes=("a", "b", "c"))
    model = DepressionModel(svm).fit(X, status, groups)
    predictions = model.predict_features(X)
    assert model.threshold_ is None
    assert model.positive_ is None
    columns = ["probability_a", "probability_b", "probability_c"]
    assert list(predictions) == ["status", *columns]
    np.testing.assert_allclose(predictions[columns].sum(axis=1), 1)
    assert (predictions[columns].idxmax(axis=1).str[-1] == predictions["status"]).all()
    assert "macro_f1" in model.metadata_["inner_scores"]
    assert "f1" not in model.metadata_["inner_scores"]


@pytest.mark.parametrize(
    "classes",
    [("1", "0"), ("抑郁", "健康"), ("krank, sehr", "nicht, krank"), ("True", "False"), ("probability", "status")],
)
def test_unusual_labels_are_unchanged(svm: Settings, classes: tuple[str, str], tmp_path: Path) -> None:
    X, status, groups = table(classes=classes)
    model = DepressionModel(svm.override({"data.positive": classes[0]})).fit(X, status, groups)
    assert model.classes_ == sorted(classes)
    write_results(model.predict_features(X), tmp_path / "results.jsonl", proba=True)
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["status"] for line in lines} == set(classes)


def test_each_of_three_unusual_labels_has_its_probability(svm: Settings, tmp_path: Path) -> None:
    classes = ("0", "ja, sehr", "健康")
    X, status, groups = table(n_subjects=15, classes=classes)
    write_results(
        DepressionModel(svm).fit(X, status, groups).predict_features(X), tmp_path / "results.jsonl", proba=True
    )
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len(X)
    assert all(set(line["probabilities"]) == set(classes) for line in lines)
    assert all(max(line["probabilities"], key=line["probabilities"].get) == line["status"] for line in lines)


@pytest.mark.parametrize(
    ("corrupt", "error", "message"),
    [
        (lambda s: s.replace("Normal", "Depression"), DataError, r"only one class[^\0]*'Depression'"),
        (
            lambda s: s.where(s.index != "004", "Sad"),
            DataError,
            r"unknown label[^\0]*Depression or Normal[^\0]*'Sad' for '004'",
        ),
        (lambda s: s.str.lower(), DataError, r"unknown label[^\0]*Depression or Normal"),
        (
            lambda s: s.replace({"Normal": "Control", "Depression": "PD"}),
            ConfigError,
            "the positive class is not specified",
        ),
    ],
    ids=["one-class", "typo", "lower-case", "no-default-positive"],
)
def test_invalid_labels_are_refused(
    svm: Settings, corrupt: Callable[[pd.Series], pd.Series], error: type[Exception], message: str
) -> None:
    X, status, groups = table()
    with pytest.raises(error, match=message):
        DepressionModel(svm).fit(X, corrupt(status), groups)


def test_a_set_without_labels_cannot_be_fitted(small_set: Path) -> None:
    with pytest.raises(DataError, match=r"there are no labels[^\0]*--labels FILE"):
        fit(load_dataset(small_set, split="test", use_labels=False))


def test_an_unknown_learner_is_refused(svm: Settings) -> None:
    with pytest.raises(ConfigError, match=r"unknown learner[^\0]*lightgbm, xgboost, svm[^\0]*catboost"):
        DepressionModel(svm.override({"learning.learners": ("catboost",)})).fit(*table())


def test_invalid_labels_are_refused_before_any_file_is_read(small_set: Path, tmp_path: Path) -> None:
    """Reading a large set takes an hour, so errors in the labels are reported first."""
    labels = pd.read_csv(small_set / "train/labels.csv", dtype=str)
    labels.assign(subject_id="S1").to_csv(tmp_path / "labels.csv", index=False)
    reporter = CodeReporter()
    with pytest.raises(DataError, match="needs at least two subjects"):
        fit(load_dataset(small_set, split="train", labels=tmp_path / "labels.csv"), reporter=reporter)
    assert [stage for stage, *_ in reporter.steps if stage == "reading"] == []


def test_the_manifest_says_how_members_are_combined(fitted_model: DepressionModel) -> None:
    assert set(fitted_model.metadata_["combiners"]) == {"audio", "video", "audio+video"}
    for modalities, combiner in fitted_model.metadata_["combiners"].items():
        views = {*modalities.split("+"), *(["both"] if "+" in modalities else [])}
        assert {name.split("/")[0] for name in combiner["weights"]} == views
        assert sum(combiner["weights"].values()) == pytest.approx(1)
        heaviest = max(combiner["weights"], key=combiner["weights"].get)
        view, learner = heaviest.split("/")
        assert f"; {learner} on {view} weighs most (" in combiner["summary"]
        assert f"; log loss {combiner['log_loss']['weighted_average']:.3f}, " in combiner["summary"]
        assert {"average", "weighted_average"} < set(combiner["log_loss"])


def test_the_stacker_refuses_columns_in_another_order(fitted_model: DepressionModel) -> None:
    names = fitted_model.feature_names_
    row = pd.DataFrame(np.zeros((1, len(names))), columns=names)
    assert fitted_model.stacker_.predict_proba(row).shape == (1, 2)
    with pytest.raises(ValueError, match="feature names"):
        fitted_model.stacker_.predict_proba(row[names[::-1]])


@pytest.mark.parametrize("learn", [fit, evaluate])
def test_an_unknown_learner_is_refused_before_any_file_is_read(learn: Any, small_set: Path) -> None:
    reporter = CodeReporter()
    settings = Settings().override({"learning.learners": ("forest",)})
    with pytest.raises(ConfigError, match=r"unknown learner[^\0]*\[learning\] learners"):
        learn(load_dataset(small_set / "train"), settings=settings, reporter=reporter)
    assert reporter.steps == []


def test_a_table_without_columns_is_refused() -> None:
    index = pd.Index([f"{k:03d}" for k in range(20)], name="data_id")
    status = pd.Series(["Depression", "Normal"] * 10, index)
    with pytest.raises(DataError, match="no features to train on"):
        DepressionModel().fit(pd.DataFrame(index=index), status, pd.Series(index, index))


# --------------------------------------------------------------------------------------- the labels


def test_depression_is_the_default_positive_class() -> None:
    assert choose_positive_class(["Depression", "Healthy"], None) == "Depression"
    assert choose_positive_class(["Control", "PD"], "PD") == "PD"
    assert choose_positive_class(["a", "b", "c"], None) is None


@pytest.mark.parametrize(
    ("classes", "requested", "message"),
    [
        (["Control", "PD"], None, r"the positive class is not specified[^\0]*Control or PD[^\0]*--positive PD"),
        (
            ["Control", "PD"],
            "Depression",
            r"--positive must be one of the classes[^\0]*Control or PD[^\0]*'Depression'",
        ),
        (["a", "b", "c"], "d", "--positive must be one of the classes"),
    ],
)
def test_a_missing_or_unknown_positive_class_is_refused(
    classes: list[str], requested: str | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_positive_class(classes, requested)


def test_only_labels_in_the_list_of_classes_are_allowed() -> None:
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
    reporter = CodeReporter()
    model = fit(load_dataset(real_data / name, split="train"), trials=1, positive=positive, reporter=reporter)
    test = load_dataset(real_data / name, split="test", use_labels=False)
    write_results(model.predict(test, reporter=reporter), tmp_path / "results.jsonl", proba=True)
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [line["data_id"] for line in lines] == test.data_ids
    scores = score_files(tmp_path / "results.jsonl", real_data / name / "test/labels.csv", positive=positive)
    assert scores["n"] == len(test)
    assert scores["positive"] == positive
    record_property("f1", scores["f1"])
    record_property("floor", scores["floor"])
    print(f"{name}: F1 {scores['f1']:.3f}, floor {scores['floor']:.3f}, AUC {scores['auc']:.3f}")
    # Not a claim about performance: it detects a swapped class or a shuffled table.
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
    predictions = model.predict(data.subset(held_out))
    probabilities = predictions.filter(like="probability_")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert data.status is not None
    assert (predictions["status"] == data.status[held_out]).mean() > 2 / 7
