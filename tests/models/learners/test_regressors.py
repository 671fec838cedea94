"""Base learners of a score, in the same pipelines as those of classes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from pdmr_classic.models.learners.learners import LEARNERS, erase_feature_ranges, find_learner, fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.regressors import REGRESSORS
from pdmr_classic.models.learners.search_spaces import default_params, is_tuned, suggest_params

optuna.logging.set_verbosity(optuna.logging.WARNING)

TUNED = sorted(filter(is_tuned, REGRESSORS))


def make_data(n: int = 90, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows with a signal in three columns, NaN, and an empty, a constant and a duplicate column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 8))
    y = np.round(10 + 3 * X[:, :3].sum(axis=1) + rng.normal(size=n))
    X[rng.random(X.shape) < 0.05] = np.nan
    return np.column_stack([X, np.full(n, np.nan), np.ones(n), X[:, 0]]), y


def fit_regressor(
    name: str, X: NDArray[np.float64], y: NDArray[np.float64], *, seed: int = 0, n_audio: int = 0, **changes: Any
) -> Pipeline:
    """Fit with default hyperparameters; the first `n_audio` columns are the audio vector."""
    weights = changes.pop("weights", None)
    member = Member("both", name, default_params(name, n_audio > 0) | changes)
    return fit_member(
        member, X, y, {"video": np.arange(n_audio, X.shape[1]), "audio": np.arange(n_audio)}, seed, weights
    )


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_planted_signal_is_predicted_on_new_rows_despite_nan(name: str) -> None:
    (X, y), (new_X, new_y) = make_data(), make_data(seed=1)
    predicted = raw_scores(fit_regressor(name, X, y), new_X)
    assert predicted.shape == (90, 1)
    assert np.corrcoef(predicted[:, 0], new_y)[0, 1] > 0.6
    assert np.mean((predicted[:, 0] - new_y) ** 2) < 0.8 * np.var(new_y)


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_row_of_nan_and_huge_values_have_finite_predictions(name: str) -> None:
    X, y = make_data()
    rows = X[:3].copy()
    rows[0], rows[1, 0], rows[2, 0] = np.nan, 1e300, -1e300
    assert np.isfinite(raw_scores(fit_regressor(name, X, y), rows)).all()


@pytest.mark.parametrize("name", REGRESSORS)
def test_the_same_seed_gives_the_same_predictions(name: str) -> None:
    X, y = make_data()
    first, second = (raw_scores(fit_regressor(name, X, y, seed=7), X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", REGRESSORS)
def test_rows_with_weight_zero_are_left_out(name: str) -> None:
    X, y = make_data()
    weights = np.ones(90)
    weights[:20], changed_X, changed_y = 0.0, X.copy(), y.copy()
    changed_X[:20], changed_y[:20] = 1e3, 1e3
    with_them = fit_regressor(name, changed_X, changed_y, weights=weights)
    without = fit_regressor(name, X[20:], y[20:])
    np.testing.assert_array_equal(raw_scores(with_them, X), raw_scores(without, X))


@pytest.mark.parametrize("name", REGRESSORS)
def test_rows_with_a_high_weight_attract_the_predictions(name: str) -> None:
    X, y = make_data()
    X = np.random.default_rng(2).normal(size=X.shape)
    is_high = y > np.median(y)
    equal, weighted = (
        raw_scores(fit_regressor(name, X, y, weights=np.where(is_high, weight, 1.0)), X).mean() for weight in (1.0, 8.0)
    )
    assert weighted > equal + 0.5


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_the_median_of_a_skewed_score_is_predicted_instead_of_its_mean(name: str) -> None:
    """Three quarters of the scores are 1, the others 21, whatever the columns: the median is 1, the mean 6."""
    X, y = np.random.default_rng(3).normal(size=(200, 4)), np.tile([1.0, 1.0, 1.0, 21.0], 50)
    changes = {"n_estimators": 300, "learning_rate": 0.1, "reg_lambda": 0.01, "k": None}
    stumps = changes | ({"num_leaves": 2} if name == "lightgbm" else {"max_depth": 1})
    new = np.random.default_rng(4).normal(size=(100, 4))
    median, mean = (
        np.median(raw_scores(fit_regressor(f"{name}_{kind}", X, y, **stumps), new)) for kind in ("median", "regressor")
    )
    assert median < 2.5
    assert mean > 3.5


@pytest.mark.parametrize("name", REGRESSORS)
def test_the_unit_and_the_zero_of_the_score_do_not_matter(name: str) -> None:
    X, y = make_data()
    expected = raw_scores(fit_regressor(name, X, y), X)[:, 0]
    changed = raw_scores(fit_regressor(name, X, 4 * y - 64), X)[:, 0]
    assert np.corrcoef(expected, changed)[0, 1] > 0.99
    assert changed.mean() == pytest.approx(4 * expected.mean() - 64, abs=1.5)


@pytest.mark.parametrize("name", TUNED)
@pytest.mark.parametrize("n_audio", [0, 6, 11])
def test_all_sampled_hyperparameters_can_be_fitted(name: str, n_audio: int) -> None:
    X, y = make_data(n=40)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(4):
        params = suggest_params(name, study.ask(), n_audio > 0, is_joint=n_audio == 6)
        model = fit_regressor(name, X, y, n_audio=n_audio, **params)
        assert np.isfinite(raw_scores(model, X)).all()


@pytest.mark.parametrize("name", TUNED)
@pytest.mark.parametrize(("has_audio", "is_joint"), [(False, False), (True, False), (True, True)])
def test_the_defaults_are_in_the_search_space(name: str, has_audio: bool, is_joint: bool) -> None:
    study = optuna.create_study()
    study.enqueue_trial(default_params(name, has_audio, is_joint))
    assert suggest_params(name, study.ask(), has_audio, is_joint) == default_params(name, has_audio, is_joint)


@pytest.mark.parametrize("name", REGRESSORS)
def test_columns_are_selected_by_their_correlation_with_the_score(name: str) -> None:
    """The mean of the selected column does not differ between the many distinct scores as classes."""
    rng = np.random.default_rng(5)
    y = rng.normal(size=60)
    X = rng.normal(size=(60, 30))
    X[:, 17] += 3 * y
    model = fit_regressor(name, X, y, k=1)
    select = next(step for step in model if hasattr(step, "k"))
    assert select.get_support(indices=True).tolist() == [17]


@pytest.mark.parametrize("name", ["ridge", "svr", "ordinal"])
def test_many_audio_columns_do_not_drown_the_others_in_the_joint_view(name: str) -> None:
    """Three informative columns beside four hundred columns of noise in the audio vector."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    X = np.hstack([rng.normal(size=(200, 400)), rng.normal(size=(200, 3)) + 1.2 * y[:, None]])
    correlation = []
    for params in ({}, {"audio_share": None}, {"audio_share": 0.5}):
        model = fit_regressor(name, X[:100], y[:100], n_audio=400, **params)
        correlation.append(np.corrcoef(raw_scores(model, X[100:])[:, 0], y[100:])[0, 1])
    unbalanced, by_default, equal = correlation
    assert min(by_default, equal) > unbalanced + 0.1


@pytest.mark.parametrize("name", ["lightgbm_regressor", "lightgbm_median"])
def test_lightgbm_predictions_are_the_same_without_feature_ranges(name: str) -> None:
    X, y = make_data()
    model = fit_regressor(name, X, y)
    expected = raw_scores(model, X)
    erase_feature_ranges(model)
    assert "feature_infos=none" in model[-1].booster_.model_to_string()
    for erased in (model, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(raw_scores(erased, X), expected)


def test_only_the_svr_stores_rows_of_its_training_data() -> None:
    assert {name for name, learner in REGRESSORS.items() if learner.stores_rows} == {"svr"}


def test_no_learner_of_scores_has_the_name_of_one_of_classes() -> None:
    assert not set(REGRESSORS) & set(LEARNERS)
    assert all(find_learner(name).numeric for name in REGRESSORS)
    assert not any(find_learner(name).numeric for name in LEARNERS)


@pytest.mark.parametrize("name", ["ridge", "svr"])
def test_scores_that_are_all_equal_are_predicted_as_they_are(name: str) -> None:
    X, _ = make_data()
    np.testing.assert_allclose(raw_scores(fit_regressor(name, X, np.full(90, 7.0)), X), 7.0, atol=0.2)
