"""Each method gives Shapley values: compared with all coalitions, and with formulas."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from xgboost import XGBClassifier

from pdmr_classic.arrays import Floats
from pdmr_classic.models.compiled.forest import read_lightgbm, read_sklearn_forest
from pdmr_classic.models.explanation._kernels import rbf_shapley
from pdmr_classic.models.explanation._learners import LINEAR, SAMPLED, Sampling, explain_learner
from pdmr_classic.models.explanation._members import split_pipeline
from pdmr_classic.models.explanation._sampling import sample_shapley
from pdmr_classic.models.explanation._trees import boosting_shap, forest_shapley
from pdmr_classic.models.learners.learners import LEARNERS, fit_member, raw_scores
from pdmr_classic.models.learners.member import Member

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
Y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * RNG.normal(size=60) > 0).astype(int)
ROWS, REFERENCE = X[:7], np.median(X, axis=0)
ALL = [np.array([k]) for k in range(5)]


def enumerate_shapley(value: Callable[[tuple[int, ...]], Floats], n: int) -> Floats:
    """Return the Shapley values of players 0 to n - 1, stacked in axis 1, from all coalitions."""
    effects = []
    for player in range(n):
        others, total = [k for k in range(n) if k != player], 0.0
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for chosen in combinations(others, size):
                total = total + weight * (value((*chosen, player)) - value(chosen))
        effects.append(total)
    return np.stack(effects, axis=1)


def against_reference(predict: Callable[[Floats], Floats], rows: Floats, reference: Floats) -> Floats:
    def value(chosen: tuple[int, ...]) -> Floats:
        mixed = np.tile(reference, (len(rows), 1))
        mixed[:, list(chosen)] = rows[:, list(chosen)]
        return predict(mixed)

    return enumerate_shapley(value, rows.shape[1])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_forest_has_the_shapley_values_of_all_coalitions(n_classes: int) -> None:
    y = Y if n_classes == 2 else np.digitize(X[:, 0] + X[:, 1], [-0.7, 0.7])
    model = ExtraTreesClassifier(20, min_samples_leaf=2, random_state=0).fit(X, y)
    forest = read_sklearn_forest(model)
    rows = ROWS.copy()
    rows[0, 1] = np.nan
    np.testing.assert_allclose(
        forest_shapley(forest, rows, REFERENCE), against_reference(forest.apply, rows, REFERENCE), atol=1e-12
    )


def test_a_forest_without_a_split_contributes_nothing() -> None:
    forest = read_sklearn_forest(ExtraTreesClassifier(3, min_samples_leaf=50, random_state=0).fit(X, Y))
    assert (forest_shapley(forest, ROWS, REFERENCE) == 0).all()


def test_boosting_has_the_path_dependent_shapley_values_of_all_coalitions() -> None:
    model = LGBMClassifier(n_estimators=5, num_leaves=4, min_child_samples=5, verbose=-1, n_jobs=1).fit(X, Y)
    trees = [tree["tree_structure"] for tree in model.booster_.dump_model()["tree_info"]]

    def expected_value(node: dict, row: Floats, chosen: tuple[int, ...]) -> float:
        """Follow a known column; of an unknown one, both paths in proportion to the training rows."""
        if "split_index" not in node:
            return float(node["leaf_value"])
        left, right = node["left_child"], node["right_child"]
        if node["split_feature"] in chosen:
            return expected_value(left if row[node["split_feature"]] <= node["threshold"] else right, row, chosen)
        counts = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
        values = [expected_value(child, row, chosen) for child in (left, right)]
        return float(np.average(values, weights=counts))

    def value(chosen: tuple[int, ...]) -> Floats:
        return np.array([sum(expected_value(tree, row, chosen) for tree in trees) for row in ROWS])

    values, base = boosting_shap(model, ROWS)
    np.testing.assert_allclose(values[:, :, 0], enumerate_shapley(value, 5), atol=1e-10)
    np.testing.assert_allclose(base[:, 0], value(()), atol=1e-10)
    np.testing.assert_allclose(base + values.sum(axis=1), read_lightgbm(model).apply(ROWS), atol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_values_of_both_boosting_libraries_add_up_to_the_margins(n_classes: int) -> None:
    y = Y if n_classes == 2 else np.digitize(X[:, 0] + X[:, 1], [-0.7, 0.7])
    for model in (LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1), XGBClassifier(n_estimators=10, n_jobs=1)):
        model.fit(X, y)
        parts = explain_learner(model, ROWS, REFERENCE, Sampling(ALL, 2, 0))
        scores = raw_scores(make_pipeline(model), ROWS)
        rest = scores - parts.base - parts.values.sum(axis=1)
        # Log-probabilities differ from the margins by the same number for all classes.
        np.testing.assert_allclose(rest - (rest.mean(axis=1, keepdims=True) if n_classes > 2 else 0), 0, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.001, 0.2, 20.0])
def test_a_kernel_has_the_shapley_values_of_all_coalitions(gamma: float) -> None:
    vectors, coefficients = X[10:30], RNG.normal(size=(20, 2))

    def predict(rows: Floats) -> Floats:
        distances = ((rows[:, None] - vectors) ** 2).sum(axis=2)
        return np.exp(-gamma * distances) @ coefficients

    expected = against_reference(predict, ROWS, REFERENCE)
    values = rbf_shapley(ROWS, REFERENCE, vectors, gamma, coefficients)
    np.testing.assert_allclose(values, expected, atol=2e-5 * np.abs(expected).max())
    np.testing.assert_allclose(values.sum(axis=1), predict(ROWS) - predict(REFERENCE[None]), atol=1e-12)


def test_sampling_adds_up_and_its_error_shrinks_with_permutations() -> None:
    model = SVC(gamma=0.3).fit(X, Y)

    def predict(rows: Floats) -> Floats:
        return np.asarray(model.decision_function(rows))[:, None]

    exact = against_reference(predict, ROWS, REFERENCE)
    errors = {}
    for n in (4, 64):
        values, squared_errors = sample_shapley(predict, ROWS, REFERENCE, ALL, n_permutations=n, seed=0)
        np.testing.assert_allclose(values.sum(axis=1), predict(ROWS) - predict(REFERENCE[None]), atol=1e-12)
        errors[n] = np.sqrt(((values - exact) ** 2).mean())
    assert errors[64] < 0.5 * errors[4]
    # Rows share the permutations, so that the errors are right on average only.
    assert 0.3 < errors[64] / np.sqrt(squared_errors.mean()) < 3


def test_sampling_of_two_groups_is_exact() -> None:
    def predict(rows: Floats) -> Floats:
        return rows[:, :1] * rows[:, 1:2]

    groups = [np.array([0]), np.array([1])]
    values, squared_errors = sample_shapley(predict, ROWS, REFERENCE, groups, n_permutations=2, seed=3)
    np.testing.assert_allclose(values, against_reference(predict, ROWS[:, :2], REFERENCE[:2]), atol=1e-12)
    assert (squared_errors == 0).all()


def test_a_linear_learner_has_coefficient_times_deviation_from_the_median() -> None:
    table = X * [1, 10, 100, 1, 1] + 5
    table[3, 2] = np.nan
    pipeline = fit_member(Member("all", "linear", {"C": 1.0}), table, Y, {}, 0)
    member = split_pipeline("all/linear", pipeline, np.arange(5), 5)
    parts = member.explain(table, np.full(6, np.nan), ["family"] * 6, n_permutations=2, seed=0)
    scaler, linear = pipeline[-2], pipeline[-1]
    scaled = np.nan_to_num((table - scaler.center_) / scaler.scale_)
    assert parts.method == LINEAR
    np.testing.assert_allclose(parts.values[:, :, 0], linear.coef_[0] * np.clip(scaled, -5, 5), atol=1e-12)
    np.testing.assert_allclose(parts.base[:, 0], linear.intercept_[0], atol=1e-12)
    assert parts.values[3, 2, 0] == 0


def test_a_learner_of_unknown_kind_is_sampled_by_family() -> None:
    class Wrapper(ClassifierMixin, BaseEstimator):
        """No linear model to the explainer."""

        def __init__(self, model: LogisticRegression) -> None:
            self.model, self.classes_ = model, model.classes_

        def predict_proba(self, rows: Floats) -> Floats:
            return np.asarray(self.model.predict_proba(rows))

        def fit(self, *_: Floats) -> Wrapper:
            return self

    model = LogisticRegression().fit(X, Y)
    groups = [np.array([0, 1]), np.array([2]), np.array([3, 4])]
    parts = explain_learner(Wrapper(model), ROWS, REFERENCE, Sampling(groups, 4, 0))
    assert parts.method == SAMPLED
    linear = (ROWS - REFERENCE) * model.coef_[0]
    by_group = np.stack([parts.values[:, group, 0].sum(axis=1) for group in groups], axis=1)
    expected = np.stack([linear[:, group].sum(axis=1) for group in groups], axis=1)
    np.testing.assert_allclose(by_group, expected, atol=1e-9)


BLOCKS = {"video": np.arange(3), "audio": np.arange(3, 13)}


@pytest.mark.parametrize(
    "params",
    [
        {"audio": "as_is", "audio_components": 4},
        {"audio": "l2", "audio_components": None},
        {"audio": "signed_root", "audio_components": 4, "audio_share": 0.5},
        {"audio": "as_is", "audio_components": None, "audio_share": None, "k": 4},
        {"suppress": "wccn", "suppress_number": 2, "audio": "as_is", "audio_components": 4},
    ],
    ids=["components", "unit length", "balanced components", "balanced", "suppressed components"],
)
@pytest.mark.parametrize("learner", [name for name in LEARNERS if name != "lightgbm"])
def test_contributions_lead_back_through_the_preprocessing(learner: str, params: dict) -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=(60, 13))
    table[:, 3:] *= np.linspace(1, 3, 10)
    table[5, 7] = np.nan
    subjects = np.arange(60) // 3
    small = {"n_estimators": 10} if learner in ("extra_trees", "xgboost") else {}
    pipeline = fit_member(Member("both", learner, params | small), table, Y, BLOCKS, 0, groups=subjects)
    member = split_pipeline("both/x", pipeline, np.arange(13), components=13)
    families = [*["video"] * 3, *["audio"] * 11]
    parts = member.explain(table, np.append(np.median(table, axis=0), np.nan), families, n_permutations=2, seed=0)
    np.testing.assert_allclose(
        parts.base + parts.values.sum(axis=1), raw_scores(pipeline, table), atol=1e-8, err_msg=parts.method
    )
    has_components = params.get("audio_components") is not None
    assert (13 in member.origins) == has_components
    assert set(member.origins) <= set(range(3)) | ({13} if has_components else set(range(3, 13)))
