from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from pdmr_classic import DataError, GroupedStacker
from pdmr_classic.models.ensemble import fold_data as problem_module
from pdmr_classic.models.ensemble.fold_data import make_fold_data
from pdmr_classic.splits import GroupedFolds

NAMES = [f"{view}__c{k}__mean" for view in ("video", "audio") for k in range(3)]


def table(
    n_classes: int = 2, lacking: int = 4, n_subjects: int = 16
) -> tuple[pd.DataFrame, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a signal in both views, quality columns that give the label away, and rows without one modality."""
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(n_subjects), 3)
    codes = subjects % n_classes
    X = pd.DataFrame(rng.normal(size=(len(codes), 6)) + np.tile(1.5 * np.eye(3)[codes], 2), columns=NAMES)
    X["quality__video__coverage"] = codes.astype(float)
    chosen = rng.permutation(len(X))
    X.loc[chosen[:lacking], NAMES[:3]] = np.nan
    X.loc[chosen[lacking : 2 * lacking], NAMES[3:]] = np.nan
    return X, np.array(["no", "yes", "maybe"], dtype=object)[codes], subjects


def stacker(**changes: Any) -> GroupedStacker:
    return GroupedStacker(**{"learners": ["svm"], "folds": 4, "repeats": 1, **changes})


class UngroupedStacker(GroupedStacker):
    """A stacker for scikit-learn's checks, which give no groups: each row is then a subject of its own."""

    def fit(self, X: Any, y: Any, groups: Any = None, sample_weight: Any = None) -> UngroupedStacker:
        return super().fit(X, y, np.arange(np.asarray(y).size) if groups is None else groups, sample_weight)


NO_VALUE_ERROR = "a DataError is told as a message of the program, and is no ValueError"


@parametrize_with_checks(
    [UngroupedStacker(learners=["svm"], folds=2, repeats=1)],
    expected_failed_checks=lambda estimator: {
        "check_classifiers_one_label": NO_VALUE_ERROR,
        "check_classifiers_one_label_sample_weights": NO_VALUE_ERROR,
        "check_sample_weight_equivalence_on_dense_data": "folds are made of all rows: a removed row makes other ones",
        "check_fit2d_1sample": NO_VALUE_ERROR,
    },
)
def test_scikit_learn_s_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_a_row_is_predicted_by_the_meta_learner_of_the_modalities_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, subjects = table()
    fitted = stacker().fit(X, y, groups=subjects)
    assert set(fitted.combiners_) == {frozenset({"video"}), frozenset({"audio"}), frozenset({"video", "audio"})}
    asked: list[tuple[frozenset[str], int, int]] = []
    for modalities, combiner in fitted.combiners_.items():

        def predict(columns: Any, m: Any = modalities, original: Any = combiner.predict_proba) -> Any:
            asked.append((m, *columns.shape))
            return original(columns)

        monkeypatch.setattr(combiner, "predict_proba", predict)
    X = X.iloc[:6].copy()
    X[NAMES] = 1.0
    X.loc[X.index[:1], NAMES[:3]] = np.nan
    X.loc[X.index[1:3], NAMES[3:]] = np.nan
    assert np.isfinite(fitted.predict_proba(X)).all()
    # One member a view: a row with both modalities has the joint view too.
    assert set(asked) == {
        (frozenset({"audio"}), 1, 1),
        (frozenset({"video"}), 2, 1),
        (frozenset(["video", "audio"]), 3, 3),
    }


def test_nothing_is_imputed_across_modalities() -> None:
    """What other rows hold of a modality means nothing to a row that lacks it."""
    X, y, subjects = table()
    fitted = stacker().fit(X, y, groups=subjects)
    alone = X.iloc[[0]].copy()
    alone[NAMES[:3]] = np.nan
    expected = fitted.predict_proba(alone)
    company = X.iloc[5:15].copy()
    company[NAMES[:3]] = 1e3
    np.testing.assert_array_equal(fitted.predict_proba(pd.concat([alone, company]))[0], expected[0])


def test_quality_never_influences_a_prediction() -> None:
    X, y, subjects = table()
    other = X.assign(quality__video__coverage=np.random.default_rng(1).random(len(X)))
    ours, theirs = (stacker().fit(frame, y, groups=subjects) for frame in (X, other))
    np.testing.assert_array_equal(ours.oof_probability_, theirs.oof_probability_)
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(other))
    np.testing.assert_array_equal(ours.predict_proba(X), ours.predict_proba(other))


def test_a_table_of_quality_alone_is_refused() -> None:
    X, y, subjects = table()
    with pytest.raises(DataError, match="no column to learn from"):
        stacker().fit(X[["quality__video__coverage"]], y, groups=subjects)


