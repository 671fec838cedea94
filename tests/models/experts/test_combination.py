from __future__ import annotations

import pickle
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.special import expit, log_softmax

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.models.experts._combination import ConditionExperts
from pdmr_classic.splits import Fold, GroupedFolds


class Simulated(NamedTuple):
    """Out-of-fold columns: an expert is better than the common model in its own condition, and worse elsewhere."""

    common: Floats
    experts: dict[str, Floats]
    conditions: np.ndarray
    target: Floats
    groups: np.ndarray
    X: Floats

    def select(self, rows: Any) -> Simulated:
        parts = [part[rows] for part in self[2:]]
        return Simulated(self.common[rows], {name: part[rows] for name, part in self.experts.items()}, *parts)

    def folds(self) -> list[Fold]:
        return list(GroupedFolds(4, n_repeats=2).split(self.X, self.target > np.median(self.target), self.groups))

    def fit(self, kind: str, **changed: Any) -> ConditionExperts:
        parts = self._asdict() | changed
        return ConditionExperts(kind).fit(**parts, weights=parts.pop("weights", None), folds=self.folds())


def simulate(
    kind: str,
    *,
    subjects: int = 60,
    each: int = 3,
    noise: tuple[float, float] = (0.7, 2.0),
    share: float = 0.5,
    seed: int = 0,
) -> Simulated:
    """`noise` is that of an expert in its own condition and in the other one; that of the common model is 1.5."""
    rng = np.random.default_rng(seed)
    n = subjects * each
    severity = np.repeat(rng.normal(size=subjects), each)
    is_human = rng.random(n) < share
    errors = {"human": np.where(is_human, *noise), "robot": np.where(is_human, *noise[::-1])}

    def predict(spread: Any) -> Floats:
        """Return the best prediction from a noisy measurement: the posterior mean, or the log-odds of a probit."""
        mean = (severity + spread * rng.normal(size=n)) / (1 + spread**2)
        return (mean if kind == "severity" else 1.7 * mean / np.sqrt(spread**2 / (1 + spread**2)))[:, None]

    common, experts = predict(1.5 * np.ones(n)), {name: predict(spread) for name, spread in errors.items()}
    target = severity if kind == "severity" else (severity > 0).astype(float)
    X = np.column_stack([np.where(is_human, 1.5, -1.5) + rng.normal(size=n), rng.normal(size=(n, 3))])
    return Simulated(
        common, experts, np.where(is_human, "human", "robot"), target, np.repeat(np.arange(subjects), each), X
    )


def loss(kind: str, columns: Floats, target: Floats) -> float:
    if kind == "severity":
        return float(np.mean((columns[:, 0] - target) ** 2))
    p = expit(columns[:, 0]).clip(1e-9, 1 - 1e-9)
    return float(-np.mean(target * np.log(p) + (1 - target) * np.log(1 - p)))


KINDS = pytest.mark.parametrize("kind", ["presence", "severity"])


# ---------------------------------------------------------------- what it gains, and what it leaves alone


@KINDS
def test_experts_that_know_their_condition_reduce_the_cross_fitted_loss(kind: str) -> None:
    gains = []
    for seed in range(5):
        data = simulate(kind, seed=seed)
        fitted = data.fit(kind)
        assert min(fitted.weights_.values()) > 0.3
        gains.append(loss(kind, data.common, data.target) - loss(kind, fitted.oof_, data.target))
    assert min(gains) > 0


@KINDS
def test_experts_that_know_nothing_leave_the_common_model_almost_unchanged(kind: str) -> None:
    losses = []
    for seed in range(5):
        data = simulate(kind, noise=(4.0, 4.0), seed=seed)
        useless = {
            name: np.random.default_rng(100 + seed).normal(size=part.shape) for name, part in data.experts.items()
        }
        fitted = data.fit(kind, experts=useless)
        losses.append(loss(kind, fitted.oof_, data.target) - loss(kind, data.common, data.target))
        assert max(fitted.weights_.values()) < 0.5
    assert np.mean(losses) < 0.01


