"""No subject is in both training and test rows when a score is learned, checked by spies as in test_leakage.py.

The spy is a base learner that predicts the number of the subject, which is the first column of every view. Each model
that is fitted on rows or predictions, or predicts them, can therefore record their subjects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.io.labels.scales import SCALES
from pdmr_classic.models.ensemble import _member_study
from pdmr_classic.models.learners import learners, regressors
from pdmr_classic.models.learners import search_spaces as spaces
from pdmr_classic.models.learners.learners import Learner
from pdmr_classic.models.learners.member import Params
from pdmr_classic.models.severity import auxiliary, stacker
from pdmr_classic.models.severity import model as severity_model
from pdmr_classic.models.severity._blend import Blend
from pdmr_classic.models.severity.stacker import SeverityStacker


@dataclass
class Watch:
    """For each prediction, the number of its subjects that the model was fitted on."""

    regressors: list[int] = field(default_factory=list)
    classifiers: list[int] = field(default_factory=list)
    blends: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(map(sum, (self.regressors, self.classifiers, self.blends, self.columns)))


def read_subjects(table: Any) -> NDArray[np.float64]:
    """Return the subject numbers of rows, rounded because predictions are averaged over repeats."""
    return np.unique(np.rint(np.asarray(table)[:, 0]))


def record(calls: list[int], train: NDArray[Any], test: NDArray[Any]) -> None:
    assert len(train)
    assert len(test)
    calls.append(len(np.intersect1d(train, test)))


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Install the learners "spy_regressor" and "spy", and record the subjects of all models and meta-learners."""
    watch = Watch()

    class SpyRegressor(RegressorMixin, BaseEstimator):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SpyRegressor:
            self.subjects_ = read_subjects(X)
            return self

        def predict(self, X: Any) -> Any:
            record(watch.regressors, self.subjects_, read_subjects(X))
            return X[:, 0]

    class SpyClassifier(ClassifierMixin, BaseEstimator):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SpyClassifier:
            self.classes_, self.subjects_ = np.unique(y), read_subjects(X)
            return self

        def decision_function(self, X: Any) -> Any:
            record(watch.classifiers, self.subjects_, read_subjects(X))
            return X[:, 0]

    class SpyBlend(Blend):
        def fit(self, columns: Any, y: Any, sample_weight: Any, groups: Any) -> Any:
            self.subjects_ = read_subjects(columns)
            return super().fit(columns, y, sample_weight, groups)

        def predict(self, columns: Any) -> Any:
            record(watch.blends, self.subjects_, read_subjects(columns))
            return super().predict(columns)

    class SpyColumns(auxiliary._WeightedScores):
        """The second column is a predicted score; `spy_scores` makes it the subject number."""

        def fit(self, table: Any, y: Any, weights: Any) -> Any:
            self.subjects_ = read_subjects(table[:, 1:])
            return super().fit(table, y, weights)

        def predict_proba(self, table: Any) -> Any:
            record(watch.columns, self.subjects_, read_subjects(table[:, 1:]))
            return super().predict_proba(table)

    def build_regressor(params: Params, seed: int) -> Any:
        return SpyRegressor()

    def build_classifier(params: Params, seed: int) -> Any:
        return SpyClassifier()

    def suggest(learner: str, trial: Any, *view: bool) -> dict[str, Any]:
        # Normalised audio vectors would not preserve the subject's number.
        return spaces.suggest_params("svm", trial, *view) | {"k": None, "audio": "as_is", "audio_components": None}

    monkeypatch.setitem(
        regressors.REGRESSORS, "spy_regressor", Learner("spy_regressor", build_regressor, "linear", numeric=True)
    )
    monkeypatch.setitem(learners.LEARNERS, "spy", Learner("spy", build_classifier, "kernel"))
    for name in ("spy_regressor", "spy"):
        monkeypatch.setitem(spaces._DEFAULTS, name, {"k": None})
        monkeypatch.setitem(spaces._SPACES, name, lambda trial: {})
    monkeypatch.setattr(_member_study, "suggest_params", suggest)
    monkeypatch.setattr(stacker, "Blend", SpyBlend)
    monkeypatch.setattr(auxiliary, "_WeightedScores", SpyColumns)
    return watch


