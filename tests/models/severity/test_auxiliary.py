"""Predicted scores as columns of the meta-learner of the class: used where they help, and only there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import expit

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.metrics import log_loss
from pdmr_classic.models.severity.auxiliary import SeverityColumns
from pdmr_classic.splits import GroupedFolds


class Stack(NamedTuple):
    """Out-of-fold probabilities of a weak stack, and the true severity behind the classes."""

    probability: Floats
    severity: Floats
    codes: Ints
    groups: Ints

    def fit(self, weights: Floats | None = None, **columns: Floats) -> SeverityColumns:
        folds = list(GroupedFolds(4, n_repeats=2).split(self.probability, self.codes, self.groups))
        weights = np.ones(len(self.codes)) if weights is None else weights
        return SeverityColumns().fit(self.probability, columns, self.codes, self.groups, weights, folds)

    def column(self, noise: float, seed: int = 1) -> Floats:
        """Return predicted scores with this noise."""
        return 10 + 4 * (self.severity + noise * np.random.default_rng(seed).normal(size=len(self.severity)))

    def noise(self, seed: int = 1) -> Floats:
        return 10 + 4 * np.random.default_rng(seed).normal(size=len(self.severity))


def make_stack(subjects: int = 60, each: int = 2, noise: float = 2.0, seed: int = 0) -> Stack:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(subjects), each)
    severity = rng.normal(size=subjects)[groups]
    p = expit(severity + noise * rng.normal(size=len(groups)))
    return Stack(np.column_stack([1 - p, p]), severity, (severity > 0).astype(np.intp), groups)


def test_a_column_that_helps_is_kept_and_lowers_the_loss() -> None:
    stack = make_stack()
    columns = {"severity": stack.column(0.5), "severity from video": stack.noise()}
    fitted = stack.fit(**columns)
    assert fitted.kept_ == ["severity"]
    ones = np.ones(len(stack.codes))
    assert log_loss(fitted.oof_, stack.codes, ones) < log_loss(stack.probability, stack.codes, ones) - 0.1
    new = make_stack(seed=5)
    combined = fitted.combine(new.probability, {"severity": new.column(0.5), "severity from video": new.noise()})
    np.testing.assert_allclose(combined.sum(axis=1), 1)
    ones = np.ones(len(new.codes))
    assert log_loss(combined, new.codes, ones) < log_loss(new.probability, new.codes, ones) - 0.1


def test_noise_is_kept_in_few_of_many_sets_and_costs_little() -> None:
    kept, losses = [], []
    for seed in range(20):
        stack = make_stack(noise=1.0, seed=seed)
        fitted = stack.fit(severity=stack.noise(100 + seed))
        kept.append(len(fitted.kept_))
        new = make_stack(noise=1.0, seed=200 + seed)
        combined, ones = fitted.combine(new.probability, {"severity": new.noise(300 + seed)}), np.ones(120)
        losses.append(log_loss(combined, new.codes, ones) - log_loss(new.probability, new.codes, ones))
    assert np.mean(kept) < 0.25
    assert np.mean(losses) < 0.01


def test_a_copy_of_the_stack_is_not_overconfident() -> None:
    """A column that only repeats the log-odds must not add to them."""
    stack = make_stack(noise=1.0)
    copy = np.log(stack.probability[:, 1] / stack.probability[:, 0])
    combined = stack.fit(severity=copy).combine(stack.probability, {"severity": copy})
    ones = np.ones(len(stack.codes))
    assert log_loss(combined, stack.codes, ones) < log_loss(stack.probability, stack.codes, ones) + 0.02


def test_without_a_column_that_helps_the_probabilities_stay_exactly() -> None:
    stack = make_stack(noise=0.3)
    fitted = stack.fit(severity=np.full(120, 4.0))
    assert fitted.kept_ == []
    assert fitted.oof_ is stack.probability
    assert fitted.combine(stack.probability, {"severity": stack.noise()}) is stack.probability


def test_a_row_without_a_kept_column_keeps_the_probabilities_of_the_stack_exactly() -> None:
    stack = make_stack()
    column = stack.column(0.5)
    column[::7] = np.nan
    fitted = stack.fit(severity=column)
    assert fitted.kept_ == ["severity"]
    combined, is_missing = fitted.combine(stack.probability, {"severity": column}), np.isnan(column)
    for result in (combined, fitted.oof_):
        np.testing.assert_array_equal(result[is_missing], stack.probability[is_missing])
        assert (result[~is_missing] != stack.probability[~is_missing]).all()
    nothing = {"severity": np.full(120, np.nan)}
    np.testing.assert_array_equal(fitted.combine(stack.probability, nothing), stack.probability)


def test_a_row_without_a_probability_stays_without_one() -> None:
    stack = make_stack()
    stack.probability[3] = np.nan
    fitted = stack.fit(severity=stack.column(0.5))
    assert fitted.kept_ == ["severity"]
    combined = fitted.combine(stack.probability, {"severity": stack.column(0.5)})
    assert np.flatnonzero(np.isnan(combined).any(axis=1)).tolist() == [3]


def test_the_probability_of_a_row_does_not_depend_on_its_neighbours() -> None:
    stack = make_stack()
    columns = {"severity": stack.column(0.5), "severity from audio": stack.column(0.7, seed=8)}
    fitted = stack.fit(**columns)
    assert fitted.kept_
    together = fitted.combine(stack.probability, columns)
    for row in (0, 50, 119):
        single = fitted.combine(stack.probability[[row]], {name: part[[row]] for name, part in columns.items()})
        np.testing.assert_allclose(single[0], together[row], rtol=1e-12)


def test_more_than_two_classes_keep_the_probabilities_of_the_stack() -> None:
    stack = make_stack()
    p = np.column_stack([stack.probability / 2, np.full(120, 0.5)])
    fitted = stack._replace(probability=p, codes=stack.codes + (stack.severity > 1)).fit(severity=stack.severity)
    assert fitted.kept_ == []
    assert fitted.combine(p, {"severity": stack.severity}) is p


def test_a_column_of_few_rows_is_not_kept() -> None:
    """Too few rows to have both classes in each training set."""
    stack = make_stack()
    column = np.full(120, np.nan)
    column[:2] = stack.severity[:2]
    assert stack.fit(severity=column).kept_ == []


def test_rows_with_weight_zero_have_no_influence() -> None:
    stack, weights = make_stack(), np.ones(120)
    weights[stack.groups % 4 == 0] = 0
    column = stack.column(0.5)
    changed = np.where(weights == 0, -column, column)
    before, after = (stack.fit(weights, severity=values) for values in (column, changed))
    assert before.kept_ == after.kept_ == ["severity"]
    np.testing.assert_allclose(
        before.combine(stack.probability, {"severity": column}), after.combine(stack.probability, {"severity": column})
    )


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_the_unit_of_the_scores_does_not_matter(factor: float) -> None:
    stack = make_stack()
    column = stack.column(0.5)
    expected = stack.fit(severity=column)
    changed = stack.fit(severity=factor * column - 7)
    np.testing.assert_allclose(expected.oof_, changed.oof_, atol=1e-3)


def test_a_copy_for_saving_has_no_predictions_of_the_training_rows() -> None:
    fitted = make_stack().fit(severity=make_stack().column(0.5))
    anonymous = fitted.drop_training_rows()
    assert hasattr(fitted, "oof_")
    assert not hasattr(anonymous, "oof_")
    assert anonymous.kept_ == fitted.kept_
