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
from pdmr_classic.models.ensemble import fold_data as fold_data_module
from pdmr_classic.models.ensemble.fold_data import make_fold_data
from pdmr_classic.models.learners.learners import LEARNERS
from pdmr_classic.splits import GroupedFolds

NAMES = [f"{view}__c{k}__mean" for view in ("video", "audio") for k in range(3)]


def make_table(
    n_classes: int = 2, n_missing: int = 4, n_subjects: int = 16
) -> tuple[pd.DataFrame, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a signal in both views, a quality column equal to the label, and rows without one modality."""
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(n_subjects), 3)
    codes = subjects % n_classes
    X = pd.DataFrame(rng.normal(size=(len(codes), 6)) + np.tile(1.5 * np.eye(3)[codes], 2), columns=NAMES)
    X["quality__video__coverage"] = codes.astype(float)
    rows = rng.permutation(len(X))
    X.loc[rows[:n_missing], NAMES[:3]] = np.nan
    X.loc[rows[n_missing : 2 * n_missing], NAMES[3:]] = np.nan
    return X, np.array(["no", "yes", "maybe"], dtype=object)[codes], subjects


def make_stacker(**changes: Any) -> GroupedStacker:
    return GroupedStacker(**{"learners": ["svm"], "folds": 4, "repeats": 1, **changes})


class UngroupedStacker(GroupedStacker):
    """A stacker for scikit-learn's checks, which do not pass groups: each row is its own subject."""

    def fit(self, X: Any, y: Any, groups: Any = None, sample_weight: Any = None) -> UngroupedStacker:
        return super().fit(X, y, np.arange(np.asarray(y).size) if groups is None else groups, sample_weight)


RAISES_DATA_ERROR = "raises a DataError, which is not a ValueError"


@parametrize_with_checks(
    [UngroupedStacker(learners=["svm"], folds=2, repeats=1)],
    expected_failed_checks=lambda estimator: {
        "check_classifiers_one_label": RAISES_DATA_ERROR,
        "check_classifiers_one_label_sample_weights": RAISES_DATA_ERROR,
        "check_sample_weight_equivalence_on_dense_data": "removing rows with weight 0 changes the folds",
        "check_fit2d_1sample": RAISES_DATA_ERROR,
    },
)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("view", ["video", "both"])
def test_selected_members_predict_as_a_stack_of_only_these(view: str, n_classes: int) -> None:
    X, y, subjects = make_table(n_classes)
    fitted = make_stacker(learners=["svm", "linear"]).fit(X, y, groups=subjects)
    members = [member for member in fitted.members_ if member.view == view]
    before = fitted.predict_proba(X)
    part = fitted.select_members([member.name for member in members])
    expected = make_stacker(members=members).fit(X, y, groups=subjects)
    rows = X[NAMES].notna().all(axis=1)
    np.testing.assert_array_equal(part.predict_proba(X)[rows], expected.predict_proba(X)[rows])
    np.testing.assert_array_equal(part.oof_probability_[rows], expected.oof_probability_[rows])
    np.testing.assert_array_equal(fitted.predict_proba(X), before)


def test_a_row_is_predicted_by_the_meta_learner_of_its_modalities(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, subjects = make_table()
    fitted = make_stacker().fit(X, y, groups=subjects)
    assert set(fitted.combiners_) == {frozenset({"video"}), frozenset({"audio"}), frozenset({"video", "audio"})}
    calls: list[tuple[frozenset[str], int, int]] = []
    for modalities, combiner in fitted.combiners_.items():

        def predict(columns: Any, m: Any = modalities, original: Any = combiner.predict_proba) -> Any:
            calls.append((m, *columns.shape))
            return original(columns)

        monkeypatch.setattr(combiner, "predict_proba", predict)
    X = X.iloc[:6].copy()
    X[NAMES] = 1.0
    X.loc[X.index[:1], NAMES[:3]] = np.nan
    X.loc[X.index[1:3], NAMES[3:]] = np.nan
    assert np.isfinite(fitted.predict_proba(X)).all()
    # One member per view: a row with both modalities also has the joint view.
    assert set(calls) == {
        (frozenset({"audio"}), 1, 1),
        (frozenset({"video"}), 2, 1),
        (frozenset(["video", "audio"]), 3, 3),
    }


def test_nothing_is_imputed_across_modalities() -> None:
    """The values of other rows do not affect a row without that modality."""
    X, y, subjects = make_table()
    fitted = make_stacker().fit(X, y, groups=subjects)
    row = X.iloc[[0]].copy()
    row[NAMES[:3]] = np.nan
    expected = fitted.predict_proba(row)
    others = X.iloc[5:15].copy()
    others[NAMES[:3]] = 1e3
    np.testing.assert_array_equal(fitted.predict_proba(pd.concat([row, others]))[0], expected[0])


def test_quality_never_influences_a_prediction() -> None:
    X, y, subjects = make_table()
    changed_X = X.assign(quality__video__coverage=np.random.default_rng(1).random(len(X)))
    original, changed = (make_stacker().fit(frame, y, groups=subjects) for frame in (X, changed_X))
    np.testing.assert_array_equal(original.oof_probability_, changed.oof_probability_)
    np.testing.assert_array_equal(original.predict_proba(X), changed.predict_proba(changed_X))
    np.testing.assert_array_equal(original.predict_proba(X), original.predict_proba(changed_X))


def test_a_table_with_only_quality_columns_raises_an_error() -> None:
    X, y, subjects = make_table()
    with pytest.raises(DataError, match="no features to train on"):
        make_stacker().fit(X[["quality__video__coverage"]], y, groups=subjects)


@pytest.mark.parametrize("learner", ["lightgbm", "xgboost", "svm"])
def test_several_classes_have_probabilities_that_sum_to_one(learner: str) -> None:
    X, y, subjects = make_table(n_classes=3, n_subjects=18)
    fitted = make_stacker(learners=[learner]).fit(X, y, groups=subjects)
    probability = fitted.predict_proba(X)
    assert probability.shape == (54, 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert fitted.classes_.tolist() == ["maybe", "no", "yes"]
    assert np.mean(fitted.predict(X) == y) > 0.6


def test_a_view_with_too_few_recordings_is_left_out_and_reported() -> None:
    X, y, subjects = make_table(n_missing=0)
    X.loc[X.index[2:], NAMES[3:]] = np.nan
    codes = np.unique(y, return_inverse=True)[1]
    fold_data = make_fold_data(X.to_numpy(), list(X.columns), codes, subjects, n_folds=4, repeats=1, seed=0)
    assert set(fold_data.views) == {"video"}
    assert {finding.code for finding in fold_data.findings} == {"view-too-small"}
    assert any("'audio'" in finding.what and finding.found == "2 recordings" for finding in fold_data.findings)
    fitted = make_stacker().fit(X, y, groups=subjects)
    assert set(fitted.combiners_) == {frozenset({"video"})}
    assert np.isfinite(fitted.predict_proba(X)).all()


def test_probabilities_are_identical_after_pickling() -> None:
    X, y, subjects = make_table()
    fitted = make_stacker(learners=["lightgbm", "xgboost", "svm"]).fit(X, y, groups=subjects)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))


@pytest.mark.usefixtures("several_threads")
def test_the_result_does_not_depend_on_the_number_of_jobs() -> None:
    X, y, subjects = make_table()
    sequential, parallel = (make_stacker(jobs=jobs).fit(X, y, groups=subjects) for jobs in (1, 2))
    np.testing.assert_array_equal(sequential.oof_probability_, parallel.oof_probability_)
    np.testing.assert_array_equal(sequential.predict_proba(X), parallel.predict_proba(X))


def test_a_row_without_any_modality_has_no_probability_and_no_class() -> None:
    X, y, subjects = make_table()
    fitted = make_stacker().fit(X, y, groups=subjects)
    X.loc[X.index[[3, 7]], NAMES] = np.nan
    missing = np.isnan(fitted.predict_proba(X)).all(axis=1)
    assert np.flatnonzero(missing).tolist() == [3, 7]
    with pytest.raises(
        DataError, match=r"2 rows have no modality that was used in training[^\0]*expected: audio or video"
    ):
        fitted.predict(X)


def test_training_rows_without_any_modality_are_ignored() -> None:
    X, y, subjects = make_table()
    X.loc[X.index[3], NAMES] = np.nan
    fitted = make_stacker().fit(X, y, groups=subjects)
    assert np.flatnonzero(np.isnan(fitted.oof_probability_).any(axis=1)).tolist() == [3]


def test_every_training_row_has_an_out_of_fold_probability() -> None:
    X, y, subjects = make_table()
    fitted = make_stacker().fit(X, y, groups=subjects)
    np.testing.assert_allclose(fitted.oof_probability_.sum(axis=1), 1)


def test_the_names_of_subjects_do_not_matter() -> None:
    X, y, subjects = make_table()
    numbers = make_stacker().fit(X, y, groups=subjects)
    names = make_stacker().fit(X, y, groups=np.array([f"S{subject:02d}" for subject in subjects], dtype=object))
    np.testing.assert_array_equal(numbers.predict_proba(X), names.predict_proba(X))


def test_fitting_without_groups_raises_an_error() -> None:
    X, y, _ = make_table()
    with pytest.raises(ValueError, match="groups are required"):
        make_stacker().fit(X, y)


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        (["yes"] * 48, np.arange(48), r"only one class[^\0]*'yes'"),
        (["no", "yes"] * 24, np.zeros(48), "at least two subjects"),
        (["no"] * 45 + ["yes"] * 3, np.repeat(np.arange(16), 3), "class 'yes' has only one subject"),
    ],
)
def test_unusable_labels_raise_an_error(y: list[str], groups: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_stacker().fit(make_table()[0], y, groups=groups)


def test_groups_with_the_wrong_length_raise_an_error() -> None:
    X, y, subjects = make_table()
    with pytest.raises(ValueError, match="inconsistent"):
        make_stacker().fit(X, y, groups=subjects[:-1])


def test_the_arguments_are_not_changed() -> None:
    X, y, subjects = make_table()
    before = X.copy(), y.copy(), subjects.copy()
    make_stacker().fit(X, y, groups=subjects).predict_proba(X)
    pd.testing.assert_frame_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])
    np.testing.assert_array_equal(subjects, before[2])