@pytest.mark.parametrize("learner", ["lightgbm", "xgboost", "svm"])
def test_several_classes_have_probabilities_that_sum_to_one(learner: str) -> None:
    X, y, subjects = table(n_classes=3, n_subjects=18)
    fitted = stacker(learners=[learner]).fit(X, y, groups=subjects)
    probability = fitted.predict_proba(X)
    assert probability.shape == (54, 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert fitted.classes_.tolist() == ["maybe", "no", "yes"]
    assert np.mean(fitted.predict(X) == y) > 0.6


def test_a_view_with_too_few_recordings_is_left_out_and_told() -> None:
    X, y, subjects = table(lacking=0)
    X.loc[X.index[2:], NAMES[3:]] = np.nan
    codes = np.unique(y, return_inverse=True)[1]
    problem = make_fold_data(X.to_numpy(), list(X.columns), codes, subjects, n_folds=4, repeats=1, seed=0)
    assert set(problem.views) == {"video"}
    assert {finding.code for finding in problem.findings} == {"view-too-small"}
    assert any("'audio'" in finding.what and finding.found == "2 recordings" for finding in problem.findings)
    fitted = stacker().fit(X, y, groups=subjects)
    assert set(fitted.combiners_) == {frozenset({"video"})}
    assert np.isfinite(fitted.predict_proba(X)).all()


def test_probabilities_are_identical_after_pickling() -> None:
    X, y, subjects = table()
    fitted = stacker(learners=["lightgbm", "xgboost", "svm"]).fit(X, y, groups=subjects)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))


def test_the_result_does_not_depend_on_the_number_of_jobs() -> None:
    X, y, subjects = table()
    one, two = (stacker(jobs=jobs).fit(X, y, groups=subjects) for jobs in (1, 2))
    np.testing.assert_array_equal(one.oof_probability_, two.oof_probability_)
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_a_row_without_any_modality_has_no_probability_and_no_class() -> None:
    X, y, subjects = table()
    fitted = stacker().fit(X, y, groups=subjects)
    X.loc[X.index[[3, 7]], NAMES] = np.nan
    unknown = np.isnan(fitted.predict_proba(X)).all(axis=1)
    assert np.flatnonzero(unknown).tolist() == [3, 7]
    with pytest.raises(DataError, match=r"2 rows have no modality[^\0]*expected: audio or video"):
        fitted.predict(X)


def test_training_rows_without_any_modality_do_not_disturb() -> None:
    X, y, subjects = table()
    X.loc[X.index[3], NAMES] = np.nan
    fitted = stacker().fit(X, y, groups=subjects)
    assert np.flatnonzero(np.isnan(fitted.oof_probability_).any(axis=1)).tolist() == [3]


def test_every_training_row_has_an_out_of_fold_probability() -> None:
    X, y, subjects = table()
    fitted = stacker().fit(X, y, groups=subjects)
    np.testing.assert_allclose(fitted.oof_probability_.sum(axis=1), 1)


def test_the_order_of_the_subjects_names_does_not_matter_nor_their_type() -> None:
    X, y, subjects = table()
    numbers = stacker().fit(X, y, groups=subjects)
    names = stacker().fit(X, y, groups=np.array([f"S{subject:02d}" for subject in subjects], dtype=object))
    np.testing.assert_array_equal(numbers.predict_proba(X), names.predict_proba(X))


def test_fitting_without_groups_is_refused() -> None:
    X, y, _ = table()
    with pytest.raises(ValueError, match="groups must be given"):
        stacker().fit(X, y)


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        (["yes"] * 48, np.arange(48), r"single class[^\0]*'yes'"),
        (["no", "yes"] * 24, np.zeros(48), "fewer than two subjects"),
        (["no"] * 45 + ["yes"] * 3, np.repeat(np.arange(16), 3), "class 'yes' has a single subject"),
    ],
)
def test_labels_that_do_not_serve_are_refused_by_their_names(y: list[str], groups: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        stacker().fit(table()[0], y, groups=groups)


def test_groups_of_another_length_are_refused() -> None:
    X, y, subjects = table()
    with pytest.raises(ValueError, match="inconsistent"):
        stacker().fit(X, y, groups=subjects[:-1])


def test_the_arguments_are_not_changed() -> None:
    X, y, subjects = table()
    before = X.copy(), y.copy(), subjects.copy()
    stacker().fit(X, y, groups=subjects).predict_proba(X)
    pd.testing.assert_frame_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])
    np.testing.assert_array_equal(subjects, before[2])


def test_a_clone_is_unfitted_and_has_the_same_parameters() -> None:
    X, y, subjects = table()
    fitted = stacker(random_state=3).fit(X, y, groups=subjects)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "classes_")


