"""Linear residualisation of features on nuisance columns, in level and spread."""

from __future__ import annotations

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score

from pdmr_classic.evaluation.confounds._residuals import Residualiser

rng = np.random.default_rng(0)

# LightGBM 4.6 assigns column names when fitted on an array, then warns that the array to predict has none.
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


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
    assert np.abs(repaired[y == 1]).mean() / np.abs(repaired[y == 0]).mean() == pytest.approx(1, abs=0.1)


def test_a_relation_to_the_square_of_a_column_is_mostly_removed() -> None:
    z = rng.normal(size=(500, 1))
    features = z**2 + rng.normal(size=(500, 2))
    repaired = Residualiser(500).fit(features, z).transform(features, z)
    far = np.abs(z[:, 0]) > 1
    assert roc_auc_score(far, features[:, 0]) > 0.75
    assert roc_auc_score(far, repaired[:, 0]) == pytest.approx(0.5, abs=0.12)


def test_a_signal_that_is_unrelated_to_the_nuisance_columns_stays() -> None:
    y = np.arange(300) % 2
    features = rng.normal(size=(300, 4)) + 1.0 * y[:, None]
    nuisance = rng.normal(size=(300, 2))
    repaired = Residualiser(300).fit(features, nuisance).transform(features, nuisance)
    raw, kept = (LogisticRegression().fit(X, y).decision_function(X) for X in (features, repaired))
    assert roc_auc_score(y, kept) == pytest.approx(roc_auc_score(y, raw), abs=0.02)


def test_missing_values_tell_nothing() -> None:
    features = rng.normal(size=(200, 3))
    y = np.arange(200) % 2
    features[y == 1, 0] = np.nan
    features[:, 2] = np.nan
    nuisance = rng.normal(size=(200, 1))
    repaired = Residualiser(200).fit(features, nuisance).transform(features, nuisance)
    assert np.isfinite(repaired).all()
    trees = cross_val_score(LGBMClassifier(verbose=-1, n_jobs=1), repaired, y, scoring="roc_auc", cv=5)
    assert trees.mean() == pytest.approx(0.5, abs=0.12)


def test_the_residuals_of_discrete_features_do_not_leak_the_nuisance_columns_to_trees() -> None:
    """Plain residuals of a feature that is mostly 0 are a function of the nuisance column (Hamdan et al. 2023)."""
    y = np.arange(300) % 2
    features = rng.poisson(0.15, size=(300, 20)).astype(float)
    nuisance = (y + 0.3 * rng.normal(size=300))[:, None]
    centred = nuisance - nuisance.mean()
    plain = features - centred @ np.linalg.lstsq(centred, features - features.mean(axis=0), rcond=None)[0]
    repaired = Residualiser(300).fit(features, nuisance).transform(features, nuisance)
    leak, kept = (
        cross_val_score(LGBMClassifier(verbose=-1, n_jobs=1), X, y, scoring="roc_auc", cv=5).mean()
        for X in (plain, repaired)
    )
    assert leak > 0.9
    assert kept == pytest.approx(0.5, abs=0.12)


def test_few_subjects_limit_the_number_of_components() -> None:
    features, nuisance = rng.normal(size=(24, 5)), rng.normal(size=(24, 20))
    residualiser = Residualiser(24).fit(features, nuisance)
    assert residualiser.axes_.shape == (40, 3), "one component for eight subjects"


def test_without_nuisance_variation_only_the_ranks_are_kept() -> None:
    features = rng.normal(size=(30, 4))
    repaired = Residualiser(30).fit(features, np.ones((30, 2))).transform(features, np.ones((30, 2)))
    assert (repaired.argsort(axis=0) == features.argsort(axis=0)).all()


def test_new_values_are_placed_between_those_of_training() -> None:
    residualiser = Residualiser(4).fit(np.array([[0.0], [1.0], [2.0], [3.0]]), np.zeros((4, 1)))
    scores = residualiser.transform(np.array([[-9.0], [1.5], [99.0]]), np.zeros((3, 1)))[:, 0]
    assert scores[0] < -0.5
    assert abs(scores[1]) < 0.6
    assert scores[2] > 0.5
    assert np.isfinite(scores).all()
