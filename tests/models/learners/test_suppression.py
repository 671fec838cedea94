"""Suppression of personal habits: what it removes, what it keeps, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.search_spaces import default_params
from pdmr_classic.models.learners.suppression import SuppressIdentity
from pdmr_classic.synthetic.habits import make_habits

Table = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class SuppressPairs(SuppressIdentity):
    """Two recordings of each subject, for checks that know no groups."""

    def fit(self, X: ArrayLike, y: ArrayLike, groups: Any = None, sample_weight: Any = None) -> SuppressPairs:
        n = len(np.asarray(X)) if not hasattr(X, "shape") else X.shape[0]
        return super().fit(X, y, np.arange(n) // 2 if groups is None else groups, sample_weight)


@parametrize_with_checks(
    [SuppressPairs(number=1), SuppressPairs(number=1, numeric=True)],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "the pairs of a table without some rows are others",
    },
)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def make_table(subjects: int = 60, *, seed: int = 1, **options: Any) -> Table:
    """Return features, class numbers, subjects and the planted directions of habits."""
    planted = make_habits(subjects, columns=30, seed=seed, **{"rank": 2, "overlap": 0.0} | options)
    y = (planted.status == "Depression").to_numpy().astype(int)
    return planted.features.to_numpy(), y, planted.groups.to_numpy(), planted.habits


def share_left(suppress: SuppressIdentity, habits: np.ndarray) -> float:
    rest = habits - suppress.axes_ * suppress.shares_ @ (suppress.axes_.T @ habits)
    return float(np.sum(rest**2) / habits.shape[1])


def test_planted_habits_are_found_and_removed() -> None:
    X, y, groups, habits = make_table()
    suppress = SuppressIdentity().fit(X, y, groups=groups)
    assert suppress.axes_.shape == (30, 2)
    np.testing.assert_allclose(suppress.axes_.T @ suppress.axes_, np.eye(2), atol=1e-9)
    assert share_left(suppress, habits) < 0.1
    np.testing.assert_allclose((suppress.transform(X) - suppress.center_) @ suppress.axes_, 0, atol=1e-9)


def test_covariance_normalisation_attenuates_the_same_directions() -> None:
    X, y, groups, _ = make_table()
    removed = SuppressIdentity().fit(X, y, groups=groups)
    attenuated = SuppressIdentity("wccn").fit(X, y, groups=groups)
    np.testing.assert_array_equal(attenuated.axes_, removed.axes_)
    # sqrt(a / (a + s)), with a = 1 and s = 9 as planted
    np.testing.assert_allclose(attenuated.shares_, 1 - np.sqrt(1 / 10), atol=0.1)


def test_without_habits_nothing_is_removed() -> None:
    X, y, groups, _ = make_table(rank=0)
    suppress = SuppressIdentity().fit(X, y, groups=groups)
    assert suppress.axes_.shape == (30, 0)
    np.testing.assert_array_equal(suppress.transform(X), X)


def test_noise_that_few_recordings_do_not_average_out_is_no_habit() -> None:
    """A column that varies most, but not between subjects, has the largest scatter of means."""
    X, y, groups, habits = make_table(200, rank=1, strength=2.0)
    noise = np.zeros(30)
    noise[0] = 1.0
    X = X + 6 * np.outer(np.random.default_rng(0).normal(size=len(X)), noise)
    means = np.array([X[groups == subject].mean(axis=0) for subject in np.unique(groups)])
    leading = np.linalg.svd(means - means.mean(axis=0))[2][0]
    assert abs(leading @ noise) > 0.8
    suppress = SuppressIdentity(number=1).fit(X, y, groups=groups)
    assert abs(suppress.axes_[:, 0] @ habits[:, 0]) > 0.8


def test_own_means_delete_the_answer_and_suppression_does_not() -> None:
    X, y, groups, _ = make_table(200, effect=2.5)
    names, codes = np.unique(groups, return_inverse=True)
    means = np.array([X[codes == k].mean(axis=0) for k in range(len(names))])
    train = codes < 100
    suppressed = SuppressIdentity().fit(X[train], y[train], groups=groups[train]).transform(X)
    auc = {}
    for name, table in (("own mean", X - means[codes]), ("suppressed", suppressed)):
        model = LogisticRegression().fit(table[train], y[train])
        auc[name] = roc_auc_score(y[~train], model.decision_function(table[~train]))
    assert abs(auc["own mean"] - 0.5) < 0.07
    assert auc["suppressed"] > 0.85


def test_the_class_difference_is_not_among_the_directions() -> None:
    X, y, groups, _ = make_table(rank=0, effect=20.0)
    assert SuppressIdentity().fit(X, y, groups=groups).axes_.shape[1] == 0


def test_of_a_numeric_target_its_linear_effect_is_kept() -> None:
    X, _, groups, habits = make_table()
    rng = np.random.default_rng(0)
    score = rng.normal(size=60)[np.unique(groups, return_inverse=True)[1]]
    answer = np.linalg.svd(habits.T)[2][-1]
    X = X + 8 * np.outer(score, answer)
    suppress = SuppressIdentity(numeric=True).fit(X, score, groups=groups)
    assert suppress.axes_.shape[1] == 2
    assert np.abs(suppress.axes_.T @ answer).max() < 0.2
    assert share_left(suppress, habits) < 0.1


def test_single_recordings_do_not_enter_the_directions() -> None:
    X, y, groups, _ = make_table(30)
    extra = 50 * np.random.default_rng(0).normal(size=(20, 30))
    table, labels = np.vstack([X, extra - extra.mean(axis=0)]), np.append(y, np.zeros(20))
    subjects = np.append(groups, [f"single{k}" for k in range(20)])
    suppress = SuppressIdentity(number=2).fit(table, labels, groups=subjects)
    cosine = np.abs((extra - extra.mean(axis=0)) @ suppress.axes_) / np.linalg.norm(extra, axis=1)[:, None]
    assert cosine.max() < 0.7


def test_directions_of_few_subjects_are_not_a_recording() -> None:
    X, y, groups, _ = make_table(6, recordings=2, rank=0)
    suppress = SuppressIdentity(number=5).fit(X, y, groups=groups)
    assert suppress.axes_.shape[1] == 2, "one per three subjects"
    centred = X - X.mean(axis=0)
    cosine = np.abs(centred @ suppress.axes_) / np.linalg.norm(centred, axis=1)[:, None]
    assert cosine.max() < 0.9


@pytest.mark.parametrize("groups", [np.arange(40), np.zeros(40)])
def test_without_repeated_subjects_nothing_is_removed(groups: np.ndarray) -> None:
    X = np.random.default_rng(0).normal(size=(40, 5))
    assert SuppressIdentity(number=3).fit(X, np.arange(40) % 2, groups=groups).axes_.shape == (5, 0)


def test_equal_weights_change_nothing_and_a_tiny_weight_leaves_a_subject_out() -> None:
    X, y, groups, _ = make_table()
    plain = SuppressIdentity(number=2).fit(X, y, groups=groups)
    weighted = SuppressIdentity(number=2).fit(X, y, groups=groups, sample_weight=np.full(len(X), 3.0))
    np.testing.assert_allclose(weighted.transform(X), plain.transform(X), atol=1e-9)
    weights = np.where(groups == groups[0], 1e-9, 1.0)
    without = SuppressIdentity(number=2).fit(X[weights == 1], y[weights == 1], groups=groups[weights == 1])
    tiny = SuppressIdentity(number=2).fit(X, y, groups=groups, sample_weight=weights)
    np.testing.assert_allclose(tiny.transform(X), without.transform(X), atol=1e-5)


def test_invalid_parameters_are_refused() -> None:
    X, y, groups, _ = make_table(6)
    with pytest.raises(ValueError, match="groups are required"):
        SuppressIdentity().fit(X, y)
    with pytest.raises(ValueError, match="method must be one of nap, wccn, got 'pca'"):
        SuppressIdentity("pca").fit(X, y, groups=groups)
    with pytest.raises(ValueError, match="number must be 'auto' or an integer from 0, got -1"):
        SuppressIdentity(number=-1).fit(X, y, groups=groups)


def fit_suppressing(learner: str, X: np.ndarray, y: np.ndarray, groups: np.ndarray, **changes: Any) -> Any:
    params = default_params(learner, has_audio=False, suppresses=True) | changes
    return fit_member(Member("video", learner, params), X, y, {"video": np.arange(X.shape[1])}, 0, None, groups)


@pytest.mark.parametrize("learner", ["svm", "linear", "lightgbm", "xgboost", "extra_trees"])
def test_each_learner_is_fitted_on_suppressed_columns(learner: str) -> None:
    X, y, groups, habits = make_table()
    X = X.copy()
    X[0, 0] = np.nan
    model = fit_suppressing(learner, X, y, groups, k=20)
    names = [type(step).__name__ for step in model[:-1]]
    assert names == ["DropUninformative", "RobustScale", "SuppressIdentity", "KeepBest"]
    assert model[2].axes_.shape[1] == 2
    moved = X + 10 * habits[:, 0] * np.sign(np.arange(len(X)) % 2 - 0.5)[:, None]
    assert np.isfinite(raw_scores(model, moved)).all()


def test_directions_do_not_depend_on_held_out_rows() -> None:
    X, y, groups, _ = make_table()
    train = np.isin(groups, np.unique(groups)[:40])
    alone = fit_suppressing("linear", X[train], y[train], groups[train])
    weights = train.astype(float)
    X = np.where(train[:, None], X, 1000 * X)
    member = Member("video", "linear", default_params("linear", has_audio=False, suppresses=True))
    beside = fit_member(member, X, y, {"video": np.arange(X.shape[1])}, 0, weights, groups)
    np.testing.assert_array_equal(beside[2].axes_, alone[2].axes_)


def test_a_table_of_many_recordings_is_sampled_by_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdmr_classic.models.learners.suppression._MAX_ROWS", 120)
    X, y, groups, habits = make_table()
    suppress = SuppressIdentity().fit(X, y, groups=groups)
    assert suppress.axes_.shape[1] == 2
    assert share_left(suppress, habits) < 0.2