# ------------------------------------------------------------------------------------------------ weights


ALL_LEARNERS = ("lightgbm", "xgboost", "svm", "linear")


def test_weights_of_one_change_nothing() -> None:
    X, y, subjects = table()
    without, ones = (
        stacker(learners=ALL_LEARNERS).fit(X, y, groups=subjects, sample_weight=weights)
        for weights in (None, np.ones(len(X)))
    )
    np.testing.assert_array_equal(without.oof_probability_, ones.oof_probability_)
    np.testing.assert_array_equal(without.predict_proba(X), ones.predict_proba(X))


@pytest.mark.parametrize("learner", ALL_LEARNERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_of_weight_zero_influence_nothing(learner: str, n_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, subjects = table(n_classes=n_classes, n_subjects=18)
    rng = np.random.default_rng(1)
    idle = rng.random(len(X)) < 0.3
    folds = list(GroupedFolds(3).split(X, y, subjects))

    class Fixed(GroupedFolds):
        def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
            yield from folds

    monkeypatch.setattr(problem_module, "GroupedFolds", Fixed)
    other, others_y = X.copy(), y.copy()
    other.loc[idle, NAMES] = 1e3 * rng.normal(size=(idle.sum(), len(NAMES)))
    others_y[idle] = rng.permutation(y[idle])
    ours, theirs = (
        stacker(learners=[learner], folds=3).fit(frame, labels, groups=subjects, sample_weight=1.0 - idle)
        for frame, labels in ((X, y), (other, others_y))
    )
    # Not to the last bit: rows that are predicted together are multiplied in blocks.
    np.testing.assert_allclose(ours.oof_probability_[~idle], theirs.oof_probability_[~idle], rtol=1e-9)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)
    assert np.isfinite(ours.oof_probability_).all(), "rows of weight 0 are predicted all the same"


@pytest.mark.parametrize("learner", ALL_LEARNERS)
def test_a_class_that_weighs_more_is_more_probable(learner: str) -> None:
    X, y, subjects = table()
    X[NAMES] = np.random.default_rng(2).normal(size=(len(X), len(NAMES)))
    even, heavy = (
        stacker(learners=[learner]).fit(X, y, groups=subjects, sample_weight=np.where(y == "yes", weight, 1.0))
        for weight in (1.0, 5.0)
    )
    place = even.classes_.tolist().index("yes")
    assert heavy.oof_probability_[:, place].mean() > even.oof_probability_[:, place].mean() + 0.1


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"sample_weight must be of shape \(48,\), got \(3,\)"),
        (np.r_[-1.0, np.ones(47)], "sample_weight must be finite and not negative, got -1"),
        (np.r_[np.nan, np.ones(47)], "sample_weight must be finite"),
        (np.zeros(48), "sample_weight must be positive for some rows"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Any, message: str) -> None:
    X, y, subjects = table()
    with pytest.raises(ValueError, match=message):
        stacker().fit(X, y, groups=subjects, sample_weight=weights)


def test_a_class_without_any_weight_is_refused() -> None:
    X, y, subjects = table()
    with pytest.raises(DataError, match=r"single class[^\0]*'no'"):
        stacker().fit(X, y, groups=subjects, sample_weight=(y == "no").astype(float))


def test_weights_are_routed() -> None:
    X, y, subjects = table(lacking=0)
    weights = np.where(y == "yes", 5.0, 1.0)
    direct = stacker().fit(X, y, groups=subjects, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = Pipeline([("stack", stacker())]).fit(X, y, groups=subjects, sample_weight=weights)
        np.testing.assert_array_equal(routed.predict_proba(X), direct.predict_proba(X))


# ------------------------------------------------------------------------------------------ kinds of labels


@pytest.mark.parametrize(
    "names",
    [("0", "1"), (0, 1), (-1, 7), (False, True), ("nicht, krank", "krank, sehr"), ("健康", "抑郁"), (0, 1, 2)],
    ids=str,
)
def test_labels_may_be_of_any_kind(names: tuple[Any, ...]) -> None:
    X, y, subjects = table(n_classes=len(names), n_subjects=18)
    plain = stacker().fit(X, np.unique(y, return_inverse=True)[1], groups=subjects)
    labels = np.array(names)[np.unique(y, return_inverse=True)[1]]
    fitted = stacker().fit(X, labels, groups=subjects)
    assert fitted.classes_.tolist() == sorted(names)
    assert set(fitted.predict(X).tolist()) == set(names)
    assert fitted.predict(X).dtype == labels.dtype
    np.testing.assert_array_equal(fitted.classes_.searchsorted(labels), np.unique(labels, return_inverse=True)[1])
    if sorted(names) == list(names):
        np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(X))
