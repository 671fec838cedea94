"""The gate weighs modalities by quality and certainty, and quality is never evidence for a class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.models import _view_gate as view_gate
from pdmr_classic.models._view_gate import ViewGate, _average, usable_share
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.export.onnx_file import export_onnx
from pdmr_classic.progress import CollectingReporter

N = 240
GROUPS = np.arange(N) // 2
Y = GROUPS % 2
NAMES = ["video__c__000", "audio__vector__000", "quality__stream__coverage"]
Floats = NDArray[np.float64]


def to_probability(log_odds: Floats) -> Floats:
    return np.column_stack([1 - expit(log_odds), expit(log_odds)])


def make_outputs(*, low_share: float, seed: int = 0) -> tuple[Floats, dict[str, Floats], FoldData]:
    """Return outputs of a stack that is misled by video where its coverage is low."""
    rng = np.random.default_rng(seed)
    coverage = np.where(rng.random(N) < low_share, 0.2, 1.0) - 0.05 * rng.random(N)
    sign = 2 * Y - 1
    video = np.where(coverage > 0.5, 2 * sign + rng.normal(size=N), 2 * rng.normal(size=N))
    audio = sign + rng.normal(size=N)
    X = np.column_stack([video, audio, coverage])
    folds = make_fold_data(X, NAMES, Y, GROUPS, n_folds=4, repeats=1, seed=0)
    single = {"video": to_probability(video), "audio": to_probability(audio)}
    return to_probability(video + 0.5 * audio), single, folds


def to_table(folds: FoldData) -> pd.DataFrame:
    return pd.DataFrame(folds.X, columns=NAMES)


def test_recordings_with_low_quality_of_video_are_predicted_from_audio() -> None:
    stack, single, folds = make_outputs(low_share=0.3)
    gate = ViewGate().fit(stack, single, folds)
    assert gate.is_kept_
    assert gate.losses_[1] < gate.losses_[0]
    gated, is_low = gate.combine(stack, single, to_table(folds)), folds.X[:, 2] < 0.5
    change = np.abs(logit(gated[:, 1]) - logit(stack[:, 1]))
    to_audio = np.abs(logit(gated[:, 1]) - logit(single["audio"][:, 1]))
    assert np.median(to_audio[is_low]) < 0.3
    assert np.median(change[~is_low]) < 0.2


def test_without_differences_of_quality_the_gate_is_rarely_kept_and_then_changes_nothing() -> None:
    gates = [ViewGate().fit(*make_outputs(low_share=0.0, seed=seed)) for seed in range(10)]
    assert sum(gate.is_kept_ for gate in gates) <= 4
    stack, single, folds = make_outputs(low_share=0.0)
    gate = ViewGate().fit(stack, single, folds)
    gate.is_kept_ = False
    np.testing.assert_array_equal(gate.combine(stack, single, to_table(folds)), stack)


@pytest.mark.parametrize("coverage", [0.0, 0.5, 1.0, np.nan])
def test_quality_does_not_change_the_log_odds_where_all_agree(coverage: float) -> None:
    gate = ViewGate().fit(*make_outputs(low_share=0.3))
    same = to_probability(np.linspace(-2, 2, 9))
    table = pd.DataFrame({"video__c__000": 0.0, "audio__vector__000": 0.0, NAMES[2]: coverage}, index=range(9))
    np.testing.assert_allclose(gate.combine(same, {"video": same, "audio": same}, table), same, atol=1e-12)


def test_the_weights_are_positive_and_sum_to_one() -> None:
    experts = np.random.default_rng(0).normal(size=(50, 4, 3))
    experts[:10, 3, 0] = np.nan
    averaged = _average(experts, np.array([1.0, 2.0, 0.5]))[:, 0]
    assert (averaged <= np.nanmax(experts[:, :, 0], axis=1)).all()
    assert (averaged >= np.nanmin(experts[:, :, 0], axis=1)).all()


def test_a_recording_with_one_modality_is_predicted_by_the_stack() -> None:
    stack, single, folds = make_outputs(low_share=0.3)
    gate = ViewGate().fit(stack, single, folds)
    single["video"][:5] = np.nan
    gated = gate.combine(stack, single, to_table(folds))
    np.testing.assert_array_equal(gated[:5], stack[:5])
    assert (gated[5:] != stack[5:]).any()


def test_the_gate_of_a_fold_has_not_seen_its_held_out_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, single, folds = make_outputs(low_share=0.3)
    subject_of = dict(zip(logit(stack[:, 1]).round(9), GROUPS, strict=True))
    seen: list[set[int]] = []
    original = view_gate._Weights.fit

    def record(self: Any, experts: Floats, *rest: Any) -> Any:
        seen.append({subject_of[value] for value in experts[:, 0, 0].round(9)})
        return original(self, experts, *rest)

    monkeypatch.setattr(view_gate._Weights, "fit", record)
    ViewGate().fit(stack, single, folds)
    *cross_fitted, final = seen
    assert final == set(GROUPS)
    assert [set(GROUPS) - subjects for subjects in cross_fitted] == [set(GROUPS[test]) for _, test in folds.folds]


def test_the_quality_is_the_share_of_expected_frames_with_usable_values() -> None:
    names = [f"quality__stream__{name}" for name in ("coverage", "nan_share", "frozen_s", "duration_s")]
    shares = usable_share(np.array([[0.5, 0.5, 5.0, 10.0], [1.0, 0.0, 0.0, 10.0]]), names, "video")
    np.testing.assert_allclose(shares, [0.125, 1.0])
    assert np.isnan(usable_share(np.ones((3, 1)), ["quality__stream__coverage"], "audio")).all()
    np.testing.assert_array_equal(usable_share(np.ones((3, 1)), ["quality__eeg__coverage"], "eeg"), [1.0] * 3)


def make_features(n_modalities: int = 2) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return video that shows the class well, unless its coverage is low, and modalities that show it weakly."""
    rng = np.random.default_rng(0)
    sign = 2 * Y[:, None] - 1
    is_low = rng.random(N) < 0.3
    video = np.where(is_low[:, None], 2 * rng.normal(size=(N, 5)), sign) + rng.normal(size=(N, 5))
    others = [0.4 * sign + rng.normal(size=(N, 5)) for _ in range(n_modalities - 1)]
    names = [
        f"{view}__{k:03d}" for view in ("video__c", "audio__vector", "text__vector")[:n_modalities] for k in range(5)
    ]
    index = pd.Index([f"r{k}" for k in range(N)], name="data_id")
    table = pd.DataFrame(np.hstack([video, *others]), index, names)
    table["quality__stream__coverage"] = np.where(is_low, 0.2, 1.0) - 0.05 * rng.random(N)
    return table, pd.Series(np.where(Y == 1, "Depression", "Normal"), index), pd.Series(GROUPS.astype(str), index)


