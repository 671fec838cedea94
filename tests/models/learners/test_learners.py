from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_info

from pdmr_classic.models.learners.learners import LEARNERS, erase_feature_ranges, fit_member, log_odds, raw_scores
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.models.learners.search_spaces import default_params, is_tuned, suggest_params
from pdmr_classic.workers import use_one_thread

optuna.logging.set_verbosity(optuna.logging.WARNING)

TUNED = sorted(filter(is_tuned, LEARNERS))


def make_data(n_classes: int = 2, n: int = 60) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return rows with a clear signal, NaN, and an empty, a constant and a duplicate column."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, 8)) + 2 * np.eye(8)[y]
    X[rng.random(X.shape) < 0.05] = np.nan
    return np.column_stack([X, np.full(n, np.nan), np.ones(n), X[:, 0]]), y


def fit_learner(
    name: str, X: NDArray[np.float64], y: NDArray[np.intp], *, seed: int = 0, n_audio: int = 0, **params: Any
) -> Pipeline:
    """Fit a learner with default hyperparameters; the first `n_audio` columns are the audio vector."""
    member = Member("both", name, default_params(name, n_audio > 0) | params)
    return fit_member(member, X, y, {"video": np.arange(n_audio, X.shape[1]), "audio": np.arange(n_audio)}, seed)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize(("n_classes", "width"), [(2, 1), (3, 3)])
def test_scores_have_one_column_for_two_classes_and_one_each_for_more(name: str, n_classes: int, width: int) -> None:
    X, y = make_data(n_classes)
    scores = raw_scores(fit_learner(name, X, y), X)
    assert scores.shape == (60, width)
    assert np.isfinite(scores).all()
    predicted = (scores[:, 0] > 0).astype(int) if n_classes == 2 else scores.argmax(axis=1)
    assert np.mean(predicted == y) > 0.8


