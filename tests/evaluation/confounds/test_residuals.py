"""Linear residualisation of features on nuisance columns, in level and spread."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pdmr_classic.evaluation.confounds._residuals import Residualiser

rng = np.random.default_rng(0)


def auc_of_columns(features: np.ndarray, y: np.ndarray) -> float:
    return max(roc_auc_score(y, column) for column in features.T)


def test_a_shift_is_removed_from_rows_that_were_not_fitted() -> None:
    y = np.arange(400) % 2
    features = rng.normal(size=(400, 6)) + 3 * y[:, None]
    nuisance = (y + 0.01 * rng.normal(size=400))[:, None]
    repaired = Residualiser(200).fit(features[:200], nuisance[:200]).transform(features[200:], nuisance[200:])
    assert auc_of_columns(features[200:], y[200:]) > 0.95
    assert auc_of_columns(repaired, y[200:]) < 0.62


def test_a_difference_in_spread_is_removed() -> None:
    y = np.arange(400) % 2
    features = rng.normal(size=(400, 3)) * (1 + 4 * y[:, None])
    nuisance = y[:, None].astype(float)
    repaired = Residualiser(400).fit(features, nuisance).transform(features, nuisance)
    assert np.abs(repaired[y == 1]).mean() / np.abs(repaired[y == 0]).mean() == pytest.approx(1, abs=0.05)


def test_a_quadratic_relation_is_removed() -> None:
    z = rng.normal(size=(500, 1))
    features = z**2 + 0.1 * rng.normal(size=(500, 2))
    repaired = Residualiser(500).fit(features, z).transform(features, z)
    far = np.abs(z[:, 0]) > 1
    assert roc_auc_score(far, features[:, 0]) > 0.9
    assert roc_auc_score(far, repaired[:, 0]) == pytest.approx(0.5, abs=0.1)


def test_a_signal_that_is_unrelated_to_the_nuisance_columns_stays() -> None:
    y = np.arange(300) % 2
    features = rng.normal(size=(300, 4)) + 1.0 * y[:, None]
    nuisance = rng.normal(size=(300, 2))
    repaired = Residualiser(300).fit(features, nuisance).transform(features, nuisance)
    raw, kept = (LogisticRegression().fit(X, y).decision_function(X) for X in (features, repaired))
    assert roc_auc_score(y, kept) == pytest.approx(roc_auc_score(y, raw), abs=0.01)


def test_missing_values_become_the_mean_and_tell_nothing() -> None:
    features = rng.normal(size=(50, 3))
    features[:10, 0] = np.nan
    features[:, 2] = np.nan
    nuisance = rng.normal(size=(50, 1))
    repaired = Residualiser(50).fit(features, nuisance).transform(features, nuisance)
    assert np.isfinite(repaired).all()
    assert np.allclose(repaired[:10, 0], np.nanmean(features[:, 0]))


def test_few_subjects_limit_the_number_of_components() -> None:
    features, nuisance = rng.normal(size=(24, 5)), rng.normal(size=(24, 20))
    repaired = Residualiser(24).fit(features, nuisance).transform(features, nuisance)
    assert repaired.std(axis=0).min() > 0.5 * features.std(axis=0).min(), "24 subjects allow three components"


def test_constant_nuisance_columns_change_nothing() -> None:
    features = rng.normal(size=(30, 4))
    repaired = Residualiser(30).fit(features, np.ones((30, 2))).transform(features, np.ones((30, 2)))
    assert np.allclose(repaired, features)
