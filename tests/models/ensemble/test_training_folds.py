"""Learning from more rows than `max_rows`: samples for tuning, all rows for boosting, and what is said about it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.config import LearningSettings
from pdmr_classic.errors import ConfigError
from pdmr_classic.models.ensemble.training_folds import make_training_folds
from pdmr_classic.models.learners.large_table import LargeTable, open_table
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.reporting.methods import _training

N = 180
QUICK = {
    "learning.learners": ["lightgbm", "linear"],
    "severity.learners": ["lightgbm_regressor", "ridge"],
    "learning.folds": 2,
    "learning.repeats": 1,
    "learning.trials": 2,
    "learning.max_rows": 90,
}


def make_table() -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return three recordings per subject with a signal in both modalities; some have no video."""
    rng = np.random.default_rng(0)
    index = pd.Index([f"{k:03d}" for k in range(N)], name="data_id")
    depressed = np.arange(N) // 3 % 2
    shared = rng.normal(size=(N // 3, 1))[np.arange(N) // 3]
    X = rng.normal(size=(N, 6)) + depressed[:, None] + shared
    X[::9, :3] = np.nan
    names = [f"video__AU{k:02d}_r__mean" for k in range(3)] + [f"audio__vector__{k:03d}" for k in range(3)]
    status = pd.Series(np.where(depressed, "Depression", "Normal"), index)
    return pd.DataFrame(X, index, names), status, pd.Series([f"S{k // 3}" for k in range(N)], index)


def fit(jobs: int = 1, **overrides: object) -> tuple[DepressionModel, CollectingReporter]:
    reporter = CollectingReporter()
    settings = Settings().override(QUICK | {f"learning.{name}": value for name, value in overrides.items()})
    return DepressionModel(settings).fit(*make_table(), jobs=jobs, reporter=reporter), reporter


def test_what_learns_from_a_sample_is_said_and_recorded() -> None:
    model, reporter = fit()
    (finding,) = [finding for finding in reporter.findings if finding.code == "sampled"]
    assert "more than max_rows = 90 recordings" in finding.what
    sampling = dict(model.metadata_["sampling"])
    assert {name.rpartition("/")[2] for name in sampling.pop("all_rows")} == {"lightgbm"}
    assert sampling == {
        "max_rows": 90,
        "n_used": N,
        "n_sampled": 90,
        "n_sampled_subjects": 30,
    }
    assert model.metadata_["n_recordings"] == len(model.oof_) == N
    assert set(model.metadata_["importance"]["by_modality"]) == {"video", "audio"}


def test_without_boosting_no_base_learner_is_said_to_learn_from_all_rows() -> None:
    model, _ = fit(learners=["linear"])
    sampling = model.metadata_["sampling"]
    assert sampling["all_rows"] == []
    assert "Boosting" not in " ".join(_training._describe_sampling(sampling))
    assert "Boosting was trained on all" in " ".join(
        _training._describe_sampling(sampling | {"all_rows": ["a/xgboost"]})
    )


def test_up_to_the_limit_nothing_is_sampled() -> None:
    model, reporter = fit(max_rows=N, trials=1)
    assert "sampling" not in model.metadata_
    assert "sampled" not in {finding.code for finding in reporter.findings}


@pytest.mark.slow
@pytest.mark.usefixtures("several_threads")
def test_the_model_does_not_depend_on_the_number_of_processes() -> None:
    features, _, _ = make_table()
    first, second = (fit(jobs, trials=1, importance=False)[0].predict_features(features) for jobs in (1, 2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@pytest.mark.slow
def test_a_score_is_learned_and_joined_views_are_fitted_on_samples() -> None:
    features, status, groups = make_table()
    # The gate of joined views reads these.
    features["quality__stream__coverage"] = np.random.default_rng(2).uniform(0.5, 1, N)
    features["quality__stream__nan_share"] = 0.1
    severity = 5.0 + 10 * (status == "Depression") + np.random.default_rng(1).uniform(0, 5, N)
    settings = Settings().override(QUICK | {"learning.trials": 1, "learning.join_views": True, "data.target": "both"})
    model = DepressionModel(settings).fit(features, status, groups, severity=severity, reporter=CollectingReporter())
    predicted = model.predict_features(features)
    assert np.isfinite(predicted[["probability", "severity"]].to_numpy()).all()
    assert model.metadata_["severity"]["sampling"]["max_rows"] == 90
    assert model.metadata_["joined_views"]


def test_the_folds_of_a_sample_share_no_subject_and_leave_rows_of_weight_0_out() -> None:
    features, status, groups = make_table()
    codes, weights = (status == "Normal").to_numpy(dtype=int), np.where(np.arange(N) < 60, 0.0, 1.0)
    learning = LearningSettings(folds=2, repeats=1, max_rows=90)
    with open_table(features, learning.max_rows) as X:
        folds = make_training_folds(
            X, list(features.columns), codes, groups.to_numpy(), learning, n_folds=2, weights=weights
        )
        assert isinstance(folds.final.X, LargeTable)
        assert isinstance(folds.tuning.X, np.ndarray)
        assert folds.sample is not None
        assert len(folds.tuning.y) == 90
        assert not set(folds.tuning.groups) & set(groups[:60])
        for data in (folds.tuning, folds.sample, folds.final):
            for train, test in data.folds:
                assert not set(data.groups[train]) & set(data.groups[test])


def test_max_rows_has_a_lower_limit() -> None:
    with pytest.raises(ConfigError, match="max_rows"):
        Settings().override({"learning.max_rows": 10})
