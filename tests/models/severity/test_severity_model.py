"""`DepressionModel` with a score: alone or with the class, with and without experts."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scored import AUDIO, VIDEO, Scored, fit_scored, make_scored

from pdmr_classic import DepressionModel
from pdmr_classic.errors import Finding
from pdmr_classic.io.labels.scales import SCALES, Scale
from pdmr_classic.metrics import concordance
from pdmr_classic.models.learners.regressors import REGRESSORS

KINDS = [("score", False), ("score", True), ("both", False), ("both", True)]
KIND_NAMES = ["score", "score-experts", "both", "both-experts"]


@pytest.fixture(scope="module", params=KINDS, ids=KIND_NAMES)
def fitted(request: pytest.FixtureRequest) -> tuple[Scored, DepressionModel]:
    """A model of each kind, and its training data, where some recordings lack a modality."""
    target, experts = request.param
    data = make_scored(24, missing=4)
    return data, fit_scored(data, target, experts=experts)[0]


def predict(model: DepressionModel, data: Scored, **options: Any) -> pd.DataFrame:
    return model.predict_features(data.X, conditions=data.conditions, label_sets=True, **options)


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def shuffle_conditions(data: Scored) -> Scored:
    return data._replace(conditions=data.conditions.where(np.arange(len(data.X)) % 3 > 0, "site C"))


# --------------------------------------------------------------------------------------------- predictions


def test_new_recordings_have_score_interval_class_and_label(fitted: tuple[Scored, DepressionModel]) -> None:
    _, model = fitted
    new = make_scored(30, seed=1)
    predictions, scale = predict(model, new), SCALES["phq8"]
    assert np.corrcoef(predictions["severity"], new.score)[0, 1] > 0.7
    assert predictions["severity"].between(0, 24).all()
    low, high = predictions["severity_low"], predictions["severity_high"]
    assert ((low >= 0) & (low <= predictions["severity"]) & (predictions["severity"] <= high) & (high <= 24)).all()
    assert ((low <= new.score) & (new.score <= high)).mean() > 0.65
    assert predictions["severity_class"].tolist() == scale.classify(predictions["severity"]).tolist()
    probability = predictions[[f"severity_p_{name}" for name in scale.class_names]]
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert (predictions["status"] == new.status).mean() > 0.65
    assert all(row.status in row.label_set for row in predictions.itertuples())
    assert predictions.attrs["level"] == 0.8


def test_the_prediction_of_a_recording_does_not_depend_on_its_neighbours(
    fitted: tuple[Scored, DepressionModel],
) -> None:
    """Also where a modality is missing, and where a condition is unknown or was never seen."""
    data, model = fitted
    data = shuffle_conditions(data)
    data.conditions.iloc[5:7] = ""
    together = predict(model, data)
    order = np.random.default_rng(0).permutation(48)
    single = pd.concat([predict(model, data.select([data_id])) for data_id in data.X.index[order]])
    numbers = together.select_dtypes("number").columns
    np.testing.assert_allclose(single.loc[together.index, numbers], together[numbers], rtol=1e-9)
    for column in together.columns.difference(numbers):
        assert single.loc[together.index, column].tolist() == together[column].tolist()
    assert {"severity", "severity_low", "severity_class", "label_set", "status"} <= set(together)


def test_a_recording_with_one_modality_is_predicted_from_it(fitted: tuple[Scored, DepressionModel]) -> None:
    _, model = fitted
    new = make_scored(30, seed=1)
    for lost in (VIDEO, AUDIO):
        predictions = predict(model, new._replace(X=new.X.assign(**dict.fromkeys(lost, np.nan))))
        assert predictions.drop(columns=["status", "label_set"]).notna().all(axis=None)
        assert np.corrcoef(predictions["severity"], new.score)[0, 1] > 0.5
    nothing = predict(model, new._replace(X=new.X * np.nan))
    assert nothing[["severity", "severity_low", "severity_high"]].isna().all(axis=None)
    assert set(nothing["severity_class"]) == {""}


def test_a_saved_model_predicts_the_same(fitted: tuple[Scored, DepressionModel], tmp_path: Path) -> None:
    data, model = fitted
    new = shuffle_conditions(make_scored(8, missing=3, seed=2))
    loaded = DepressionModel.load(model.save(tmp_path / "m.joblib"))
    for table in (data, new):
        pd.testing.assert_frame_equal(predict(loaded, table), predict(model, table))
    assert loaded.severity_ is not None
    assert loaded.severity_.scale_ == SCALES["phq8"]
    assert loaded.learns_status == model.learns_status


def test_pooled_recordings_of_a_subject_have_one_prediction(fitted: tuple[Scored, DepressionModel]) -> None:
    data, model = fitted
    separate, pooled = predict(model, data), predict(model, data, pool_subjects=data.groups)
    assert (pooled.drop(columns="label_set").groupby(data.groups).nunique() == 1).all(axis=None)
    expected = separate["severity"].groupby(data.groups).transform("mean")
    np.testing.assert_allclose(pooled["severity"], expected)
    assert pooled.attrs["n_subjects"] == 24


def test_inner_scores_and_the_manifest_tell_about_the_score(
    fitted: tuple[Scored, DepressionModel], tmp_path: Path
) -> None:
    data, model = fitted
    manifest = json.loads(model.save(tmp_path / "m.joblib").with_suffix(".json").read_text())
    severity = manifest["severity"]
    assert Scale.from_dict(severity["scale"]) == SCALES["phq8"]
    assert (severity["column"], severity["level"]) == ("phq8", 0.8)
    assert (severity["n_recordings"], severity["n_subjects"], severity["n_inner_folds"]) == (48, 24, 4)
    assert severity["training_mean"] == pytest.approx(data.score.mean())
    assert severity["inner_scores"]["mae"] < 0.7 * severity["inner_scores"]["mae_of_mean"]
    assert 0.7 < severity["inner_scores"]["ccc"] < 1
    assert set(severity["combiners"]) == {"video", "audio", "audio+video"}
    assert manifest["contains_training_rows"] is False
    assert ("experts" in severity) == (model.severity_ is not None and model.severity_.experts_ is not None)


def test_a_learner_that_stores_rows_is_noted_in_the_manifest() -> None:
    for target in ("score", "both"):
        model, _ = fit_scored(make_scored(12), target, settings={"severity.learners": ("svr",)})
        assert model.metadata_["contains_training_rows"] is True


# ------------------------------------------------------------------------------------------------- training


def test_out_of_fold_scores_have_the_moments_of_the_training_scores() -> None:
    data = make_scored(60)
    for shrinkage in (0.0, 0.5):
        model, _ = fit_scored(data, settings={"severity.shrinkage": shrinkage}, scale=Scale("w", -50.0, 80.0))
        oof = model.oof_
        assert oof["severity"].mean() == pytest.approx(data.score.mean(), abs=0.3)
        r = oof.corr().iloc[0, 1]
        assert oof["severity"].std() / data.score.std() == pytest.approx(r**shrinkage, abs=0.04)


@pytest.mark.parametrize("target", ["score", "both"])
def test_random_scores_are_predicted_near_their_mean_and_without_concordance(target: str) -> None:
    concordances, lengths = [], []
    for seed in range(4):
        data = make_scored(30, seed=seed)
        X = data.X.assign(**{name: np.random.default_rng(50 + seed).normal(size=60) for name in data.X})
        model, _ = fit_scored(data._replace(X=X), target)
        assert model.severity_ is not None
        oof = model.severity_.oof_
        concordances.append(concordance(oof["score"], oof["severity"]))
        predictions = model.predict_features(make_scored(60, seed=99).X)
        assert predictions["severity"].std() < 0.8 * data.score.std()
        assert predictions["severity"].mean() == pytest.approx(data.score.mean(), abs=3)
        lengths.append((predictions["severity_high"] - predictions["severity_low"]).mean())
    assert abs(np.mean(concordances)) < 0.15
    assert np.mean(lengths) > 12, "80% of scores from 0 to 24"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["score", "both"])
@pytest.mark.usefixtures("several_threads")
def test_the_same_seed_gives_the_same_model_for_any_number_of_jobs(target: str) -> None:
    data = make_scored(12, missing=2)
    settings = {"severity.learners": ("ridge", "lightgbm_regressor")}
    models = [fit_scored(data, target, experts=True, jobs=jobs, settings=settings)[0] for jobs in (1, 2, 1)]
    for other in models[1:]:
        pd.testing.assert_frame_equal(predict(models[0], data), predict(other, data))
        assert json.dumps(models[0].metadata_["severity"]) == json.dumps(other.metadata_["severity"])


def test_an_interrupted_fit_resumes_with_the_same_result(tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    data, settings = make_scored(12), {"learning.trials": 3}
    expected, _ = fit_scored(data, "both", settings=settings)
    studies = tmp_path / "m.studies"
    calls: list[int] = []

    def stop(self: Any, *args: Any, **options: Any) -> None:
        calls.append(1)
        raise StopError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pdmr_classic.models._predictor.fit_presence", stop)
        with pytest.raises(StopError):
            fit_scored(data, "both", settings=settings, studies=studies)
    assert calls
    assert studies.exists()
    resumed, _ = fit_scored(data, "both", settings=settings, studies=studies)
    pd.testing.assert_frame_equal(resumed.predict_features(data.X), expected.predict_features(data.X))


def test_series_are_matched_by_their_index() -> None:
    data = make_scored(12)
    order = np.random.default_rng(1).permutation(data.X.index)
    shuffled = Scored(data.X, *(part.loc[order] for part in data[1:]))
    first, second = (fit_scored(table, "both", experts=True)[0] for table in (data, shuffled))
    pd.testing.assert_frame_equal(predict(first, data), predict(second, data))


# ------------------------------------------------------------------------------------ score alone, and both


def test_without_labels_the_class_follows_from_the_score() -> None:
    data = make_scored(16)
    model, _ = fit_scored(data)
    predictions = model.predict_features(data.X)
    assert list(predictions)[:2] == ["status", "label_set"]
    assert (predictions["status"] == "Depression").tolist() == (predictions["severity"] >= 9.5).tolist()
    assert (model.classes_, model.positive_, model.threshold_) == (["Depression", "Normal"], "Depression", None)
    assert not model.learns_status
    for name in ("stacker_", "decision_"):
        with pytest.raises(AttributeError, match="the model learned a score, and no classes"):
            getattr(model, name)


def test_a_scale_without_cutoffs_has_neither_class_nor_status() -> None:
    data = make_scored(16)
    model, _ = fit_scored(data, scale=None)
    predictions = model.predict_features(data.X)
    assert list(predictions) == ["severity", "severity_low", "severity_high"]
    assert (model.classes_, model.positive_, model.threshold_) == ([], None, None)


def test_a_score_does_not_change_a_model_of_classes_if_it_does_not_help() -> None:
    """The columns are clear, so that a noisy score adds nothing: the stack of classes is the same to the last digit."""
    data = make_scored(24, noise=0.3)
    score = pd.Series(np.random.default_rng(3).integers(0, 25, 48).astype(float), data.X.index, name="phq8")
    model, _ = fit_scored(data._replace(score=score), "both")
    plain = DepressionModel(model.settings).fit(data.X, data.status, data.groups)
    assert model.metadata_["severity_columns"] == []
    expected = plain.predict_features(data.X)
    pd.testing.assert_frame_equal(model.predict_features(data.X)[["status", "probability"]], expected, check_like=True)
    assert list(expected) == ["status", "probability"]
    assert "severity" not in plain.metadata_


def test_a_score_that_helps_is_a_column_of_the_model_of_classes() -> None:
    """Most recordings have no status: the score is learned from more of them."""
    data = make_scored(60, noise=2.0)
    status = data.status.where(data.groups < "S24", "")
    both, _ = fit_scored(data._replace(status=status), "both")
    assert both.metadata_["severity_columns"]
    plain = DepressionModel(both.settings).fit(*(part.loc[status != ""] for part in (data.X, status, data.groups)))
    new = make_scored(200, noise=2.0, seed=50)
    is_positive = (new.status == "Depression").to_numpy()
    losses = []
    for model in (plain, both):
        p = model.predict_features(new.X)["probability"].to_numpy()
        losses.append(-np.mean(np.log(np.where(is_positive, p, 1 - p))))
    assert losses[1] < losses[0] - 0.005


def test_recordings_are_used_for_the_target_that_they_have() -> None:
    data = make_scored(24)
    status = data.status.where(data.groups >= "S04", "")
    score = data.score.where(data.groups < "S18")
    model, _ = fit_scored(data._replace(status=status, score=score), "both")
    assert (model.metadata_["n_recordings"], model.metadata_["n_subjects"]) == (40, 20)
    severity = model.metadata_["severity"]
    assert (severity["n_recordings"], severity["n_subjects"]) == (36, 18)
    assert len(model.oof_) == 40
    assert model.predict_features(data.X).drop(columns=["status", "label_set"]).notna().all(axis=None)
    assert model.severity_ is not None
    assert model.severity_.oof_["severity"].notna().all(), "recordings without a score are only predicted"


def test_a_recording_without_a_score_has_no_influence_on_it() -> None:
    data = make_scored(24)
    score = data.score.where(data.groups < "S18")
    is_unscored = score.isna()
    X = data.X.copy()
    X[is_unscored] = 100 * np.random.default_rng(2).normal(size=(is_unscored.sum(), 6))
    first, second = (fit_scored(data._replace(X=table, score=score))[0] for table in (data.X, X))
    new = make_scored(12, seed=3)
    pd.testing.assert_frame_equal(predict(first, new), predict(second, new))


def test_a_recording_without_a_status_has_no_influence_on_the_stack_of_classes() -> None:
    data = make_scored(24)
    status = data.status.where(data.groups < "S18", "")
    both, _ = fit_scored(data._replace(status=status), "both")
    plain = DepressionModel(both.settings).fit(*(part.loc[status != ""] for part in (data.X, status, data.groups)))
    new = make_scored(12, seed=3)
    np.testing.assert_array_equal(both.stacker_.predict_proba(new.X), plain.stacker_.predict_proba(new.X))


def test_both_also_learn_more_than_two_classes() -> None:
    data = make_scored(24)
    status = pd.Series(np.select([data.score < 8, data.score < 16], ["low", "middle"], "high"), data.X.index)
    settings = {"data.classes": ("low", "middle", "high")}
    model, _ = fit_scored(data._replace(status=status.astype(object)), "both", settings=settings)
    predictions = model.predict_features(data.X)
    assert model.classes_ == ["high", "low", "middle"]
    assert model.metadata_["severity_columns"] == []
    assert {"probability_high", "severity", "label_set"} <= set(predictions)


# --------------------------------------------------------------------------------------------------- experts


@pytest.mark.parametrize("target", ["score", "status", "both"])
def test_one_condition_is_exactly_the_plain_model(target: str) -> None:
    data = make_scored(16)
    alike = data._replace(conditions=pd.Series("human", data.X.index))
    plain, _ = fit_scored(data, target)
    model, findings = fit_scored(alike, target, experts=True)
    assert "one-condition" in codes(findings)
    pd.testing.assert_frame_equal(predict(model, alike), predict(plain, alike))


@pytest.mark.parametrize("target", ["score", "status", "both"])
def test_a_condition_with_one_subject_gets_no_expert_and_is_told(target: str) -> None:
    data = make_scored(16)
    conditions = data.conditions.where(data.groups != "S00", "cat")
    model, findings = fit_scored(data._replace(conditions=conditions), target, experts=True)
    small = [finding for finding in findings if finding.code == "small-condition"]
    assert small
    assert all("condition 'cat' gets no expert" in finding.what for finding in small)
    parts = (model.metadata_, model.metadata_.get("severity", {}))
    experts = [list(part["experts"]) for part in parts if "experts" in part]
    assert experts == [["human", "robot"]] * (2 if target == "both" else 1)


@pytest.mark.parametrize("target", ["score", "status", "both"])
def test_a_condition_that_training_never_saw_is_told_and_the_gate_decides(target: str) -> None:
    data = make_scored(16)
    model, _ = fit_scored(data, target, experts=True)
    unseen = pd.Series("alien", data.X.index)
    (finding,) = model.predictor_.find_unseen(unseen)
    assert "'alien'" in str(finding)
    assert model.predictor_.find_unseen(data.conditions) == []
    unknown = model.predict_features(data.X)
    pd.testing.assert_frame_equal(model.predict_features(data.X, conditions=unseen), unknown)
    number = "probability" if target == "status" else "severity"
    assert (model.predict_features(data.X, conditions=data.conditions)[number] != unknown[number]).any()


@pytest.mark.parametrize("target", ["score", "both"])
def test_scores_that_depend_on_the_condition_are_predicted_better_with_experts(target: str) -> None:
    """The first column means the opposite with a robot, and nothing on average."""

    def oppose(data: Scored) -> Scored:
        sign = np.where(data.conditions == "robot", -1.0, 1.0)
        return data._replace(X=data.X[VIDEO].mul(sign, axis=0))

    data, new = oppose(make_scored(60, noise=0.5)), oppose(make_scored(60, noise=0.5, seed=1))
    correlations = []
    for experts in (False, True):
        model, _ = fit_scored(data, target, experts=experts)
        correlations.append(predict(model, new)["severity"].corr(new.score))
    assert correlations[1] > correlations[0] + 0.3


# --------------------------------------------------------------------------------------------------- privacy


def walk(value: Any, seen: set[int]) -> Any:
    """Yield all that can be reached from a fitted model."""
    if id(value) in seen:
        return
    seen.add(id(value))
    yield value
    if isinstance(value, dict):
        parts: Any = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    else:
        parts = getattr(value, "__dict__", {}).values()
    for part in parts:
        yield from walk(part, seen)


def list_arrays(model: DepressionModel) -> list[np.ndarray[Any, Any]]:
    parts = walk(model, set())
    return [np.asarray(part) for part in parts if isinstance(part, np.ndarray | pd.Series | pd.DataFrame | pd.Index)]


def highest_correlation(model: DepressionModel, data: Scored) -> float:
    """Return the highest correlation of anything in a model with score or label, in the order of the training rows."""
    long = [array for array in list_arrays(model) if array.ndim and len(array) == 48 and array.dtype.kind in "fiub"]
    columns = [values.astype(float) for array in long for values in array.reshape(48, -1).T]
    truth = [data.score, (data.status == "Depression").astype(float)]
    return max(abs(np.corrcoef(column, t)[0, 1]) for column in columns for t in truth if np.ptp(column) > 0)


def test_a_model_to_be_saved_has_no_ids_and_nothing_in_the_order_of_the_training_rows(
    fitted: tuple[Scored, DepressionModel],
) -> None:
    data, model = fitted
    anonymous = model._anonymise()
    assert highest_correlation(model, data) > 0.9, "as fitted, it has out-of-fold scores"
    assert highest_correlation(anonymous, data) < 0.7
    names = {*data.X.index, *data.groups}
    cells = {str(cell) for array in list_arrays(anonymous) if array.dtype == object for cell in array.ravel()}
    texts = {part for part in walk(anonymous, set()) if isinstance(part, str)}
    assert not (cells | texts) & names


def test_neither_file_of_a_saved_model_contains_an_id_or_a_subject(tmp_path: Path) -> None:
    data = make_scored(16)
    names = {data_id: f"Rq7xRec{k:03d}" for k, data_id in enumerate(data.X.index)}
    planted = Scored(*(part.rename(index=names) for part in data))
    planted = planted._replace(groups="Zw9kSub" + planted.groups)
    for target, experts in KINDS:
        path = fit_scored(planted, target, experts=experts)[0].save(tmp_path / f"{target}{experts}.joblib")
        for content in (zlib.decompress(path.read_bytes()), path.with_suffix(".json").read_bytes()):
            for word in ("Rq7xRec", "Zw9kSub"):
                assert not any(word.encode(encoding) in content for encoding in ("utf-8", "utf-16-le", "utf-32-le"))


def test_a_model_without_training_rows_contains_no_row(tmp_path: Path) -> None:
    data, rng = make_scored(16), np.random.default_rng(6)
    wide = pd.DataFrame(rng.normal(size=(32, 60)), data.X.index, [f"video__w{k}__mean" for k in range(60)])
    learners = tuple(name for name, learner in REGRESSORS.items() if not learner.stores_rows)
    settings = {"severity.learners": learners, "learning.training_rows": False}
    table = data._replace(X=data.X.join(wide))
    path = fit_scored(table, experts=True, settings=settings)[0].save(tmp_path / "m.joblib")
    assert json.loads(path.with_suffix(".json").read_text())["contains_training_rows"] is False
    content = zlib.decompress(path.read_bytes())
    for row in table.X.to_numpy()[::7]:
        # Single values are not a row: the threshold of a tree may equal the value of one recording.
        assert np.mean([value.tobytes() in content or np.float32(value).tobytes() in content for value in row]) < 0.1


@pytest.mark.parametrize("target", ["score", "both"])
def test_recordings_may_have_numbers_as_names(target: str) -> None:
    data = make_scored(12)
    numbered = Scored(*(part.set_axis(range(24)) for part in data))
    expected, model = (fit_scored(table, target, experts=True)[0] for table in (data, numbered))
    pd.testing.assert_frame_equal(predict(model, numbered).set_axis(data.X.index), predict(expected, data))
