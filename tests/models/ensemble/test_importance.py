from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.features.catalog import families_of, names_by_family

QUICK = {"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1}


def fitted(**columns: np.ndarray) -> DepressionModel:
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(30), 2)
    label = subjects % 2
    noise = {name: rng.normal(size=60) for name in ("video__AU12_r__velocity_rms", "audio__netvlad__000")}
    told = {name: label + 0.5 * rng.normal(size=60) for name in columns}
    features = pd.DataFrame(noise | told, index=pd.Index([f"r{k}" for k in range(60)], name="data_id"))
    status = pd.Series(np.where(label, "Depression", "Normal"), index=features.index, dtype=object)
    groups = pd.Series([f"S{k}" for k in subjects], index=features.index)
    return DepressionModel(Settings().override(QUICK)).fit(features, status, groups)


def test_the_family_that_carries_the_label_speaks_loudest() -> None:
    importance = fitted(video__pose_Rx__mean=np.empty(0)).facts_["importance"]
    assert next(iter(importance["by_family"])) == "distribution"
    assert importance["by_family"]["distribution"] > 0.1
    assert abs(importance["by_family"]["dynamics"]) < 0.05
    assert next(iter(importance["by_modality"])) == "video"
    assert importance["by_modality"]["video"] > 10 * abs(importance["by_modality"]["audio"])


def test_importance_is_the_same_for_any_number_of_jobs() -> None:
    rng = np.random.default_rng(1)
    features = pd.DataFrame(rng.normal(size=(24, 3)), columns=["video__a__mean", "video__b__std", "audio__vector__000"])
    features.index = pd.Index([f"r{k}" for k in range(24)], name="data_id")
    status = pd.Series(["Depression", "Normal"] * 12, index=features.index, dtype=object)
    groups = pd.Series(features.index, index=features.index)
    found = [
        DepressionModel(Settings().override(QUICK)).fit(features, status, groups, jobs=jobs).facts_["importance"]
        for jobs in (1, 2)
    ]
    assert found[0] == found[1]


def test_rows_of_weight_zero_have_no_say() -> None:
    """The video says who is positive, but for rows of weight zero, of which it says the opposite."""
    rng = np.random.default_rng(0)
    n = 60
    label, ignored = np.arange(n) % 2, np.arange(n) % 6 >= 4
    said = np.where(ignored, 1 - label, label) + 0.3 * rng.normal(size=n)
    features = pd.DataFrame({"video__pose_Rx__mean": said, "audio__vector__000": rng.normal(size=n)})
    features.index = pd.Index([f"r{k:02d}" for k in range(n)], name="data_id")
    status = pd.Series(np.where(label, "Depression", "Normal").astype(object), index=features.index)
    model = DepressionModel(Settings().override(QUICK))
    model.fit(features, status, pd.Series(features.index, index=features.index), sample_weight=(~ignored).astype(float))
    importance = model.facts_["importance"]
    assert importance["log_loss"] < 0.4
    assert importance["by_modality"]["video"] > 0.3


def test_importance_can_be_left_out() -> None:
    features = pd.DataFrame({"video__a__mean": np.arange(8.0)}, index=pd.Index(list("abcdefgh"), name="data_id"))
    status = pd.Series(["Depression", "Normal"] * 4, index=features.index, dtype=object)
    settings = Settings().override(QUICK | {"learning.importance": False, "learning.folds": 2})
    model = DepressionModel(settings).fit(features, status, pd.Series(features.index, index=features.index))
    assert "importance" not in model.facts_


def test_every_feature_of_a_complete_recording_is_told_to_be_of_its_family() -> None:
    for family, names in names_by_family().items():
        assert set(families_of(names)) == {family}


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("video__ch007__kurtosis", "distribution"),
        ("video__mine__power_1_3hz", "spectral"),
        ("video__mine__range_5000frames_std", "multiscale"),
        ("audio__vector__1023", "audio_vector"),
        ("quality__stream__coverage", "quality"),
        ("0", "other"),
    ],
)
def test_features_of_other_channels_are_known_by_their_functional(name: str, family: str) -> None:
    assert families_of([name]) == [family]