@KINDS
def test_a_small_condition_stays_closer_to_the_common_model(kind: str) -> None:
    means = {}
    for subjects in (8, 160):
        fits = [simulate(kind, subjects=subjects, each=2, seed=seed).fit(kind) for seed in range(8)]
        means[subjects] = np.mean([weight for fitted in fits for weight in fitted.weights_.values()])
    assert means[8] < means[160] - 0.05


def test_an_expert_weighs_less_where_its_predicted_variance_is_larger() -> None:
    rng = np.random.default_rng(0)
    n = 400
    score = rng.uniform(0, 20, n)
    # The error of the experts grows with the score, that of the common model does not.
    expert = (score + (0.2 + 0.15 * score) * rng.normal(size=n))[:, None]
    common = (score + 2.0 * rng.normal(size=n))[:, None]
    data = Simulated(common, {"a": expert, "b": expert}, np.repeat(["a", "b"], n // 2), score, np.arange(n), common)
    fitted = data.fit("severity")
    at = np.array([[2.0], [18.0]])
    combined = fitted.combine(at, {"a": at + 1.0, "b": at}, np.array(["a", "a"]), at)
    low, high = (combined - at)[:, 0]
    assert 1.0 >= low > high + 0.2
    assert high >= 0.0


@KINDS
def test_one_condition_gives_exactly_the_common_model(kind: str) -> None:
    data = simulate(kind)
    fitted = data.fit(kind, conditions=np.full(len(data.target), "human"), experts={})
    assert fitted.experts_ == []
    assert [finding.code for finding in fitted.findings_] == ["one-condition"]
    assert np.array_equal(fitted.oof_, data.common)
    assert np.array_equal(fitted.combine(data.common, {}, data.conditions, data.X), data.common)


@KINDS
def test_log_odds_and_scores_are_between_those_of_the_common_model_and_the_expert(kind: str) -> None:
    data = simulate(kind)
    fitted = data.fit(kind)
    combined = fitted.combine(data.common, data.experts, data.conditions, data.X)
    own = np.where((data.conditions == "human")[:, None], data.experts["human"], data.experts["robot"])
    assert (combined >= np.minimum(data.common, own) - 1e-12).all()
    assert (combined <= np.maximum(data.common, own) + 1e-12).all()


# ---------------------------------------------------------------- folds


@KINDS
def test_the_combination_of_a_row_does_not_depend_on_its_own_target(kind: str) -> None:
    data = simulate(kind, subjects=24)
    fitted = data.fit(kind)
    rows = np.flatnonzero(data.groups == 5)
    other = data.target.copy()
    other[rows] = 1 - other[rows] if kind == "presence" else 9.0
    folds = data.folds()
    changed = ConditionExperts(kind).fit(
        data.common, data.experts, data.conditions, other, data.groups, None, folds, data.X
    )
    original = ConditionExperts(kind).fit(
        data.common, data.experts, data.conditions, data.target, data.groups, None, folds, data.X
    )
    assert np.array_equal(changed.oof_[rows], original.oof_[rows])
    assert np.array_equal(original.oof_, fitted.oof_)
    assert not np.array_equal(changed.oof_, original.oof_)


def test_predictions_of_a_recording_do_not_depend_on_its_neighbours() -> None:
    data = simulate("presence", subjects=30)
    fitted = data.fit("presence")
    hidden = np.where(np.arange(len(data.target)) % 2, data.conditions, "")
    together = fitted.combine(data.common, data.experts, hidden, data.X)
    alone = [
        fitted.combine(part.common, part.experts, part.conditions, part.X)
        for part in (data._replace(conditions=hidden).select([k]) for k in range(20))
    ]
    np.testing.assert_allclose(np.vstack(alone), together[:20], rtol=1e-12)


def test_rows_without_weight_are_not_used() -> None:
    data = simulate("severity", subjects=30)
    weights = (data.groups < 25).astype(float)
    spoiled = np.where(weights > 0, data.target, 1e6)
    missing = np.where(weights > 0, data.target, np.nan)
    folds = data.folds()
    fits = [
        ConditionExperts("severity").fit(
            data.common, data.experts, data.conditions, target, data.groups, w, folds, data.X
        )
        for target, w in ((data.target, weights), (spoiled, weights), (missing, None))
    ]
    for fitted in fits[1:]:
        assert np.array_equal(fitted.oof_, fits[0].oof_)
        assert fitted.weights_ == fits[0].weights_


# ---------------------------------------------------------------- the gate


@KINDS
def test_without_a_condition_the_gate_decides_by_the_features(kind: str) -> None:
    train, test = simulate(kind, subjects=120), simulate(kind, subjects=300, seed=1)
    fitted = train.fit(kind)
    known = fitted.combine(test.common, test.experts, test.conditions, test.X)
    gated = fitted.combine(test.common, test.experts, None, test.X)
    uninformed = fitted.combine(test.common, test.experts, None, np.zeros_like(test.X))
    losses = [loss(kind, columns, test.target) for columns in (known, gated, uninformed)]
    assert losses == sorted(losses)
    assert losses[1] < loss(kind, test.common, test.target)
    # A clear case is nearly the same as a known condition.
    X = np.tile([[6.0, 0.0, 0.0, 0.0]], (len(test.X), 1))
    clear = fitted.combine(test.common, test.experts, None, X)
    as_human = fitted.combine(test.common, test.experts, np.full(len(X), "human"), X)
    assert np.abs(clear - as_human).mean() < 0.1 * np.abs(as_human - test.common).mean()


def test_an_unseen_condition_is_told_and_the_gate_decides() -> None:
    data = simulate("presence", subjects=30)
    fitted = data.fit("presence")
    unseen = np.full(len(data.target), "avatar")
    (finding,) = fitted.find_unseen(unseen)
    assert finding.code == "unseen-condition"
    assert "'avatar'" in str(finding.found)
    assert "'human', 'robot'" in str(finding.expected)
    combined = fitted.combine(data.common, data.experts, unseen, data.X)
    assert np.array_equal(combined, fitted.combine(data.common, data.experts, None, data.X))
    assert fitted.find_unseen(["human", "", None, float("nan")]) == []


def test_training_rows_without_a_condition_use_the_gate() -> None:
    data = simulate("severity", subjects=60)
    hidden = np.where(np.arange(len(data.target)) % 4 == 0, "", data.conditions)
    fitted = data.fit("severity", conditions=hidden)
    assert np.isfinite(fitted.oof_).all()
    assert (fitted.oof_[hidden == ""] != data.common[hidden == ""]).any()


@pytest.mark.parametrize("n_columns", [0, 1])
def test_a_gate_without_information_uses_the_shares_of_the_conditions(n_columns: int) -> None:
    data = simulate("severity", share=0.8)
    data = data._replace(X=np.zeros((len(data.X), n_columns)))
    fitted = data.fit("severity")
    assert fitted.mixture_.gate is not None
    probability = fitted.mixture_.gate.predict_proba(data.X[:2])
    share = float(np.mean(data.conditions == "human"))
    assert probability[0] == pytest.approx([share, 1 - share, 0.0])


def test_missing_features_do_not_stop_the_gate() -> None:
    data = simulate("presence")
    X = data.X.copy()
    X[::3, 0] = np.nan
    fitted = data.fit("presence", X=X)
    assert np.isfinite(fitted.combine(data.common, data.experts, None, X)).all()


# ---------------------------------------------------------------- missing parts


def test_a_small_condition_has_no_expert_and_keeps_the_common_model() -> None:
    data = simulate("presence")
    conditions = data.conditions.astype(object)
    conditions[data.groups == 7] = "avatar"
    fitted = data.fit("presence", conditions=conditions)
    assert fitted.experts_ == ["human", "robot"]
    (finding,) = fitted.findings_
    assert finding.code == "small-condition"
    assert "'avatar'" in finding.what
    combined = fitted.combine(data.common, data.experts, conditions, data.X)
    is_small = conditions == "avatar"
    assert np.array_equal(combined[is_small], data.common[is_small])
    assert not np.array_equal(combined[~is_small], data.common[~is_small])
    assert fitted.find_unseen(conditions) == []


@KINDS
def test_where_an_expert_has_no_prediction_the_common_model_is_used(kind: str) -> None:
    data = simulate(kind)
    experts = {name: part.copy() for name, part in data.experts.items()}
    for part in experts.values():
        part[::5] = np.nan
    common = data.common.copy()
    common[1] = np.nan
    fitted = data.fit(kind, experts=experts, common=common)
    for columns in (fitted.oof_, fitted.combine(common, experts, data.conditions, data.X)):
        assert np.array_equal(columns[::5], common[::5])
        assert np.flatnonzero(np.isnan(columns)).tolist() == [1]


def test_rows_in_no_fold_are_nan() -> None:
    data = simulate("severity", subjects=30)
    folds = [(train[train > 2], test[test > 2]) for train, test in data.folds()]
    fitted = ConditionExperts("severity").fit(
        data.common, data.experts, data.conditions, data.target, data.groups, None, folds, data.X
    )
    assert np.flatnonzero(np.isnan(fitted.oof_[:, 0])).tolist() == [0, 1, 2]


# ---------------------------------------------------------------- several classes, summary, storage


def simulate_three_classes(seed: int = 0) -> tuple[Simulated, Ints]:
    rng = np.random.default_rng(seed)
    n = 240
    y = np.repeat(rng.integers(0, 3, n // 2), 2)
    conditions = np.where(rng.random(n) < 0.5, "a", "b")
    draw = lambda signal: log_softmax(signal[:, None] * np.eye(3)[y] + rng.normal(size=(n, 3)), axis=1)  # noqa: E731
    common = draw(np.full(n, 1.0))
    experts = {name: draw(np.where(conditions == name, 2.5, 0.0)) for name in "ab"}
    X = np.where(conditions == "a", 1.0, -1.0)[:, None] + rng.normal(size=(n, 2))
    return Simulated(common, experts, conditions, y.astype(float), np.repeat(np.arange(n // 2), 2), X), y


def test_several_classes_are_combined_as_normalised_log_probabilities() -> None:
    data, y = simulate_three_classes()
    folds = list(GroupedFolds(4).split(data.X, y, data.groups))
    fitted = ConditionExperts().fit(data.common, data.experts, data.conditions, y, data.groups, None, folds, data.X)
    assert np.allclose(np.exp(fitted.oof_).sum(axis=1), 1)
    rows = np.arange(len(y))
    assert fitted.oof_[rows, y].mean() > data.common[rows, y].mean() + 0.1
    gated = fitted.combine(data.common, data.experts, None, data.X)
    assert np.allclose(np.exp(gated).sum(axis=1), 1)


def test_errors_compare_the_common_model_with_the_combination_in_each_condition() -> None:
    data = simulate("severity")
    fitted = data.fit("severity")
    for name, (before, after) in fitted.errors_.items():
        rows = data.conditions == name
        assert before == pytest.approx(np.mean((data.common[rows, 0] - data.target[rows]) ** 2))
        assert after == pytest.approx(np.mean((fitted.oof_[rows, 0] - data.target[rows]) ** 2))
        assert after < before
    assert set(fitted.n_subjects_) == {"human", "robot"}


def test_a_fitted_combination_can_be_stored_and_holds_no_training_rows() -> None:
    data = simulate("severity", subjects=200)
    fitted = data.fit("severity")
    del fitted.oof_  # out-of-fold predictions are for the fit; a model file does not need them
    stored = pickle.dumps(fitted)
    assert len(stored) < 20_000
    loaded = pickle.loads(stored)
    arguments = (data.common, data.experts, None, data.X)
    assert np.array_equal(loaded.combine(*arguments), fitted.combine(*arguments))


def test_the_same_seed_gives_the_same_combination() -> None:
    data = simulate("presence", subjects=30)
    first, second = (data.fit("presence") for _ in range(2))
    assert np.array_equal(first.oof_, second.oof_)


# ---------------------------------------------------------------- errors


def test_an_unknown_kind_is_rejected() -> None:
    with pytest.raises(ValueError, match="kind must be 'presence' or 'severity', got 'mood'"):
        simulate("severity").fit("mood")


def test_a_missing_expert_is_rejected() -> None:
    data = simulate("severity")
    with pytest.raises(ValueError, match=r"misses \['robot'\]"):
        data.fit("severity", experts={"human": data.experts["human"]})