def fit_model(*data: pd.DataFrame | pd.Series, **learning: object) -> DepressionModel:
    quick = {"learners": ["linear"], "trials": 1, "repeats": 1, "folds": 3, "importance": False}
    changes = quick | {"join_views": True} | learning
    settings = Settings().override({f"learning.{name}": value for name, value in changes.items()})
    return DepressionModel(settings).fit(*data, reporter=CollectingReporter())


def test_a_model_with_a_gate_is_saved_and_refuses_onnx(tmp_path: Path) -> None:
    features, status, groups = make_features()
    model = fit_model(features, status, groups)
    assert model.metadata_["view_gate"]["kept"]
    assert model.metadata_["view_gate"]["quality"] > 0
    expected = model.predict_features(features)
    model.save(tmp_path / "m.joblib")
    loaded = DepressionModel.load(tmp_path / "m.joblib", trust=True)
    pd.testing.assert_frame_equal(loaded.predict_features(features), expected)
    assert not hasattr(loaded.predictor_.presence.gate, "oof_")  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match="weighs the modalities of each recording cannot be exported"):
        export_onnx(model, tmp_path / "m.onnx")


def test_a_lite_model_has_no_gate() -> None:
    model = fit_model(*make_features(), lite=True)
    assert not model.has_view_gate
    assert "view_gate" not in model.metadata_


def test_with_one_modality_nothing_is_joined_or_weighed() -> None:
    features, status, groups = make_features(1)
    model = fit_model(features, status, groups)
    assert model.metadata_["joined_views"] == {}
    assert "view_gate" not in model.metadata_
    without = fit_model(features, status, groups, join_views=False)
    pd.testing.assert_frame_equal(model.predict_features(features), without.predict_features(features))


@pytest.mark.parametrize("missing", ["video", "audio", "text"])
def test_three_joined_modalities_are_predicted_with_each_missing(missing: str) -> None:
    features, status, groups = make_features(3)
    model = fit_model(features, status, groups)
    assert any(view.startswith("joined:") for view in model.metadata_["views"])
    rows = features.assign(**{name: np.nan for name in features.columns if name.startswith(missing)})
    assert np.isfinite(model.predict_features(rows)["probability"]).all()
