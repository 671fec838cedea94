"""No subject is in both training and test rows of any inner or outer split: checked by spies and by simulated leaks.

The spy is a base learner whose score is the subject's number, which is the first column of every view. Each model that
is fitted on rows or scores, or predicts them, can therefore record their subjects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, GroupKFold, TunedThresholdClassifierCV, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from pdmr_classic import DepressionModel, GroupedFolds, GroupedStacker, Settings
from pdmr_classic.features import fold_fitted
from pdmr_classic.models.ensemble import _combiner as meta
from pdmr_classic.models.ensemble import _fold_losses, _member_study, _tuning, oof_scores, stacking
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.learners import learners
from pdmr_classic.models.learners import search_spaces as spaces
from pdmr_classic.models.learners.learners import LEARNERS, Learner
from pdmr_classic.models.learners.member import Member, Params


@dataclass
class Watch:
    """For each prediction, the number of its subjects that the model was fitted on."""

    base: list[int] = field(default_factory=list)
    meta: list[int] = field(default_factory=list)
    calibration: list[int] = field(default_factory=list)

    @staticmethod
    def count_shared(train: NDArray[Any], test: NDArray[Any]) -> int:
        assert len(train)
        assert len(test)
        return len(np.intersect1d(train, test))


def read_subjects(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the subject numbers of rows, rounded because scores are averaged over repeats."""
    return np.unique(np.rint(np.asarray(table)[:, 0]))


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Install the learner "spy", and record the subjects of base learners, meta-learners and calibrators."""
    watch = Watch()

    class Spy(ClassifierMixin, BaseEstimator):
        def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Spy:
            self.classes_, self.subjects_ = np.unique(y), read_subjects(X)
            return self

        def decision_function(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
            watch.base.append(watch.count_shared(self.subjects_, read_subjects(X)))
            return np.tile(X[:, :1], len(self.classes_)) if len(self.classes_) > 2 else X[:, 0]

    def watch_class(original: type, calls: list[int]) -> type:
        class Watched(original):  # type: ignore[misc]
            def fit(self, columns: NDArray[np.float64], y: NDArray[Any], *weights: Any) -> Any:
                self.subjects_ = read_subjects(columns)
                return super().fit(columns, y, *weights)

            def predict_proba(self, columns: NDArray[np.float64]) -> Any:
                calls.append(watch.count_shared(self.subjects_, read_subjects(columns)))
                return super().predict_proba(columns)

        return Watched

    def build(params: Params, seed: int) -> Any:
        return Spy()

    def suggest(learner: str, trial: Any, *view: bool) -> dict[str, Any]:
        # Normalised audio vectors would not preserve the subject's number.
        return spaces.suggest_params("svm", trial, *view) | {"k": None, "audio": "as_is", "audio_components": None}

    monkeypatch.setitem(learners.LEARNERS, "spy", Learner("spy", build, "kernel"))
    monkeypatch.setitem(spaces._DEFAULTS, "spy", {"k": None})
    monkeypatch.setitem(spaces._SPACES, "spy", lambda trial: {})
    monkeypatch.setattr(_member_study, "suggest_params", suggest)
    # `meta` makes cross-fitted predictions; `stacking` predicts new rows.
    combiner = watch_class(meta.Combiner, watch.meta)
    monkeypatch.setattr(meta, "Combiner", combiner)
    monkeypatch.setattr(stacking, "Combiner", combiner)
    # A meta-learner may calibrate its own training rows; only the calibrator of the study must not.
    monkeypatch.setattr(_fold_losses, "Calibrator", watch_class(_fold_losses.Calibrator, watch.calibration))
    return watch


def make_awkward_table(
    n_subjects: int = 14, classes: int = 2, seed: int = 0
) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return features with the subject number first in both views, labels and subjects; 1 to 9 rows each, with NaN."""
    rng = np.random.default_rng(seed)
    number = np.repeat(np.arange(n_subjects), rng.integers(1, 10, n_subjects))
    rng.shuffle(number)
    table = pd.DataFrame(
        {
            "video__subject__number": number.astype(float),
            "video__noise__mean": rng.normal(size=len(number)),
            "audio__subject__number": number.astype(float),
            "audio__noise__mean": rng.normal(size=len(number)),
        }
    )
    missing = rng.choice(len(number), size=(2, len(number) // 10), replace=False)
    table.loc[missing[0], ["video__subject__number", "video__noise__mean"]] = np.nan
    table.loc[missing[1], ["audio__subject__number", "audio__noise__mean"]] = np.nan
    table.index = pd.Index([f"r{row:03d}" for row in range(len(table))], name="data_id")
    labels = np.array(["Depression", "Normal"] if classes == 2 else [f"c{k}" for k in range(classes)], dtype=object)
    return (
        table,
        pd.Series(labels[number % classes], index=table.index),
        pd.Series([f"S{subject:02d}" for subject in number], index=table.index),
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_no_base_or_meta_learner_predicts_a_subject_it_was_fitted_on_in_the_stacker(watch: Watch, classes: int) -> None:
    X, y, subjects = make_awkward_table(classes=classes)
    stacker = GroupedStacker(learners=["spy"], folds=4, repeats=2).fit(X, y, groups=subjects)
    assert set(stacker.views_) == {"video", "audio", "both"}
    assert len(watch.base) == 3 * 4 * 2
    # Combiners: one for video only, one for audio only, and five for both (three members, average, weighted average).
    assert len(watch.meta) == (1 + 1 + 5) * 4 * 2
    assert sum(watch.base) == sum(watch.meta) == 0


def test_no_base_or_meta_learner_predicts_a_subject_it_was_fitted_on_in_the_model(watch: Watch) -> None:
    X, y, subjects = make_awkward_table()
    changes = {"learning.learners": ("spy",), "learning.trials": 2, "learning.repeats": 2, "learning.importance": False}
    DepressionModel(Settings().override(changes)).fit(X, y, subjects)
    n_folds = 5 * 2
    assert len(watch.base) == 3 * n_folds * 3, "two trials per view, and other folds for the stacker"
    assert len(watch.calibration) == 3 * n_folds * 2
    assert len(watch.meta) == (1 + 1 + 5) * n_folds
    assert sum(watch.base) == sum(watch.calibration) == sum(watch.meta) == 0


def test_the_learners_never_predict_a_subject_they_were_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    leaks: list[int] = []

    def fit_and_record(member: Member, X: NDArray[Any], *rest: Any) -> Pipeline:
        model = learners.fit_member(member, X, *rest)
        model.train_subjects = read_subjects(X)
        return model

    def score_and_compare(model: Pipeline, X: NDArray[np.float64]) -> NDArray[np.float64]:
        leaks.append(Watch.count_shared(model.train_subjects, read_subjects(X)))
        return learners.raw_scores(model, X)

    for module in (_tuning, oof_scores):
        monkeypatch.setattr(module, "fit_member", fit_and_record)
        monkeypatch.setattr(module, "raw_scores", score_and_compare)
    X, y, subjects = make_awkward_table()
    DepressionModel(
        Settings().override({"learning.trials": 2, "learning.repeats": 1, "learning.importance": False})
    ).fit(X, y, subjects)
    n_tuned = sum(map(spaces.is_tuned, LEARNERS))
    assert len(leaks) == (2 * n_tuned + len(LEARNERS)) * 3 * 5, "(two trials and stacker) x views x folds"
    assert sum(leaks) == 0


def test_fold_fitted_features_are_not_fitted_on_the_subjects_of_test_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    class SubjectIndicator:
        """A transformer whose feature is 1 if it was fitted on the subject of the row, and 0 otherwise."""

        def fit(self, material: NDArray[np.float64]) -> SubjectIndicator:
            self.subjects = read_subjects(material)
            return self

        def transform(self, material: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.isin(material[:, :1], self.subjects).astype(float)

    monkeypatch.setattr(fold_fitted, "_TRANSFORMERS", {"material__covariance__": lambda seed: SubjectIndicator()})
    X, y, subjects = make_awkward_table()
    X["material__covariance__000"] = subjects.str[1:].astype(float)
    codes = np.unique(y, return_inverse=True)[1]
    fold_data = make_fold_data(X.to_numpy(), list(X.columns), codes, subjects, n_folds=4, repeats=2, seed=0)
    for view in ("video", "both"):
        data = fold_data.view_data[view]
        assert len(data.folds) == 4 * 2
        for fold, (train, test) in enumerate(data.folds):
            assert (data.fold_features(fold, train)[:, -1] == 1).all()
            assert (data.fold_features(fold, test)[:, -1] == 0).all()


def test_the_spy_detects_a_leak(watch: Watch) -> None:
    X, y, _ = make_awkward_table()
    GroupedStacker(learners=["spy"], repeats=1).fit(X, y, groups=np.arange(len(X)))
    assert sum(watch.base) > 0
    assert sum(watch.meta) > 0


def make_nested_data(n_subjects: int = 32) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[Any]]:
    table, y, subjects = make_awkward_table(n_subjects=n_subjects, seed=3)
    complete = table.dropna()
    return complete.to_numpy()[:, :2], y[complete.index].to_numpy(), subjects[complete.index].to_numpy()


def make_nested_pipeline() -> Pipeline:
    stacker = GroupedStacker(learners=["spy"], folds=2, repeats=1)
    return Pipeline([("identity", FunctionTransformer()), ("stack", stacker)])


def test_no_subject_is_shared_when_the_stacker_is_nested_in_cross_validate(watch: Watch) -> None:
    X, y, subjects = make_nested_data()
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_validate(
            make_nested_pipeline(), X, y, cv=GroupKFold(4), params={"groups": subjects}, error_score="raise"
        )
    assert len(scores["test_score"]) == 4
    assert len(watch.base) == 4 * (2 + 1), "two inner folds, then the outer test rows"
    assert len(watch.meta) == 4 * (2 + 1)
    assert sum(watch.base) == sum(watch.meta) == 0


def test_no_subject_is_shared_when_a_grid_search_is_nested_in_cross_validate(watch: Watch) -> None:
    X, y, subjects = make_nested_data()
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            make_nested_pipeline(), {"stack__random_state": [0, 1]}, cv=GroupKFold(2), error_score="raise"
        )
        cross_validate(search, X, y, cv=GroupKFold(3), params={"groups": subjects}, error_score="raise")
    # Per outer fold: 2 candidates x 2 folds, each with a fit (2) and a score (1); the refit (2); the outer score (1).
    assert len(watch.base) == 3 * (2 * 2 * (2 + 1) + 2 + 1)
    assert sum(watch.base) == sum(watch.meta) == 0


class CountingFolds(GroupKFold):
    """An outer splitter that records the number of subjects in both training and test rows."""

    shared: ClassVar[list[int]] = []

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
        for train, test in super().split(X, y, groups):
            self.shared.append(len(np.intersect1d(groups[train], groups[test])))
            yield train, test


@pytest.fixture
def counting_folds() -> CountingFolds:
    CountingFolds.shared.clear()
    return CountingFolds(3)


def test_no_subject_is_shared_when_the_stacker_is_calibrated(watch: Watch, counting_folds: CountingFolds) -> None:
    X, y, subjects = make_nested_data()
    with sklearn.config_context(enable_metadata_routing=True):
        CalibratedClassifierCV(make_nested_pipeline(), cv=counting_folds, ensemble=True).fit(X, y, groups=subjects)
    # Three stackers, each with two inner folds, and then the calibration rows.
    assert len(watch.base) == 3 * (2 + 1)
    assert counting_folds.shared == [0, 0, 0]
    assert sum(watch.base) == sum(watch.meta) == 0


def test_no_subject_is_shared_when_the_threshold_of_the_stacker_is_tuned(
    watch: Watch, counting_folds: CountingFolds
) -> None:
    X, y, subjects = make_nested_data()
    with sklearn.config_context(enable_metadata_routing=True):
        TunedThresholdClassifierCV(make_nested_pipeline(), cv=counting_folds).fit(X, y, groups=subjects)
    # Three stackers, each with two inner folds and then the tuning rows; then one on all rows, with inner folds only.
    assert len(watch.base) == 3 * (2 + 1) + 2
    assert counting_folds.shared == [0, 0, 0]
    assert sum(watch.base) == sum(watch.meta) == 0


def test_no_subject_is_shared_when_calibration_and_threshold_are_nested_in_cross_validate(watch: Watch) -> None:
    X, y, subjects = make_nested_data(64)
    with sklearn.config_context(enable_metadata_routing=True):
        calibrated = CalibratedClassifierCV(make_nested_pipeline(), cv=GroupedFolds(2), ensemble=True)
        tuned = TunedThresholdClassifierCV(calibrated, cv=GroupedFolds(2))
        cross_validate(tuned, X, y, cv=GroupedFolds(2), params={"groups": subjects}, error_score="raise")
    # Two outer folds, each with two threshold folds and a refit, each with two stackers (3), then predictions.
    assert len(watch.base) == 2 * (3 * 2 * (2 + 1) + 2 * 2 + 2)
    assert sum(watch.base) == sum(watch.meta) == 0


def test_missing_groups_raise_an_error_in_cross_validate(watch: Watch) -> None:
    X, y, _ = make_nested_data()
    with pytest.raises(ValueError, match="groups are required"):
        cross_validate(make_nested_pipeline(), X, y, cv=3, error_score="raise")
    assert watch.base == []


# ------------------------------------------------------------------------ effect of a leak on scores


def make_clustered_data(seed: int) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return 40 subjects x 8 recordings that are similar within subjects, and labels that are independent of them."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(40), 8)
    centres = rng.normal(size=(40, 20))
    X = centres[subjects] + 0.05 * rng.normal(size=(320, 20))
    return X, rng.permutation(np.arange(40) % 2)[subjects], subjects


@pytest.fixture
def meta_accuracies(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Install a nearest-neighbour learner, and record the accuracy of the scores passed to each final meta-learner."""
    accuracies: list[float] = []
    fit_combiners = GroupedStacker._fit_combiners

    def record_accuracy(self: GroupedStacker, fold_data: FoldData, columns: list[NDArray[np.float64]]) -> None:
        accuracies.append(float(np.mean((columns[0][:, 0] > 0) == fold_data.y)))
        fit_combiners(self, fold_data, columns)

    def build(params: Params, seed: int) -> Any:
        return KNeighborsClassifier(n_neighbors=1)

    monkeypatch.setitem(learners.LEARNERS, "neighbour", Learner("neighbour", build, "kernel"))
    monkeypatch.setitem(spaces._DEFAULTS, "neighbour", {"k": None})
    monkeypatch.setattr(GroupedStacker, "_fit_combiners", record_accuracy)
    return accuracies


def test_meta_learner_scores_are_at_chance_if_labels_are_random_per_subject(meta_accuracies: list[float]) -> None:
    for seed in range(4):
        X, y, subjects = make_clustered_data(seed)
        GroupedStacker(learners=["neighbour"], repeats=1, random_state=seed).fit(X, y, groups=subjects)
    assert 0.35 < np.mean(meta_accuracies) < 0.70


def test_meta_learner_scores_are_nearly_perfect_if_folds_are_not_grouped(meta_accuracies: list[float]) -> None:
    X, y, _ = make_clustered_data(0)
    GroupedStacker(learners=["neighbour"], repeats=1).fit(X, y, groups=np.arange(len(X)))
    assert meta_accuracies[0] > 0.98


def test_out_of_fold_probabilities_are_at_chance_if_labels_are_random_per_subject(
    meta_accuracies: list[float],
) -> None:
    accuracies = []
    for seed in range(4):
        X, y, subjects = make_clustered_data(seed)
        stacker = GroupedStacker(learners=["neighbour"], repeats=2, random_state=seed).fit(X, y, groups=subjects)
        accuracies.append(np.mean(np.argmax(stacker.oof_probability_, axis=1) == y))
    assert np.mean(accuracies) < 0.65
