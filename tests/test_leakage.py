"""No subject is on both sides of any split, inside or outside: seen by spies, and by what a leak would do.

The spy is a base learner whose score *is* the subject's number, which stands in the first column of every view.
Whoever fits on rows or scores thereby tells whom it has seen, and whoever predicts tells for whom.
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
from pdmr_classic.features import fold_fitted as fitted
from pdmr_classic.models.ensemble import _combiner as meta
from pdmr_classic.models.ensemble import stacking, tuning
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.learners import learners
from pdmr_classic.models.learners import search_spaces as spaces
from pdmr_classic.models.learners.learners import LEARNERS, Learner
from pdmr_classic.models.learners.member import Member, Params


@dataclass
class Watch:
    """How often something predicted, and how often a subject that it had been fitted on."""

    base: list[int] = field(default_factory=list)
    meta: list[int] = field(default_factory=list)
    calibration: list[int] = field(default_factory=list)

    @staticmethod
    def shared(seen: NDArray[Any], asked: NDArray[Any]) -> int:
        assert len(seen)
        assert len(asked)
        return len(np.intersect1d(seen, asked))


def subjects_in(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the subjects of rows; a mean of equal numbers over repeats is rounded back."""
    return np.unique(np.rint(np.asarray(table)[:, 0]))


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Install the learner "spy" and let it, meta-learners and calibrators tell what they see."""
    told = Watch()

    class Spy(ClassifierMixin, BaseEstimator):
        def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Spy:
            self.classes_, self.seen_ = np.unique(y), subjects_in(X)
            return self

        def decision_function(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
            told.base.append(told.shared(self.seen_, subjects_in(X)))
            return np.tile(X[:, :1], len(self.classes_)) if len(self.classes_) > 2 else X[:, 0]

    def watched(original: type, calls: list[int]) -> type:
        class Watched(original):  # type: ignore[misc]
            def fit(self, columns: NDArray[np.float64], y: NDArray[Any], *weights: Any) -> Any:
                self.seen_ = subjects_in(columns)
                return super().fit(columns, y, *weights)

            def predict_proba(self, columns: NDArray[np.float64]) -> Any:
                calls.append(told.shared(self.seen_, subjects_in(columns)))
                return super().predict_proba(columns)

        return Watched

    def build(params: Params, seed: int) -> list[Any]:
        return [Spy()]

    def suggest(learner: str, trial: Any, has_audio: bool) -> dict[str, Any]:
        # An audio vector of unit length would no longer tell the subject's number.
        return spaces.suggest_params(learner, trial, has_audio) | {"audio": "as_is", "audio_components": None}

    monkeypatch.setitem(learners.LEARNERS, "spy", Learner("spy", build))
    monkeypatch.setitem(spaces._DEFAULTS, "spy", {"k": None})
    monkeypatch.setattr(tuning, "suggest", suggest)
    # In meta the candidates are compared on cross-fitted predictions; in stacking the chosen one meets new rows.
    combiner = watched(meta.Combiner, told.meta)
    monkeypatch.setattr(meta, "Combiner", combiner)
    monkeypatch.setattr(stacking, "Combiner", combiner)
    # A meta-learner calibrates its own training columns, rightly; only the study's calibrator must keep apart.
    monkeypatch.setattr(tuning, "Calibrator", watched(tuning.Calibrator, told.calibration))
    return told


def awkward_table(n_subjects: int = 14, classes: int = 2, seed: int = 0) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return features with the subject's number first in both views, labels, subjects; sizes from 1 to 9, gaps."""
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
    lacking = rng.choice(len(number), size=(2, len(number) // 10), replace=False)
    table.loc[lacking[0], ["video__subject__number", "video__noise__mean"]] = np.nan
    table.loc[lacking[1], ["audio__subject__number", "audio__noise__mean"]] = np.nan
    table.index = pd.Index([f"r{place:03d}" for place in range(len(table))], name="data_id")
    labels = np.array(["Depression", "Normal"] if classes == 2 else [f"c{k}" for k in range(classes)], dtype=object)
    return (
        table,
        pd.Series(labels[number % classes], index=table.index),
        pd.Series([f"S{subject:02d}" for subject in number], index=table.index),
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_no_base_or_meta_learner_predicts_a_subject_it_was_fitted_on_in_the_stacker(watch: Watch, classes: int) -> None:
    X, y, subjects = awkward_table(classes=classes)
    stacker = GroupedStacker(learners=["spy"], folds=4, repeats=2).fit(X, y, groups=subjects)
    assert set(stacker.views_) == {"video", "audio", "both"}
    assert len(watch.base) == 3 * 4 * 2
    # A set of modalities: video alone, audio alone, and both, which has three members, their average and their weights.
    assert len(watch.meta) == (1 + 1 + 5) * 4 * 2
    assert sum(watch.base) == sum(watch.meta) == 0


def test_no_base_or_meta_learner_predicts_a_subject_it_was_fitted_on_in_the_whole_model(watch: Watch) -> None:
    X, y, subjects = awkward_table()
    changes = {"learning.learners": ("spy",), "learning.trials": 2, "learning.repeats": 2, "learning.importance": False}
    DepressionModel(Settings().override(changes)).fit(X, y, subjects)
    n_folds = 5 * 2
    assert len(watch.base) == 3 * n_folds * 2, "two trials of three views; the stack learns from the scores of one"
    assert len(watch.calibration) == 3 * n_folds * 2
    assert len(watch.meta) == (1 + 1 + 5) * n_folds
    assert sum(watch.base) == sum(watch.calibration) == sum(watch.meta) == 0


def test_the_learners_never_predict_a_subject_they_were_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    leaks: list[int] = []

    def remembering(member: Member, X: NDArray[Any], *rest: Any) -> Pipeline:
        model = learners.fit_member(member, X, *rest)
        model.subjects_seen = subjects_in(X)
        return model

    def comparing(model: Pipeline, X: NDArray[np.float64]) -> NDArray[np.float64]:
        leaks.append(Watch.shared(model.subjects_seen, subjects_in(X)))
        return learners.raw_scores(model, X)

    for module in (tuning, stacking):
        monkeypatch.setattr(module, "fit_member", remembering)
        monkeypatch.setattr(module, "raw_scores", comparing)
    X, y, subjects = awkward_table()
    DepressionModel(
        Settings().override({"learning.trials": 1, "learning.repeats": 1, "learning.importance": False})
    ).fit(X, y, subjects)
    assert len(leaks) == len(LEARNERS) * 3 * 5, (
        "learners x views x folds: the stack learns from the scores of the trial"
    )
    assert sum(leaks) == 0


def test_fitted_families_have_not_seen_the_subjects_of_a_fold_s_test_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    class Seen:
        """A map whose feature says whether it was fitted on a row's subject."""

        def fit(self, material: NDArray[np.float64]) -> Seen:
            self.seen = subjects_in(material)
            return self

        def transform(self, material: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.isin(material[:, :1], self.seen).astype(float)

    monkeypatch.setattr(fitted, "_MAPS", {"material__covariance__": lambda seed: Seen()})
    X, y, subjects = awkward_table()
    X["material__covariance__000"] = subjects.str[1:].astype(float)
    codes = np.unique(y, return_inverse=True)[1]
    problem = make_fold_data(X.to_numpy(), list(X.columns), codes, subjects, n_folds=4, repeats=2, seed=0)
    for view in ("video", "both"):
        data = problem.view_data[view]
        assert len(data.folds) == 4 * 2
        for fold, (train, test) in enumerate(data.folds):
            assert (data.in_fold(fold, train)[:, -1] == 1).all()
            assert (data.in_fold(fold, test)[:, -1] == 0).all()


def test_the_spy_sees_a_leak_where_there_is_one(watch: Watch) -> None:
    X, y, _ = awkward_table()
    GroupedStacker(learners=["spy"], repeats=1).fit(X, y, groups=np.arange(len(X)))
    assert sum(watch.base) > 0
    assert sum(watch.meta) > 0


def nested_problem(n_subjects: int = 32) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[Any]]:
    table, y, subjects = awkward_table(n_subjects=n_subjects, seed=3)
    known = table.dropna()
    return known.to_numpy()[:, :2], y[known.index].to_numpy(), subjects[known.index].to_numpy()


def nested_pipeline() -> Pipeline:
    stacker = GroupedStacker(learners=["spy"], folds=2, repeats=1)
    return Pipeline([("same", FunctionTransformer()), ("stack", stacker)])


def test_no_subject_is_shared_when_the_stacker_is_nested_in_cross_validate(watch: Watch) -> None:
    X, y, subjects = nested_problem()
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_validate(
            nested_pipeline(), X, y, cv=GroupKFold(4), params={"groups": subjects}, error_score="raise"
        )
    assert len(scores["test_score"]) == 4
    assert len(watch.base) == 4 * (2 + 1), "two inner folds, then the outer test rows"
    assert len(watch.meta) == 4 * (2 + 1)
    assert sum(watch.base) == sum(watch.meta) == 0


def test_no_subject_is_shared_when_a_grid_search_is_nested_in_cross_validate(watch: Watch) -> None:
    X, y, subjects = nested_problem()
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(nested_pipeline(), {"stack__random_state": [0, 1]}, cv=GroupKFold(2), error_score="raise")
        cross_validate(search, X, y, cv=GroupKFold(3), params={"groups": subjects}, error_score="raise")
    # Outer fold: 2 candidates x 2 folds, each a fit (2) and a score (1); the refit (2); the outer score (1).
    assert len(watch.base) == 3 * (2 * 2 * (2 + 1) + 2 + 1)
    assert sum(watch.base) == sum(watch.meta) == 0


class CountingFolds(GroupKFold):
    """An outer splitter that tells how many subjects stand on both sides of what it hands out."""

    shared: ClassVar[list[int]] = []

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
        for train, test in super().split(X, y, groups):
            self.shared.append(len(np.intersect1d(groups[train], groups[test])))
            yield train, test


@pytest.fixture
def counting() -> CountingFolds:
    CountingFolds.shared.clear()
    return CountingFolds(3)


def test_no_subject_is_shared_when_the_stacker_is_calibrated(watch: Watch, counting: CountingFolds) -> None:
    X, y, subjects = nested_problem()
    with sklearn.config_context(enable_metadata_routing=True):
        CalibratedClassifierCV(nested_pipeline(), cv=counting, ensemble=True).fit(X, y, groups=subjects)
    # Three stacks, each of two inner folds, then the rows that it is calibrated on.
    assert len(watch.base) == 3 * (2 + 1)
    assert counting.shared == [0, 0, 0]
    assert sum(watch.base) == sum(watch.meta) == 0


def test_no_subject_is_shared_when_the_threshold_of_the_stacker_is_tuned(watch: Watch, counting: CountingFolds) -> None:
    X, y, subjects = nested_problem()
    with sklearn.config_context(enable_metadata_routing=True):
        TunedThresholdClassifierCV(nested_pipeline(), cv=counting).fit(X, y, groups=subjects)
    # Three stacks and the rows that the threshold is tuned on; then one on all rows, of its own folds only.
    assert len(watch.base) == 3 * (2 + 1) + 2
    assert counting.shared == [0, 0, 0]
    assert sum(watch.base) == sum(watch.meta) == 0


def test_no_subject_is_shared_when_calibration_and_threshold_are_nested_in_cross_validate(watch: Watch) -> None:
    X, y, subjects = nested_problem(64)
    with sklearn.config_context(enable_metadata_routing=True):
        calibrated = CalibratedClassifierCV(nested_pipeline(), cv=GroupedFolds(2), ensemble=True)
        tuned = TunedThresholdClassifierCV(calibrated, cv=GroupedFolds(2))
        cross_validate(tuned, X, y, cv=GroupedFolds(2), params={"groups": subjects}, error_score="raise")
    # Two outer folds, each with two folds of the threshold and a refit, each of these two stacks (3), asked once more.
    assert len(watch.base) == 2 * (3 * 2 * (2 + 1) + 2 * 2 + 2)
    assert sum(watch.base) == sum(watch.meta) == 0


def test_groups_that_are_not_routed_are_refused_rather_than_ignored(watch: Watch) -> None:
    X, y, _ = nested_problem()
    with pytest.raises(ValueError, match="groups must be given"):
        cross_validate(nested_pipeline(), X, y, cv=3, error_score="raise")
    assert watch.base == []


# ------------------------------------------------------------------ what a leak would do to the scores


def clustered(seed: int) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return 40 subjects x 8 recordings that are alike within a subject, and labels drawn without a look at them."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(40), 8)
    centres = rng.normal(size=(40, 20))
    X = centres[subjects] + 0.05 * rng.normal(size=(320, 20))
    return X, rng.permutation(np.arange(40) % 2)[subjects], subjects


@pytest.fixture
def seen_by_meta(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Install the nearest neighbour, and collect the accuracy of the scores that each final meta-learner is given."""
    accuracies: list[float] = []
    fit_combiners = GroupedStacker._fit_combiners

    def watched(self: GroupedStacker, problem: FoldData, columns: list[NDArray[np.float64]]) -> None:
        accuracies.append(float(np.mean((columns[0][:, 0] > 0) == problem.y)))
        fit_combiners(self, problem, columns)

    def build(params: Params, seed: int) -> list[Any]:
        return [KNeighborsClassifier(n_neighbors=1)]

    monkeypatch.setitem(learners.LEARNERS, "neighbour", Learner("neighbour", build))
    monkeypatch.setitem(spaces._DEFAULTS, "neighbour", {"k": None})
    monkeypatch.setattr(GroupedStacker, "_fit_combiners", watched)
    return accuracies


def test_the_meta_learner_sees_chance_where_the_label_hangs_on_the_subject_alone(seen_by_meta: list[float]) -> None:
    for seed in range(4):
        X, y, subjects = clustered(seed)
        GroupedStacker(learners=["neighbour"], repeats=1, random_state=seed).fit(X, y, groups=subjects)
    assert 0.35 < np.mean(seen_by_meta) < 0.70


def test_the_same_meta_learner_would_see_near_perfection_if_folds_were_not_grouped(seen_by_meta: list[float]) -> None:
    X, y, _ = clustered(0)
    GroupedStacker(learners=["neighbour"], repeats=1).fit(X, y, groups=np.arange(len(X)))
    assert seen_by_meta[0] > 0.98


def test_out_of_fold_probabilities_are_chance_where_the_label_hangs_on_the_subject_alone(
    seen_by_meta: list[float],
) -> None:
    accuracies = []
    for seed in range(4):
        X, y, subjects = clustered(seed)
        stacker = GroupedStacker(learners=["neighbour"], repeats=2, random_state=seed).fit(X, y, groups=subjects)
        accuracies.append(np.mean(np.argmax(stacker.oof_probability_, axis=1) == y))
    assert np.mean(accuracies) < 0.65
