"""Users' own scikit-learn classifiers, scored beside the model in the same folds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from own_code import STILLNESS, own_modules
from rich.console import Console
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from pdmr_classic import GroupedFolds, Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation import _run_folds as run_folds
from pdmr_classic.evaluation._estimator_systems import EstimatorBaseline, run_estimators
from pdmr_classic.evaluation._prepare_table import add_estimators
from pdmr_classic.evaluation.compare import compare
from pdmr_classic.evaluation.estimators import OwnEstimator, fix_params, load_estimators, try_estimators
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.stored_systems import read_systems
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.reporting.evaluation_tables import evaluation_tables

QUICK = Settings().override(
    {"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 3}
)
REPORTER = CollectingReporter()
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


def study(*, classes: int = 2, missing: bool = True) -> Study:
    rng = np.random.default_rng(0)
    index = pd.Index([f"r{k:02d}" for k in range(48)], name="data_id")
    label = np.arange(48) // 2 % classes
    names = [*(f"video__c{k}__mean" for k in range(4)), "quality__stream__duration_s"]
    table = pd.DataFrame(rng.normal(size=(48, 5)), index, names)
    table.iloc[:, 0] += 2 * (label == 0)
    if missing:
        table.iloc[3, 1] = np.nan
    status = pd.Series([("Depression", "Normal", "Other")[k] for k in label], index)
    return table, status, pd.Series([f"S{k // 2}" for k in range(48)], index)


def table_with(estimators: dict[str, Any], data: Study | None = None) -> EvaluationTable:
    """Return the table of an evaluation with these estimators, after they were tried."""
    features, status, groups = data or study()
    classes = tuple(sorted(set(status)))
    positive = "Depression" if len(classes) == 2 else None
    table = EvaluationTable(features, status, groups, classes, positive)
    return add_estimators(table, load_estimators([], estimators), 0, REPORTER)


def split(table: EvaluationTable) -> list[OuterFold]:
    folds = GroupedFolds(3, random_state=0).split(table.features, table.codes, table.groups)
    return [OuterFold(0, number, train, test) for number, (train, test) in enumerate(folds)]


def run_all(table: EvaluationTable) -> list[dict[str, Any]]:
    return [run_estimators(table, QUICK, outer, REPORTER) for outer in split(table)]


def run(estimators: dict[str, Any], data: Study | None = None, **options: Any) -> dict[str, Any]:
    options = {"settings": QUICK, "folds": 3, "repeats": 1, **options}
    return evaluate_features(*(data or study()), estimators=estimators, **options)


class Recorder(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Logistic regression that remembers which rows and subjects it was fitted on."""

    seen: list[tuple[set[str], set[str]]] = []  # noqa: RUF012

    def fit(self, X: pd.DataFrame, y: Any, groups: Any) -> Recorder:
        assert list(X.columns) == [f"video__c{k}__mean" for k in range(4)]
        assert X.notna().all(axis=None)
        self.seen.append((set(X.index), set(groups)))
        self.model_ = LogisticRegression().fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: Any) -> Any:
        self.seen.append((set(X.index), set()))
        return self.model_.predict_proba(X)


# ------------------------------------------------------------------------------------------- evaluation


@pytest.fixture(scope="module")
def evaluation() -> dict[str, Any]:
    """Return an evaluation with three classifiers; tests must not modify it."""
    grid = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=GroupKFold(3))
    return run({"forest": RandomForestClassifier(20), "svm": LinearSVC, "grid": grid})


def test_each_estimator_is_a_system_with_scores_and_differences(evaluation: dict[str, Any]) -> None:
    systems = read_systems(evaluation)
    for name in ("forest", "svm", "grid"):
        part = evaluation["baselines"][f"estimator {name}"]
        assert part["scores"]["auc"]["mean"] > 0.8
        assert set(part["differences"]) == {"f1", "auc"}
        assert len(systems[f"estimator {name}"]) == len(systems["model"])


def test_an_evaluation_says_how_each_estimator_was_used(evaluation: dict[str, Any]) -> None:
    facts = {
        name: [evaluation["baselines"][f"estimator {name}"][key] for key in ("imputes", "uses_groups", "is_calibrated")]
        for name in ("forest", "svm", "grid")
    }
    assert facts == {"forest": [False, False, False], "svm": [True, False, True], "grid": [True, True, False]}


def test_estimators_can_be_compared_with_the_model_and_are_shown(evaluation: dict[str, Any]) -> None:
    comparison = compare(evaluation, systems=["model", "estimator"])
    assert len(comparison["systems"]) == 4
    console = Console(width=80)
    with console.capture() as capture:
        console.print(evaluation_tables(evaluation))
    assert "estimator forest" in capture.get()


def test_an_estimator_sees_no_held_out_subject_and_no_quality_feature() -> None:
    Recorder.seen.clear()
    run_all(table_with({"own": Recorder}))
    fits = [rows for rows, groups in Recorder.seen if groups]
    assert len(fits) == 1 + 3 * (5 + 1)  # tried on all, then in each outer fold: five inner folds and the whole
    subject = {f"r{k:02d}": f"S{k // 2}" for k in range(48)}
    last: set[str] = set()
    for rows, groups in Recorder.seen[2:]:
        if groups:
            last = {subject[row] for row in rows}
            assert last == groups
        else:
            assert not last & {subject[row] for row in rows}


def test_the_same_seed_gives_the_same_predictions() -> None:
    first, second = (table_with({"forest": RandomForestClassifier(10, n_jobs=2)}) for _ in range(2))
    assert run_all(first) == run_all(second)