def make_awkward_table(n_subjects: int = 20, seed: int = 0) -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.Series]:
    """Return features with the subject number first in both views, scores, labels and subjects; 1 to 6 rows each."""
    rng = np.random.default_rng(seed)
    number = np.repeat(np.arange(n_subjects), rng.integers(1, 7, n_subjects))
    rng.shuffle(number)
    columns = [f"{view}__{name}" for view in ("video", "audio") for name in ("subject__number", "noise__mean")]
    table = pd.DataFrame(rng.normal(size=(len(number), 4)), columns=columns)
    table["video__subject__number"] = table["audio__subject__number"] = number.astype(float)
    missing = rng.choice(len(number), size=(2, len(number) // 10), replace=False)
    table.loc[missing[0], columns[:2]] = np.nan
    table.loc[missing[1], columns[2:]] = np.nan
    table.index = pd.Index([f"r{row:03d}" for row in range(len(table))], name="data_id")
    score = pd.Series(rng.permutation(n_subjects)[number] + 0.0, table.index, name="phq8")
    groups = pd.Series([f"S{k:02d}" for k in number], table.index)
    return table, score, pd.Series(np.where(score < 10, "Normal", "Depression"), table.index, dtype=object), groups


def make_settings() -> Settings:
    changes = {
        "severity.learners": ("spy_regressor",),
        "severity.level": 0.8,
        "learning.learners": ("spy",),
        "learning.trials": 2,
        "learning.repeats": 2,
        "learning.importance": False,
    }
    return Settings().override(changes)


def test_no_base_or_meta_learner_predicts_a_subject_it_was_fitted_on_in_the_stack_of_scores(watch: Watch) -> None:
    X, score, _, groups = make_awkward_table()
    fitted = SeverityStacker(learners=["spy_regressor"], folds=4, repeats=2).fit(X, score, groups=groups)
    assert set(fitted.views_) == {"video", "audio", "both"}
    assert len(watch.regressors) == 3 * 4 * 2
    assert len(watch.blends) == 3 * 4 * 2, "one meta-learner per set of modalities"
    assert watch.total == 0


@pytest.mark.parametrize("target", ["score", "both"])
def test_no_base_or_meta_learner_predicts_a_subject_it_was_fitted_on_in_the_model(
    watch: Watch, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, score, status, groups = make_awkward_table()
    number = groups.str[1:].astype(float)

    def spy_scores(self: Any, index: pd.Index) -> dict[str, NDArray[np.float64]]:
        return {"severity": number[index].to_numpy()}

    monkeypatch.setattr(severity_model.SeverityModel, "oof_columns", spy_scores)
    # Some recordings have only one of the two targets.
    score[groups.isin(["S01", "S02"])] = np.nan
    status[groups.isin(["S03", "S04"])] = ""
    labels = status if target == "both" else None
    DepressionModel(make_settings()).fit(X, labels, groups, severity=score, scale=SCALES["phq8"])
    n_folds = 5 * 2
    assert len(watch.regressors) == 3 * n_folds * 3, "two trials per view, and other folds for the stack"
    assert len(watch.blends) == 3 * n_folds
    assert len(watch.classifiers) == (3 * n_folds * 3 if target == "both" else 0)
    assert bool(watch.columns) == (target == "both")
    assert watch.total == 0


def test_no_subject_is_on_both_sides_with_experts(watch: Watch) -> None:
    X, score, status, groups = make_awkward_table()
    conditions = pd.Series(np.array(["human", "robot"], dtype=object)[np.arange(len(X)) % 2], X.index)
    DepressionModel(make_settings()).fit(X, status, groups, severity=score, scale=SCALES["phq8"], conditions=conditions)
    n_folds = 5 * 2
    assert len(watch.regressors) == 3 * n_folds * (3 + 2), "and two experts"
    assert len(watch.blends) == 3 * n_folds * (1 + 2)
    assert sum(watch.regressors) == sum(watch.classifiers) == sum(watch.blends) == 0


def test_spellings_of_one_subject_are_on_the_same_side(watch: Watch) -> None:
    X, score, _, groups = make_awkward_table()
    bare = groups.str[1:].astype(int).astype(str)
    spelled = groups.where(np.arange(len(X)) % 2 == 0, bare)
    DepressionModel(make_settings()).fit(X, None, spelled, severity=score, scale=SCALES["phq8"])
    assert watch.regressors
    assert watch.total == 0


def test_the_spies_detect_a_leak(watch: Watch) -> None:
    X, score, _, _ = make_awkward_table()
    SeverityStacker(learners=["spy_regressor"], repeats=1).fit(X, score, groups=np.arange(len(X)))
    assert sum(watch.regressors) > 0
    assert sum(watch.blends) > 0


def test_a_score_cannot_be_learned_without_subjects(watch: Watch) -> None:
    X, score, _, _ = make_awkward_table()
    with pytest.raises(ValueError, match="groups are required"):
        SeverityStacker(learners=["spy_regressor"]).fit(X, score)
    assert watch.regressors == []


@pytest.fixture(scope="module")
def memorised() -> tuple[pd.DataFrame, pd.Series, DepressionModel]:
    """Recordings that are alike within subjects, noisy scores of these, and a model that knows all by heart."""
    rng = np.random.default_rng(0)
    subject, centres = np.repeat(np.arange(30), 6), rng.normal(size=(30, 6))
    X = pd.DataFrame(centres[subject] + 0.01 * rng.normal(size=(180, 6)))
    X.columns = [f"{view}__c{k}__mean" for view in ("video", "audio") for k in range(3)]
    values = 12 + 4 * centres[:, 0] + 4 * centres[:, 3] + 4 * rng.normal(size=30)
    score = pd.Series(values.round().clip(0, 24)[subject], X.index)
    status = pd.Series(np.where(score < 10, "Normal", "Depression"), X.index, dtype=object)
    changes = {"severity.learners": ("extra_trees_regressor",), "learning.learners": ("linear",)}
    settings = make_settings().override({**changes, "learning.repeats": 1, "learning.trials": 1})
    groups = pd.Series(subject.astype(str), X.index)
    return X, score, DepressionModel(settings).fit(X, status, groups, severity=score, scale=SCALES["phq8"])


def test_intervals_are_learned_from_predictions_of_other_subjects(
    memorised: tuple[pd.DataFrame, pd.Series, DepressionModel],
) -> None:
    X, _, model = memorised
    predictions = model.predict_features(X)
    assert (predictions["severity_high"] - predictions["severity_low"]).mean() > 10


def test_the_model_of_classes_learns_from_scores_that_were_predicted_without_the_subject(
    memorised: tuple[pd.DataFrame, pd.Series, DepressionModel],
) -> None:
    X, score, model = memorised
    assert model.severity_ is not None
    out_of_fold = model.severity_.oof_columns(X.index)
    in_sample = model.severity_.predict_columns(X, model.severity_.predict_scores(X))
    assert set(out_of_fold) == set(in_sample) == {"severity", "severity from audio", "severity from video"}
    for name in out_of_fold:
        assert np.corrcoef(out_of_fold[name], score)[0, 1] < 0.75
        assert np.corrcoef(in_sample[name], score)[0, 1] > 0.9
