"""A frozen model on other labelled recordings: performance, case mix, recalibration, sample size, bad input."""

from __future__ import annotations

import json
import shutil
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss, confusion_matrix, roc_auc_score

from pdmr_classic import DataError, Dataset, DepressionModel, Settings, fit, load_dataset, validate
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation._recalibrate import recalibrate
from pdmr_classic.evaluation._sample_size import required_sizes
from pdmr_classic.evaluation.net_benefit import net_benefit, treat_all
from pdmr_classic.models.feature_ranges import QUANTILES, share_outside, summarise_ranges


@pytest.fixture(scope="module")
def test_data(small_set: Path) -> Dataset:
    """Return eight labelled recordings of four subjects."""
    return load_dataset(small_set, split="test")


@pytest.fixture(scope="module")
def fitted_model(small_set: Path, quick_settings: Settings) -> DepressionModel:
    """Return a model whose probabilities differ, unlike those of the learners that are used elsewhere."""
    settings = quick_settings.override({"learning.learners": ("linear",)})
    return fit(load_dataset(small_set, split="train"), settings=settings)


def test_the_probabilities_of_the_model_differ(fitted_model: DepressionModel, test_data: Dataset) -> None:
    assert fitted_model.predict(test_data)["probability"].nunique() > 4


def relabel(data: Dataset, label: str) -> Dataset:
    assert data.labels is not None
    return replace(data, labels=data.labels.assign(status=label))


# ------------------------------------------------------------------------------------------- performance


def test_scores_are_those_of_the_predictions(fitted_model: DepressionModel, test_data: Dataset) -> None:
    validation = validate(fitted_model, test_data)
    predictions, truth = fitted_model.predict(test_data), test_data.status
    assert truth is not None
    y, p = (truth == "Depression").to_numpy(), predictions["probability"].to_numpy()
    scores = {name: part["value"] for name, part in validation["scores"].items()}
    assert scores["auc"] == pytest.approx(roc_auc_score(y, p))
    assert scores["brier"] == pytest.approx(brier_score_loss(y, p))
    assert scores["observed_expected"] == pytest.approx(y.sum() / p.sum())
    tn, fp, fn, tp = confusion_matrix(y, predictions["status"] == "Depression").ravel()
    assert [scores["recall"], scores["specificity"]] == pytest.approx([tp / (tp + fn), tn / (tn + fp)])
    own = next(point for point in validation["decision_curve"] if point["threshold"] == fitted_model.threshold_)
    odds = own["threshold"] / (1 - own["threshold"])
    assert own["value"] == pytest.approx((tp - fp * odds) / len(y))
    assert json.loads(json.dumps(validation, allow_nan=False)) == validation
    assert validation["schema"] == "pdmr-classic/validation/1"


def test_a_validation_names_no_recording_or_subject(fitted_model: DepressionModel, test_data: Dataset) -> None:
    text = json.dumps(validate(fitted_model, test_data))
    assert test_data.groups is not None
    assert not [name for name in {*test_data.data_ids, *test_data.groups} if f'"{name}"' in text]


def test_five_subjects_are_answered_with_a_warning(fitted_model: DepressionModel, test_data: Dataset) -> None:
    validation = validate(fitted_model, test_data)
    assert "few-subjects" in [warning["code"] for warning in validation["warnings"]]
    assert validation["recalibration"]["methods"] == {}
    assert "intercept needs 10" in validation["recalibration"]["reason"]


def test_the_net_benefit_is_that_of_dcurves() -> None:
    rng = np.random.default_rng(0)
    p = np.round(rng.random(40), 2)
    y = (rng.random(40) < p).astype(float)
    # From dcurves 1.1.7, which needs pandas 2: dca(data, outcome="y", modelnames=["p"], thresholds=[.11, .333, .505]).
    expected = {0.11: (0.509831, 0.494382), 0.333: (0.387669, 0.325337), 0.505: (0.347475, 0.090909)}
    for threshold, (model, everyone) in expected.items():
        assert net_benefit(p, y, threshold, np.ones((40, 1)))[0] == pytest.approx(model, abs=1e-6)
        assert treat_all(y, threshold) == pytest.approx(everyone, abs=1e-6)


# ------------------------------------------------------------------------------------------- sample size


@pytest.mark.parametrize(
    ("z", "prevalence", "auc", "width", "expected"),
    [
        # From pmvalsampsize 0.2.1, type "b": lpnormal=(-2.4, 1.0), oeciwidth and csciwidth 0.4, cstatciwidth 0.1.
        ("normal", 0.114, 0.8, 0.4, [756, 1325, 746]),
        # lpbeta=(2, 3), oeciwidth and csciwidth 0.2, cstatciwidth 0.1.
        ("beta", 0.4, 0.7, 0.2, [577, 2835, 434]),
    ],
)
def test_sample_sizes_are_those_of_pmvalsampsize(
    z: str, prevalence: float, auc: float, width: float, expected: list[int]
) -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(2, 3, 400_000)
    scores = rng.normal(-2.4, 1.0, 400_000) if z == "normal" else np.log(p / (1 - p))
    widths = {"observed_expected": width, "calibration_slope": width, "auc": 0.1}
    sizes = required_sizes(scores, prevalence, auc, widths)
    assert [part["people"] for part in sizes.values()] == pytest.approx(expected, rel=0.01)