def test_a_clone_is_unfitted_and_has_the_same_parameters() -> None:
    X, y, subjects = make_table()
    fitted = make_stacker(random_state=3).fit(X, y, groups=subjects)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "classes_")


# ------------------------------------------------------------------------------------------------ weights


ALL_LEARNERS = tuple(LEARNERS)


@pytest.mark.parametrize(
    ("learners", "names"), [(ALL_LEARNERS, NAMES[:3]), (("linear",), NAMES)], ids=["all learners", "two views"]
)
def test_weights_of_one_change_nothing(learners: tuple[str, ...], names: list[str]) -> None:
    X, y, subjects = make_table(n_missing=4 if names == NAMES else 0)
    X = X[names]
    unweighted, weighted = (
        make_stacker(learners=learners).fit(X, y, groups=subjects, sample_weight=weights)
        for weights in (None, np.ones(len(X)))
    )
    np.testing.assert_array_equal(unweighted.oof_probability_, weighted.oof_probability_)
    np.testing.assert_array_equal(unweighted.predict_proba(X), weighted.predict_proba(X))


# Every learner on one view, and how views are combined with a quick one.
@pytest.mark.parametrize(
    ("learner", "names"),
    [*((learner, NAMES[:3]) for learner in ALL_LEARNERS), ("linear", NAMES)],
    ids=[*ALL_LEARNERS, "two views"],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_with_weight_zero_have_no_influence(
    learner: str, names: list[str], n_classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y, subjects = make_table(n_classes=n_classes, n_subjects=18, n_missing=4 if names == NAMES else 0)
    X = X[names].copy()
    rng = np.random.default_rng(1)
    is_ignored = rng.random(len(X)) < 0.3
    folds = list(GroupedFolds(3).split(X, y, subjects))

    class Fixed(GroupedFolds):
        def split(self, X: Any, y: Any = None, groups: Any = None, sample_weight: Any = None) -> Any:
            yield from folds

    monkeypatch.setattr(fold_data_module, "GroupedFolds", Fixed)
    changed_X, changed_y = X.copy(), y.copy()
    changed_X.loc[is_ignored] = 1e3 * rng.normal(size=(is_ignored.sum(), len(names)))
    changed_y[is_ignored] = rng.permutation(y[is_ignored])
    original, changed = (
        make_stacker(learners=[learner], folds=3).fit(frame, labels, groups=subjects, sample_weight=1.0 - is_ignored)
        for frame, labels in ((X, y), (changed_X, changed_y))
    )
    # Not exactly equal, because matrix products over many rows are computed in blocks.
    np.testing.assert_allclose(original.oof_probability_[~is_ignored], changed.oof_probability_[~is_ignored], rtol=1e-9)
    np.testing.assert_allclose(original.predict_proba(X), changed.predict_proba(X), rtol=1e-9)
    assert np.isfinite(original.oof_probability_).all(), "rows with weight 0 are predicted as well"


@pytest.mark.parametrize("learner", ALL_LEARNERS)
def test_a_class_with_a_higher_weight_is_more_probable(learner: str) -> None:
    X, y, subjects = make_table()
    X = pd.DataFrame(np.random.default_rng(2).normal(size=(len(X), 3)), columns=NAMES[:3])
    equal, weighted = (
        make_stacker(learners=[learner]).fit(X, y, groups=subjects, sample_weight=np.where(y == "yes", weight, 1.0))
        for weight in (1.0, 5.0)
    )
    k = equal.classes_.tolist().index("yes")
    assert weighted.oof_probability_[:, k].mean() > equal.oof_probability_[:, k].mean() + 0.1


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"sample_weight must have shape \(48,\), got \(3,\)"),
        (np.r_[-1.0, np.ones(47)], "sample_weight must be finite and non-negative, got -1"),
        (np.r_[np.nan, np.ones(47)], "sample_weight must be finite"),
        (np.zeros(48), "sample_weight must be positive for at least one row"),
    ],
)
def test_invalid_weights_raise_an_error(weights: Any, message: str) -> None:
    X, y, subjects = make_table()
    with pytest.raises(ValueError, match=message):
        make_stacker().fit(X, y, groups=subjects, sample_weight=weights)