def test_several_classes_are_supported() -> None:
    table = table_with({"svm": LinearSVC(), "forest": RandomForestClassifier(10)}, study(classes=3))
    for record in (records[f"estimator {name}"] for records in run_all(table) for name in ("svm", "forest")):
        np.testing.assert_allclose(np.sum(record["probability"], axis=1), 1)
        assert set(record["predicted"]) <= {0, 1, 2}


def test_a_checkpoint_is_not_resumed_with_another_estimator() -> None:
    estimators = [LogisticRegression(), LogisticRegression(), LogisticRegression(C=2.0), RandomForestClassifier(5)]
    tables = [table_with({"own": estimator}) for estimator in estimators]
    first, same, *others = (run_folds._fingerprint(table, split(table), QUICK, {}) for table in tables)
    assert first == same
    assert len({first, *others}) == 3


def test_imputation_and_warnings_are_reported() -> None:
    reporter = CollectingReporter()
    table = table_with({"own": LogisticRegression(max_iter=1)})
    for outer in split(table):
        run_estimators(table, QUICK, outer, reporter)
    (warning,) = {finding.what for finding in reporter.findings}
    assert warning.startswith("the estimator own warned: ConvergenceWarning: ")
    add_estimators(table, {"own": LogisticRegression()}, 0, reporter)
    assert "does not accept missing values: they are replaced by the median" in reporter.findings[-1].what


def test_without_classes_estimators_are_refused() -> None:
    table, _, groups = study()
    scores = pd.Series(np.linspace(0, 24, len(table)), table.index)
    with pytest.raises(ConfigError, match="classes are required for estimators"):
        evaluate_features(
            table, None, groups, severity=scores, settings=QUICK, folds=3, repeats=1, estimators={"own": LinearSVC()}
        )


# --------------------------------------------------------------------------------------------- parts


def try_one(estimator: Any, data: Study) -> OwnEstimator:
    table, status, groups = data
    y = (status == "Normal").to_numpy().astype(int)
    reporter = CollectingReporter()
    (own,) = try_estimators({"own": estimator}, table, y, groups.to_numpy(), seed=7, reporter=reporter)
    return own


@pytest.mark.parametrize(
    ("estimator", "missing", "imputes"),
    [
        (LogisticRegression(), True, True),
        (LogisticRegression(), False, False),
        (RandomForestClassifier(5), True, False),
        (make_pipeline(SimpleImputer(), LogisticRegression()), True, False),
        (GridSearchCV(LogisticRegression(), {}, cv=3), True, True),
    ],
)
def test_missing_values_are_imputed_only_for_estimators_that_refuse_them(
    estimator: Any, missing: bool, imputes: bool
) -> None:
    assert try_one(estimator, study(missing=missing)).imputes == imputes


def test_missing_seeds_are_set_and_threads_limited() -> None:
    fixed = fix_params(make_pipeline(SimpleImputer(), RandomForestClassifier(n_jobs=4)), 7)
    assert (fixed[-1].random_state, fixed[-1].n_jobs) == (7, 1)
    assert fix_params(RandomForestClassifier(random_state=3), 7).random_state == 3


def test_the_threshold_is_chosen_on_inner_folds() -> None:
    table, status, groups = study(missing=False)
    y = (status == "Normal").to_numpy().astype(int)
    baseline = EstimatorBaseline(OwnEstimator("own", RandomForestClassifier(20, random_state=0)), 1, 2)
    baseline.fit(table, y, groups.to_numpy())
    predicted, probability = baseline.predict(table)
    assert 0 < baseline.threshold_ < 1
    np.testing.assert_array_equal(predicted, probability[:, 1] >= baseline.threshold_)
    # A forest separates its training rows perfectly: a threshold chosen on these would be anywhere in between.
    assert (predicted == y).mean() == 1.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "own_estimators.py").write_text(STILLNESS)
    with own_modules(tmp_path):
        yield tmp_path


@pytest.mark.usefixtures("folder")
def test_an_estimator_is_found_by_module_and_name() -> None:
    loaded = load_estimators(["own_estimators:forest", "other=own_estimators:OwnLogistic"])
    assert [(name, type(value).__name__) for name, value in loaded.items()] == [
        ("forest", "RandomForestClassifier"),
        ("other", "OwnLogistic"),
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (["own_estimators"], "--estimator must name a module and a function in it"),
        (["own_nowhere:forest"], "there is no module own_nowhere(.|\n)*--estimator"),
        (["own_estimators:tree"], r"has no tree\n +expected: stillness, OwnLogistic, suggest, build, forest"),
        (["own_estimators:forest"] * 2, "two estimators have the same name(.|\n)*NAME=module:factory"),
        (["own_estimators:stillness"], "stillness cannot be made(.|\n)*TypeError"),
    ],
)
def test_an_estimator_that_is_not_found_is_an_error(specs: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_estimators(specs)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Ridge(), "own is not a classifier(.|\n)*Ridge, a regressor"),
        (lambda: 1, "own is not a scikit-learn estimator(.|\n)*int"),
        ("forest", "own is not a scikit-learn estimator(.|\n)*str"),
    ],
)
def test_what_is_not_a_classifier_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_estimators([], {"own": value})


class Fragile(LogisticRegression):  # type: ignore[misc]
    """Fails on few rows."""

    def fit(self, X: Any, y: Any) -> Fragile:
        if len(y) < self.C:
            raise RuntimeError("too few")
        super().fit(X, y)
        return self


@pytest.mark.parametrize(
    ("rows", "where"), [(100, "raised an error\n"), (40, "raised an error in outer fold 1 of repeat 1")]
)
def test_an_error_in_fit_says_where(rows: int, where: str) -> None:
    with pytest.raises(ConfigError, match=f"the estimator own {where}(.|\n)*too few"):
        run_all(table_with({"own": Fragile(C=rows)}))