def test_a_width_that_is_not_positive_is_refused(fitted_model: DepressionModel, test_data: Dataset) -> None:
    with pytest.raises(ConfigError, match="a target width is not valid"):
        validate(fitted_model, test_data, widths={"auc": 0})


# ------------------------------------------------------------------------------------------- recalibration


def draw(n: int, intercept: float, slope: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1.5, n)
    return expit(z), (rng.random(n) < expit(intercept + slope * z)).astype(np.intp)


@pytest.mark.parametrize(
    ("intercept", "slope", "suggestion"),
    [(0.0, 1.0, "none"), (-2.0, 1.0, "intercept"), (-1.5, 0.3, "intercept and slope")],
)
def test_the_recalibration_that_is_needed_is_suggested(intercept: float, slope: float, suggestion: str) -> None:
    p, y = draw(500, intercept, slope)
    result = recalibrate(p, y, np.arange(500), 0.5, "f1")
    assert result["suggestion"] == suggestion
    after = result["methods"][suggestion]["scores"]
    assert after["observed_expected"]["value"] == pytest.approx(1, abs=0.15)
    assert after["calibration_intercept"]["low"] < 0 < after["calibration_intercept"]["high"]
    assert result["methods"]["intercept and slope"]["coefficients"]["slope"] == pytest.approx(slope, abs=0.3)


def test_recalibration_is_scored_on_other_subjects() -> None:
    p, _ = draw(60, 0, 1)
    y = np.random.default_rng(1).permutation(np.arange(60) % 2)
    subject = np.arange(60)
    scores = recalibrate(p, y, subject, 0.5, "f1")["methods"]["intercept and slope"]["scores"]
    # Fitted and scored on the same rows, no line is worse than the best constant.
    assert scores["log_loss"]["value"] > np.log(2)


def test_too_few_subjects_for_a_slope_are_told() -> None:
    p, y = draw(40, -1.0, 1.0)
    result = recalibrate(p, y, np.arange(40), 0.5, "f1")
    assert list(result["methods"]) == ["none", "intercept"]
    assert "intercept and slope needs 20" in result["reason"]


# ------------------------------------------------------------------------------------------- case mix


def test_another_population_lies_outside_the_training_range() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 3)), columns=[f"video__c{k}__mean" for k in range(3)])
    ranges = summarise_ranges(table)
    assert share_outside(table, ranges["features"]).mean().mean() == pytest.approx(0.1, abs=0.02)
    assert share_outside(table + 3, ranges["features"]).mean().mean() > 0.8


def test_ranges_are_rounded_and_leave_out_columns_of_few_recordings() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"video__a__mean": rng.normal(523, 3, 50), "video__b__mean": np.arange(50) % 4})
    table["video__c__mean"] = np.append(rng.normal(size=4), [np.nan] * 46)
    ranges = summarise_ranges(table)
    assert list(ranges["features"]) == ["video__a__mean"]
    percentiles = ranges["features"]["video__a__mean"]
    assert len(percentiles) == len(QUANTILES)
    assert percentiles == sorted(percentiles)
    assert not set(percentiles) & set(table["video__a__mean"])
    assert [round(value, 1) for value in percentiles] == percentiles


def test_the_three_percentiles_of_an_older_manifest_are_read_as_the_outer_ones_and_the_median(
    fitted_model: DepressionModel, test_data: Dataset
) -> None:
    old, ranges = copy(fitted_model), fitted_model.metadata_["feature_ranges"]
    three = {name: [values[0], values[3], values[-1]] for name, values in ranges["features"].items()}
    old.metadata_ = {**fitted_model.metadata_, "feature_ranges": {**ranges, "features": three}}
    assert validate(old, test_data)["case_mix"] == validate(fitted_model, test_data)["case_mix"]


def test_the_case_mix_compares_views_and_families(fitted_model: DepressionModel, test_data: Dataset) -> None:
    mix = validate(fitted_model, test_data)["case_mix"]
    assert {"video", "audio"} <= set(mix["by_view"])
    assert {"distribution", "audio_vector"} <= set(mix["by_family"])
    assert 0 < mix["by_view"]["video"]["outside"] < 0.6
    assert mix["missing_channels"] == {}


