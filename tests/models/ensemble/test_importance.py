from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss
from streams import AU_C, AU_R, LANDMARKS, features, make_stream

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.features.catalog import find_families
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.trackers.channels import GAZE, POSE

QUICK = {"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1}


FAMILIES = {
    "video__pose_Rx__mean": "distribution",
    "video__AU12_r__velocity_rms": "dynamics",
    "video__AU12_r__share_active": "au_activation",
    "video__blink__per_min": "eyes",
    "audio__netvlad__000": "audio_vector",
}


def compute_importance(*informative: str) -> dict[str, dict[str, float]]:
    """Return the importance of a model trained on informative columns; the other features of `FAMILIES` are noise."""
    rng = np.random.default_rng(0)
    n = 160
    subjects = np.arange(n) // 2
    label = subjects % 2
    columns = {name: rng.normal(size=n) for name in FAMILIES} | {
        name: label + 0.5 * rng.normal(size=n) for name in informative
    }
    features = pd.DataFrame(columns, index=pd.Index([f"r{k:03d}" for k in range(n)], name="data_id"))
    status = pd.Series(np.where(label, "Depression", "Normal"), index=features.index, dtype=object)
    groups = pd.Series([f"S{k}" for k in subjects], index=features.index)
    model = DepressionModel(Settings().override(QUICK)).fit(features, status, groups)
    return {kind: model.metadata_["importance"][kind] for kind in ("by_family", "by_modality", "by_view")}


@pytest.mark.parametrize("informative", FAMILIES)
def test_the_informative_family_and_modality_are_the_most_important(informative: str) -> None:
    result = compute_importance(informative)
    modality = informative.split("__")[0]
    for kind, names, best in (
        ("by_family", set(FAMILIES.values()), FAMILIES[informative]),
        ("by_modality", {"video", "audio"}, modality),
    ):
        increases = result[kind]
        assert set(increases) == names
        assert next(iter(increases)) == best
        assert increases[best] > 0.3
        assert all(abs(increase) < 0.05 for name, increase in increases.items() if name != best)
    other = {"video": "audio", "audio": "video"}[modality]
    assert result["by_view"][other] == pytest.approx(0, abs=0.05)
    assert result["by_view"][modality] + result["by_view"]["both"] > 0.2


def test_importance_is_near_zero_without_signal() -> None:
    for increases in compute_importance().values():
        assert len(increases) > 1
        assert list(increases.values()) == pytest.approx([0] * len(increases), abs=0.05)


def test_columns_of_one_family_are_shuffled_together() -> None:
    """Two informative columns can replace each other if they are in different families, but not in the same family."""
    one_family = compute_importance("video__pose_Rx__mean", "video__pose_Ry__mean")["by_family"]
    two_families = compute_importance("video__pose_Rx__mean", "video__AU12_r__velocity_rms")["by_family"]
    assert max(two_families["distribution"], two_families["dynamics"]) < 0.7 * one_family["distribution"]


def test_importance_is_computed_on_held_out_recordings() -> None:
    """With three weakly informative columns of sixty, an SVM memorises its training recordings.

    On these, its predictions would stay correct when a single noise column is shuffled.
    """
    rng = np.random.default_rng(0)
    label = np.arange(80) % 2
    values = rng.normal(size=(80, 60)) + np.outer(0.7 * label, np.arange(60) < 3)
    features = pd.DataFrame(values, columns=[f"video__ch{k:03d}__mean" for k in range(59)] + ["video__a__velocity_rms"])
    features.index = pd.Index([f"r{k:02d}" for k in range(80)], name="data_id")
    status = pd.Series(np.where(label, "Depression", "Normal").astype(object), index=features.index)
    settings = Settings().override(QUICK | {"learning.learners": ("svm",)})
    model = DepressionModel(settings).fit(features, status, pd.Series(features.index, index=features.index))
    held_out = log_loss(model.oof_["status"] == "Depression", model.oof_["probability"])
    assert held_out > 0.5
    result = model.metadata_["importance"]
    assert result["log_loss"] == pytest.approx(held_out, abs=0.1)
    assert result["by_family"]["dynamics"] == pytest.approx(0, abs=0.05)


@pytest.mark.usefixtures("several_threads")
def test_importance_is_the_same_for_any_number_of_jobs() -> None:
    rng = np.random.default_rng(1)
    features = pd.DataFrame(rng.normal(size=(24, 3)), columns=["video__a__mean", "video__b__std", "audio__vector__000"])
    features.index = pd.Index([f"r{k}" for k in range(24)], name="data_id")
    status = pd.Series(["Depression", "Normal"] * 12, index=features.index, dtype=object)
    groups = pd.Series(features.index, index=features.index)
    result = [
        DepressionModel(Settings().override(QUICK)).fit(features, status, groups, jobs=jobs).metadata_["importance"]
        for jobs in (1, 2)
    ]
    assert result[0] == result[1]


def test_rows_with_weight_zero_are_ignored() -> None:
    """The video feature predicts the label, except in rows with weight zero, where it predicts the opposite."""
    rng = np.random.default_rng(0)
    n = 60
    label, ignored = np.arange(n) % 2, np.arange(n) % 6 >= 4
    signal = np.where(ignored, 1 - label, label) + 0.3 * rng.normal(size=n)
    features = pd.DataFrame({"video__pose_Rx__mean": signal, "audio__vector__000": rng.normal(size=n)})
    features.index = pd.Index([f"r{k:02d}" for k in range(n)], name="data_id")
    status = pd.Series(np.where(label, "Depression", "Normal").astype(object), index=features.index)
    model = DepressionModel(Settings().override(QUICK))
    model.fit(features, status, pd.Series(features.index, index=features.index), sample_weight=(~ignored).astype(float))
    importance = model.metadata_["importance"]
    assert importance["log_loss"] < 0.4
    assert importance["by_modality"]["video"] > 0.3


def test_importance_can_be_left_out() -> None:
    features = pd.DataFrame({"video__a__mean": np.arange(8.0)}, index=pd.Index(list("abcdefgh"), name="data_id"))
    status = pd.Series(["Depression", "Normal"] * 4, index=features.index, dtype=object)
    settings = Settings().override(QUICK | {"learning.importance": False, "learning.folds": 2})
    model = DepressionModel(settings).fit(features, status, pd.Series(features.index, index=features.index))
    assert "importance" not in model.metadata_


@pytest.mark.parametrize("family", [name for name, family in load_families().items() if family.view != "audio"])
@pytest.mark.parametrize("chunk_frames", [None, 40])
def test_all_features_of_a_family_are_attributed_to_it(family: str, chunk_frames: int | None) -> None:
    """Uses a stream with unnamed channels and custom windows."""
    rng = np.random.default_rng(0)
    channels = (*POSE, *GAZE, *AU_R, *AU_C, *LANDMARKS, "ch007", "wrist")
    stream = make_stream({name: rng.random(100) for name in channels})
    names = list(features(stream, family, chunk_frames=chunk_frames))
    assert names
    assert set(find_families(names)) == {family}


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("video__ch007__kurtosis", "distribution"),
        ("video__mine__power_1_3hz", "spectral"),
        ("video__mine__range_5000frames_std", "multiscale"),
        ("audio__vector__1023", "audio_vector"),
        ("audio__netvlad__767", "audio_vector"),
        ("audio__netvlad_cluster__15", "audio_clusters"),
        ("quality__stream__coverage", "quality"),
        ("0", "other"),
    ],
)
def test_the_family_of_a_feature_follows_from_its_name(name: str, family: str) -> None:
    assert find_families([name]) == [family]
