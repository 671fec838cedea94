"""Contributions add up on real recordings: video only, audio only, and several classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdmr_classic import Settings, fit, load_dataset
from pdmr_classic.models.explanation.explain import explain_features
from pdmr_classic.progress import CollectingReporter


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "positive"), [("badrobots-gaze", "Reaction"), ("youtubepd-wavlm", "PD"), ("watch-exercise", None)]
)
def test_contributions_add_up_on_real_recordings(real_data: Path, name: str, positive: str | None) -> None:
    quick = {"trials": 1, "repeats": 1, "folds": 2, "importance": False, "learners": ["xgboost", "svm", "linear"]}
    settings = Settings().override({f"learning.{key}": value for key, value in quick.items()})
    settings = settings.override({"data.positive": positive})
    data = load_dataset(real_data / name, split="train", settings=settings.data)
    model = fit(data, settings=settings, reporter=CollectingReporter())
    features = model.extract(data, reporter=CollectingReporter()).features.iloc[:20]
    explanation = explain_features(model, features, n_permutations=4)
    predictions = model.predict_features(features)
    if positive is None:
        logs = np.log(predictions[[f"probability_{label}" for label in model.classes_]].to_numpy())
        expected = logs.max(axis=1) - logs.mean(axis=1)
    else:
        p = predictions["probability"].to_numpy()
        expected = np.log(p / (1 - p))
    total = explanation.base + explanation.contributions.sum(axis=1) + explanation.adjustments.sum(axis=1)
    np.testing.assert_allclose(total, expected, atol=1e-6)
    # A probability of one of seven classes can fall below the limit of 1e-6.
    assert explanation.adjustments.abs().to_numpy().max(initial=0) < 0.1