def test_a_model_without_ranges_says_why_the_case_mix_is_not_compared(
    fitted_model: DepressionModel, test_data: Dataset
) -> None:
    old = copy(fitted_model)
    old.metadata_ = {name: value for name, value in fitted_model.metadata_.items() if name != "feature_ranges"}
    mix = validate(old, test_data)["case_mix"]
    assert "fit it again" in mix["reason"]
    assert "views" in mix


# ------------------------------------------------------------------------------------------- bad input


def test_no_labels_are_refused(fitted_model: DepressionModel, small_set: Path) -> None:
    with pytest.raises(DataError, match=r"there are no labels[^\0]*--labels"):
        validate(fitted_model, load_dataset(small_set, split="test", use_labels=False))


def test_other_classes_are_refused_naming_both(fitted_model: DepressionModel, test_data: Dataset) -> None:
    with pytest.raises(DataError, match=r"not the classes of the model[^\0]*Depression or Normal[^\0]*'PD'[^\0]*--map"):
        validate(fitted_model, relabel(test_data, "PD"))


@pytest.mark.parametrize("label", ["Depression", "Normal"])
def test_one_class_has_no_auc_but_the_rest(fitted_model: DepressionModel, test_data: Dataset, label: str) -> None:
    validation = validate(fitted_model, relabel(test_data, label))
    scores = validation["scores"]
    for name in ("auc", "calibration_slope", "calibration_intercept"):
        assert scores[name]["value"] is None
        assert scores[name]["reason"] == f"all labels are {label!r}"
    assert scores["brier"]["low"] is not None
    observed = scores["observed_expected"]
    assert (observed["value"] > 0) == (label == "Depression")
    if label == "Normal":
        assert (observed["low"], observed["reason"]) == (None, "all labels are 'Normal'"), "0 of n is not exact"
        assert scores["precision"]["value"] is None
    assert validation["recalibration"]["reason"] == validation["sample_size"]["reason"] == "the labels lack a class"
    assert "one-class" in [warning["code"] for warning in validation["warnings"]]


def test_a_corpus_without_video_is_answered_and_told(
    fitted_model: DepressionModel, small_set: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_set / "test", tmp_path / "test", ignore=shutil.ignore_patterns("video"))
    validation = validate(fitted_model, load_dataset(tmp_path / "test"), skip_bad=True)
    assert validation["case_mix"]["views"]["video"] == 0
    assert "missing-view" in [warning["code"] for warning in validation["warnings"]]
    assert validation["scores"]["brier"]["value"] > 0


def test_a_corpus_without_any_view_of_the_model_is_refused(small_set: Path, quick_settings: Settings) -> None:
    train, test = (load_dataset(small_set, split=name) for name in ("train", "test"))

    def keep(data: Dataset, modality: str) -> Dataset:
        removed = {"video": None} if modality == "audio" else {"audio": None}
        return replace(data, recordings=tuple(replace(recording, **removed) for recording in data.recordings))

    linear = quick_settings.override({"learning.learners": ("linear",)})
    model = fit(keep(train, "audio").subset(has(train, "audio")), settings=linear)
    with pytest.raises(DataError, match="no data that the model can use"):
        validate(model, keep(test, "video"))


def has(data: Dataset, modality: str) -> pd.Series:
    return pd.Series([getattr(recording, modality) is not None for recording in data.recordings], index=data.data_ids)


def test_several_classes_are_calibrated_one_against_the_rest(small_set: Path, quick_settings: Settings) -> None:
    data = load_dataset(small_set, split="train")
    assert data.labels is not None
    assert data.groups is not None
    third = data.groups.isin(sorted(set(data.groups))[:3])
    three = replace(data, labels=data.labels.assign(status=data.labels["status"].where(~third, "Other")))
    classes = ("Depression", "Normal", "Other")
    settings = quick_settings.override({"learning.learners": ("linear",), "data.classes": classes})
    model = fit(three, settings=settings)
    validation = validate(model, three, allow_overlap=True)
    assert set(validation["calibration_by_class"]) == set(model.classes_)
    assert validation["decision_curve"] == []
    assert validation["recalibration"]["reason"] == "only for two classes"
    assert validation["scores"]["macro_f1"]["value"] > 0


# ------------------------------------------------------------------------------------------- real recordings


@pytest.mark.slow
def test_a_real_shift_of_prevalence_is_seen_and_mended(real_data: Path, quick_settings: Settings) -> None:
    settings = quick_settings.override({"learning.learners": ("linear",), "data.positive": "PD"})
    model = fit(load_dataset(real_data / "youtubepd-wavlm", split="train"), settings=settings)
    validation = validate(model, load_dataset(real_data / "youtubepd-wavlm", split="test"))
    assert validation["scores"]["calibration_intercept"]["high"] < -1
    assert validation["scores"]["observed_expected"]["high"] < 0.6
    assert validation["recalibration"]["suggestion"].startswith("intercept")
    after = validation["recalibration"]["methods"]["intercept"]["scores"]["observed_expected"]
    assert after["low"] < 1 < after["high"]
