from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from pdmr_classic import DataError, GroupedStacker
from pdmr_classic.models.problem import Problem

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


class RowsAreSubjects(GroupedStacker):
    """A stacker without people: what scikit-learn's checks hand in has no groups."""

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> RowsAreSubjects:
        rows = np.arange(len(np.atleast_1d(np.asarray(y))))
        return super().fit(X, y, groups=rows if groups is None else groups)


NO_VALUE_ERROR = "a DataError is told as a message of the program, and is no ValueError"


@parametrize_with_checks(
    [RowsAreSubjects(learners=["svm"], folds=2, repeats=1)],
    expected_failed_checks=lambda estimator: {
        "check_classifiers_one_label": NO_VALUE_ERROR,
        "check_fit2d_1sample": NO_VALUE_ERROR,
    },
)
def test_scikit_learn_s_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_a_row_is_predicted_by_the_meta_learner_of_the_modalities_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, subjects = table()
    fitted = stacker().fit(X, y, groups=subjects)
    assert set(fitted.metas_) == {frozenset({"video"}), frozenset({"audio"}), frozenset({"video", "audio"})}
    asked: list[tuple[frozenset[str], int, int]] = []
    for modalities, meta in fitted.metas_.items():

        def predict(columns: Any, m: Any = modalities, original: Any = meta.predict_proba) -> Any:
            asked.append((m, *columns.shape))
            return original(columns)

        monkeypatch.setattr(meta, "predict_proba", predict)
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
    problem = Problem(X.to_numpy(), list(X.columns), codes, subjects, folds=4, repeats=1, seed=0)
    assert set(problem.views) == {"video"}
    assert {finding.code for finding in problem.findings} == {"view-too-small"}
    assert any("'audio'" in finding.what and finding.found == "2 recordings" for finding in problem.findings)
    fitted = stacker().fit(X, y, groups=subjects)
    assert set(fitted.metas_) == {frozenset({"video"})}
    assert np.isfinite(fitted.predict_proba(X)).all()


def test_fewer_folds_than_wanted_are_told() -> None:
    X, y, subjects = table(n_subjects=6, lacking=0)
    codes = np.unique(y, return_inverse=True)[1]
    problem = Problem(X.to_numpy(), list(X.columns), codes, subjects, folds=5, repeats=1, seed=0)
    assert problem.n_folds == 3
    assert [finding.what for finding in problem.findings] == [
        "3 folds instead of 5: the rarest class has no more subjects"
    ]


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