@pytest.mark.parametrize("name", LEARNERS)
def test_the_same_seed_gives_the_same_scores(name: str) -> None:
    X, y = make_data()
    first, second = (raw_scores(fit_learner(name, X, y, seed=7), X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", TUNED)
@pytest.mark.parametrize("n_audio", [0, 6, 11])
def test_all_sampled_hyperparameters_can_be_fitted(name: str, n_audio: int) -> None:
    X, y = make_data(n=40)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(6):
        params = suggest_params(name, study.ask(), n_audio > 0, is_joint=n_audio == 6)
        model = fit_learner(name, X, y, n_audio=n_audio, **params)
        assert np.isfinite(raw_scores(model, X)).all()


@pytest.mark.parametrize("name", TUNED)
@pytest.mark.parametrize(("has_audio", "is_joint"), [(False, False), (True, False), (True, True)])
def test_the_defaults_are_in_the_search_space(name: str, has_audio: bool, is_joint: bool) -> None:
    study = optuna.create_study()
    study.enqueue_trial(default_params(name, has_audio, is_joint))
    assert suggest_params(name, study.ask(), has_audio, is_joint) == default_params(name, has_audio, is_joint)


@pytest.mark.parametrize("name", ["extra_trees", "lite_ridge", "lite_trees", "extra_trees_regressor", "forest"])
def test_a_learner_without_a_search_space_raises_an_error(name: str) -> None:
    trial = optuna.create_study().ask()
    with pytest.raises(ValueError, match=f"learner must have a search space .*, got '{name}'"):
        suggest_params(name, trial, has_audio=False)
    assert trial.params == {}


@pytest.mark.parametrize("name", LEARNERS)
def test_only_scaled_learners_on_the_joint_view_have_a_share_of_the_audio_vector(name: str) -> None:
    needs_scaling = LEARNERS[name].needs_scaling
    assert ("audio_share" in default_params(name, has_audio=True, is_joint=True)) == needs_scaling
    assert "audio_share" not in default_params(name, has_audio=True)
    member = next(member for member in default_members(["both"], [name]))
    assert ("audio_share" in member.params) == needs_scaling


@pytest.mark.parametrize("name", ["svm", "linear"])
def test_many_audio_columns_do_not_drown_the_others_in_the_joint_view(name: str) -> None:
    """Three informative columns beside four hundred columns of noise in the audio vector."""
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = np.hstack([rng.normal(size=(200, 400)), rng.normal(size=(200, 3)) + 1.2 * y[:, None]])
    accuracy = []
    for params in ({}, {"audio_share": None}, {"audio_share": 0.5}):
        model = fit_learner(name, X[:100], y[:100], n_audio=400, **params)
        accuracy.append(np.mean((raw_scores(model, X[100:])[:, 0] > 0) == y[100:]))
    unbalanced, by_default, equal = accuracy
    assert min(by_default, equal) > unbalanced + 0.1


@pytest.mark.parametrize("form", ["l2", "signed_root"])
def test_the_length_of_an_audio_vector_does_not_matter_if_it_is_normalised(form: str) -> None:
    X, y = make_data()
    model = fit_learner("svm", X, y, n_audio=6, audio=form)
    louder = X.copy()
    louder[:, :6] *= 1000
    np.testing.assert_allclose(raw_scores(model, louder), raw_scores(model, X), atol=1e-6)
    assert not np.allclose(raw_scores(fit_learner("svm", X, y), louder), raw_scores(fit_learner("svm", X, y), X))


@pytest.mark.parametrize("name", LEARNERS)
def test_a_row_of_nan_has_finite_scores(name: str) -> None:
    X, y = make_data()
    model = fit_learner(name, X, y)
    assert np.isfinite(raw_scores(model, np.full((1, X.shape[1]), np.nan))).all()


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("value", [1e300, -1e300])
def test_a_value_beyond_single_precision_has_finite_scores(name: str, value: float) -> None:
    X, y = make_data()
    model = fit_learner(name, X, y)
    huge = X[:2].copy()
    huge[:, 0] = value
    assert np.isfinite(raw_scores(model, huge)).all()


def test_extra_trees_score_a_huge_value_like_any_other_above_all_thresholds() -> None:
    X, y = make_data()
    model = fit_learner("extra_trees", X, y)
    large, huge = X.copy(), X.copy()
    large[:, 1], huge[:, 1] = 1e30, 1e300
    np.testing.assert_array_equal(raw_scores(model, huge), raw_scores(model, large))


def test_svm_scores_do_not_depend_on_units() -> None:
    X, y = make_data()
    X = X[:, :8]
    units = 10.0 ** np.arange(-4, 4)
    unscaled = raw_scores(fit_learner("svm", X, y), X)
    scaled = raw_scores(fit_learner("svm", X * units, y), X * units)
    np.testing.assert_allclose(unscaled, scaled, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_lightgbm_scores_are_the_same_without_feature_ranges(n_classes: int, capfd: pytest.CaptureFixture[str]) -> None:
    X, y = make_data(n_classes)
    model = fit_learner("lightgbm", X, y)
    expected = raw_scores(model, X)
    assert "[" in read_ranges(model), "nothing to erase"
    erase_feature_ranges(model)
    assert set(read_ranges(model).split()) == {"none"}
    for erased in (model, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(raw_scores(erased, X), expected)
    assert capfd.readouterr() == ("", "")


def read_ranges(model: Pipeline) -> str:
    text: str = model[-1].booster_.model_to_string()
    return next(line.removeprefix("feature_infos=") for line in text.splitlines() if line.startswith("feature_infos="))


def test_only_the_svm_stores_rows_of_its_training_data() -> None:
    assert {name for name, learner in LEARNERS.items() if learner.stores_rows} == {"svm"}


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_log_odds_of_probability_zero_and_one_are_finite(p: float) -> None:
    assert np.isfinite(log_odds([[1 - p, p]])).all()
    assert np.isfinite(log_odds([[1 - p, p / 2, p / 2]])).all()


@pytest.mark.usefixtures("several_threads")
def test_blas_and_openmp_use_one_thread_inside_and_are_restored_outside() -> None:
    def threads() -> set[Any]:
        return {library["num_threads"] for library in threadpool_info()}

    assert threads() == {4}
    with use_one_thread():
        assert threads() == {1}
    assert threads() == {4}


def test_blas_and_openmp_use_one_thread_in_tests() -> None:
    assert {library["num_threads"] for library in threadpool_info()} == {1}