def test_a_class_with_zero_weight_raises_an_error() -> None:
    X, y, subjects = make_table()
    with pytest.raises(DataError, match=r"only one class[^\0]*'no'"):
        make_stacker().fit(X, y, groups=subjects, sample_weight=(y == "no").astype(float))


def test_weights_are_routed() -> None:
    X, y, subjects = make_table(n_missing=0)
    weights = np.where(y == "yes", 5.0, 1.0)
    direct = make_stacker().fit(X, y, groups=subjects, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = Pipeline([("stack", make_stacker())]).fit(X, y, groups=subjects, sample_weight=weights)
        np.testing.assert_array_equal(routed.predict_proba(X), direct.predict_proba(X))


# ------------------------------------------------------------------------------------------ kinds of labels


@pytest.mark.parametrize(
    "names",
    [("0", "1"), (0, 1), (-1, 7), (False, True), ("nicht, krank", "krank, sehr"), ("健康", "抑郁"), (0, 1, 2)],
    ids=str,
)
def test_labels_may_be_of_any_kind(names: tuple[Any, ...]) -> None:
    X, y, subjects = make_table(n_classes=len(names), n_subjects=18)
    reference = make_stacker().fit(X, np.unique(y, return_inverse=True)[1], groups=subjects)
    labels = np.array(names)[np.unique(y, return_inverse=True)[1]]
    fitted = make_stacker().fit(X, labels, groups=subjects)
    assert fitted.classes_.tolist() == sorted(names)
    assert set(fitted.predict(X).tolist()) == set(names)
    assert fitted.predict(X).dtype == labels.dtype
    np.testing.assert_array_equal(fitted.classes_.searchsorted(labels), np.unique(labels, return_inverse=True)[1])
    if sorted(names) == list(names):
        np.testing.assert_array_equal(fitted.predict_proba(X), reference.predict_proba(X))
