"""Contributions of the columns to the score of one fitted learner, each by the method that suits its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from lightgbm import LGBMModel
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, SVR
from xgboost import XGBModel

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.models.compiled.forest import Forest
from pdmr_classic.models.compiled.steps import Linear, RbfKernel, Step
from pdmr_classic.models.explanation._kernels import rbf_shapley, spread_rest
from pdmr_classic.models.explanation._sampling import sample_shapley
from pdmr_classic.models.explanation._trees import boosting_shap, forest_shapley
from pdmr_classic.models.learners.learners import log_odds, raw_scores

TREE_SHAP = "exact TreeSHAP values of the margin (path-dependent), from the boosting library"
LINEAR = "coefficient times the deviation from the training median (exact)"
KERNEL = "exact Shapley values of the RBF kernel against the training median"
FOREST = (
    "exact Shapley values of the forest's probability against the training median, "
    "rescaled to the log-odds of the forest"
)
FOREST_SCORE = "exact Shapley values of the forest's prediction against the training median"
ORDINAL = "coefficient times the deviation from the training median, rescaled to the expected score"
SAMPLED = (
    "Shapley values of feature families against the training median, sampled over permutations; within a family, "
    "a simple split"
)
_MIN_SPREAD = 1e-9
_SINGLE, _ROUNDING = 1e-3, 1e-5


@dataclass(frozen=True, eq=False)
class Sampling:
    """How learners without an exact method are explained: groups of columns, permutations and seed.

    Attributes
    ----------
    groups : list of ndarray of int
        Columns of each feature family.
    n_permutations, seed : int
    """

    groups: list[Ints]
    n_permutations: int
    seed: int


@dataclass(frozen=True, eq=False)
class ScoreParts:
    """The score of one learner, split into a base and contributions of its columns.

    Attributes
    ----------
    base : ndarray, shape [n, S]
    values : ndarray, shape [n, F, S]
    squared_errors : ndarray, shape [n, groups, S], or None
        Of the sampled contributions of each group; None if they are exact.
    method : str
    """

    base: Floats
    values: Floats
    squared_errors: Floats | None
    method: str


Predict = Callable[[Floats], Floats]
Explainer = Callable[[Any, Floats, Floats, Predict, Sampling], ScoreParts]


def explain_learner(model: Any, X: Floats, reference: Floats, sampling: Sampling) -> ScoreParts:
    """Split the score of a fitted learner, as `raw_scores` returns it.

    Parameters
    ----------
    model : fitted estimator, or tuple of Step
        The last step of a base learner, or the compiled steps that stand for it.
    X : ndarray, shape [n, F]
        Preprocessed rows.
    reference : ndarray, shape [F]
        The preprocessed training median.
    sampling : Sampling
    """
    predict = partial(apply_steps, model) if isinstance(model, tuple) else partial(raw_scores, make_pipeline(model))
    parts = _find_explainer(model)(model, X, reference, predict, sampling)
    return replace(parts, values=_match_scores(parts, predict(X)))


def _find_explainer(model: Any) -> Explainer:
    if hasattr(model, "level_means_"):  # the ordinal regression of scores
        return _explain_ordinal
    first = model[0] if isinstance(model, tuple) else model
    return next((explain for kinds, explain in _EXPLAINERS if isinstance(first, kinds)), _explain_unknown)


def apply_steps(steps: Sequence[Step], X: Floats) -> Floats:
    """Return what compiled steps make of rows."""
    for step in steps:
        X = step.apply(X)
    return X


def _match_scores(parts: ScoreParts, scores: Floats) -> Floats:
    """Return values that add up to the scores in every digit, except for limits.

    The boosting libraries compute probabilities in single precision. Scores of several classes are log-probabilities,
    whose normalisation does not differ between classes.
    """
    rest = scores - parts.base - parts.values.sum(axis=1)
    if scores.shape[1] > 1:
        rest = rest - np.median(rest, axis=1, keepdims=True)
    largest = (_SINGLE if parts.method == TREE_SHAP else _ROUNDING) * (1 + np.abs(scores))
    return parts.values + spread_rest(parts.values, np.where(np.abs(rest) < largest, rest, 0.0))


def _explain_boosting(model: Any, X: Floats, reference: Floats, predict: Predict, sampling: Sampling) -> ScoreParts:
    values, base = boosting_shap(model, X)
    return ScoreParts(base, values, None, TREE_SHAP)


def _explain_linear(model: Any, X: Floats, reference: Floats, predict: Predict, sampling: Sampling) -> ScoreParts:
    coefficients = model[0].coefficients if isinstance(model, tuple) else np.atleast_2d(model.coef_).T
    values = (X - reference)[:, :, None] * coefficients
    base = predict(reference[None, :])
    return ScoreParts(np.repeat(base, len(X), axis=0), values, None, LINEAR)


def _explain_ordinal(model: Any, X: Floats, reference: Floats, predict: Predict, sampling: Sampling) -> ScoreParts:
    values = ((X - reference) * model.coef_)[:, :, None]
    base = np.repeat(predict(reference[None, :]), len(X), axis=0)
    change, linear = predict(X) - base, values.sum(axis=1)
    scale = np.divide(change, linear, out=np.zeros_like(change), where=np.abs(linear) > _MIN_SPREAD)
    return ScoreParts(base, values * scale[:, None, :], None, ORDINAL)


def _explain_forest(model: Any, X: Floats, reference: Floats, predict: Predict, sampling: Sampling) -> ScoreParts:
    forest = model[0]
    values = forest_shapley(forest, X, reference)
    base = np.repeat(predict(reference[None, :]), len(X), axis=0)
    if len(model) == 1:
        return ScoreParts(base, values, None, FOREST_SCORE)
    slope = _mean_slope(forest.apply(X), forest.apply(reference[None, :]))
    return ScoreParts(base, values * slope[:, None, :], None, FOREST)


def _mean_slope(p: Floats, reference: Floats) -> Floats:
    """Return the slope of the log-odds, or of the log-probability, between two probabilities, shape [n, S]."""
    change = p - reference
    is_same = np.abs(change) < _MIN_SPREAD
    p = np.where(is_same, reference + 1e-6, p)
    return (_to_scores(p) - _to_scores(np.broadcast_to(reference, p.shape))) / (p - reference)


def _to_scores(p: Floats) -> Floats:
    return log_odds(np.hstack([1 - p, p])) if p.shape[1] == 1 else log_odds(p)


def _explain_kernel(model: Any, X: Floats, reference: Floats, predict: Predict, sampling: Sampling) -> ScoreParts:
    if isinstance(model, tuple):
        kernel, coefficients = model[0], model[1].coefficients
        vectors, gamma, is_exact = kernel.vectors, kernel.gamma, len(model) == 2
    else:
        vectors, gamma, coefficients = np.asarray(model.support_vectors_), float(model.gamma), model.dual_coef_.T
        is_exact = isinstance(model, SVR) or len(model.classes_) == 2
    if not is_exact:
        return _sample(X, reference, predict, sampling, partial(_confidence, model))
    values = rbf_shapley(X, reference, vectors, gamma, coefficients * getattr(model, "target_spread_", 1.0))
    return ScoreParts(np.repeat(predict(reference[None, :]), len(X), axis=0), values, None, KERNEL)


def _confidence(model: Any, X: Floats, reference: Floats) -> Floats:
    """Return the Shapley values of the summed margins of each class against the others, shape [n, F, K]."""
    n_classes = len(model.classes_)
    edges = np.cumsum([0, *model.n_support_])
    coefficients = np.zeros((edges[-1], n_classes))
    for i, j in combinations(range(n_classes), 2):
        # Row j - 1 of the dual coefficients of class i, and row i of those of class j > i.
        for own, row in ((i, j - 1), (j, i)):
            part = slice(edges[own], edges[own + 1])
            coefficients[part, i] += model.dual_coef_[row, part]
            coefficients[part, j] -= model.dual_coef_[row, part]
    return rbf_shapley(X, reference, np.asarray(model.support_vectors_), float(model.gamma), coefficients)


def _explain_unknown(model: Any, X: Floats, reference: Floats, predict: Predict, sampling: Sampling) -> ScoreParts:
    return _sample(X, reference, predict, sampling, None)


def _sample(
    X: Floats,
    reference: Floats,
    predict: Predict,
    sampling: Sampling,
    split: Callable[[Floats, Floats], Floats] | None,
) -> ScoreParts:
    """Sample the values of families; split each by a first guess of its columns, which is corrected to add up."""
    totals, squared_errors = sample_shapley(
        predict, X, reference, sampling.groups, n_permutations=sampling.n_permutations, seed=sampling.seed
    )
    base = np.repeat(predict(reference[None, :]), len(X), axis=0)
    values = np.zeros((*X.shape, totals.shape[2]))
    if split is None:
        known = np.zeros_like(values)
        size = np.broadcast_to((~np.isclose(X, reference, equal_nan=True))[:, :, None], values.shape).astype(np.float64)
    else:
        known = size = split(X, reference)
    for k, columns in enumerate(sampling.groups):
        own = known[:, columns]
        values[:, columns] = own + spread_rest(size[:, columns], totals[:, k] - own.sum(axis=1))
    # Two orders of two families are all that there are.
    return ScoreParts(base, values, squared_errors if len(sampling.groups) > 2 else None, SAMPLED)


_EXPLAINERS: list[tuple[tuple[type, ...], Explainer]] = [
    ((LGBMModel, XGBModel), _explain_boosting),
    ((SVC, SVR, RbfKernel), _explain_kernel),
    ((Forest,), _explain_forest),
    ((Linear, LogisticRegression, RidgeClassifier, Ridge), _explain_linear),
]
