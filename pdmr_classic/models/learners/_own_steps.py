"""Build and fit users' own learners, with errors that name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from optuna.exceptions import TrialPruned
from optuna.trial import Trial
from sklearn.base import is_classifier
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import ConfigError
from pdmr_classic.models.learners.algorithm import algorithm_params
from pdmr_classic.models.learners.member import Params

_N_PROBED = 2


class OwnBuild:
    """Build a user's own learner from its own hyperparameters.

    Parameters
    ----------
    name : str
        Of the learner.
    function : callable
        The user's function of the hyperparameters (dict) and a seed (int).
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name, self.function = name, function

    def __call__(self, params: Params, seed: int) -> Any:
        try:
            estimator = self.function(algorithm_params(params), seed)
        except Exception as error:
            raise own_learner_error(
                self.name,
                "cannot be built",
                f"an estimator for the hyperparameters {dict(params)} and the seed {seed}",
                f"{type(error).__name__}: {error}",
            ) from error
        if isinstance(estimator, type) or not hasattr(estimator, "fit") or not is_classifier(estimator):
            raise own_learner_error(self.name, "is not a classifier", "an unfitted classifier", _describe(estimator))
        if not hasattr(estimator, "predict_proba") and not hasattr(estimator, "decision_function"):
            raise own_learner_error(
                self.name, "has no scores", "predict_proba or decision_function", type(estimator).__name__
            )
        return estimator


class OwnSpace:
    """Suggest the hyperparameters of a user's own learner.

    Parameters
    ----------
    name : str
        Of the learner.
    function : callable
        The user's function of an Optuna trial.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name, self.function = name, function

    def __call__(self, trial: Trial) -> dict[str, Any]:
        try:
            params = self.function(trial)
        except TrialPruned:
            raise
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
            raise own_learner_error(
                self.name, "has a search space that failed", "a function of an Optuna trial", found
            ) from error
        if not isinstance(params, dict):
            raise own_learner_error(
                self.name, "has a search space that failed", "a dict of hyperparameters", _describe(params)
            )
        return params


def accepts_missing(estimator: Any) -> bool:
    """Return whether an estimator says that its features may be NaN."""
    return bool(get_tags(estimator).input_tags.allow_nan)


def fit_own(name: str, estimator: Any, X: Floats, y: Any, weighted: Mapping[str, Floats]) -> None:
    """Fit a user's own learner, and check the scores of the first rows.

    Parameters
    ----------
    name : str
    estimator : estimator
        Fitted in place.
    X, y : ndarray
    weighted : mapping
        `sample_weight`, if the rows do not weigh the same.

    Raises
    ------
    ConfigError
    """
    if weighted and not has_fit_parameter(estimator, "sample_weight"):
        expected = "fit(X, y, sample_weight), because the recordings or subjects do not weigh the same"
        raise own_learner_error(name, "does not accept weights", expected, f"{type(estimator).__name__}.fit without it")
    try:
        estimator.fit(X, y, **weighted)
        has_margins = hasattr(estimator, "decision_function")
        scores = (estimator.decision_function if has_margins else estimator.predict_proba)(X[:_N_PROBED])
        scores = np.asarray(scores, dtype=np.float64)
    except Exception as error:
        expected = f"fit and scores for {X.shape[0]} rows and {X.shape[1]} columns"
        raise own_learner_error(name, "raised an error", expected, f"{type(error).__name__}: {error}") from error
    n_rows, n_classes = min(len(X), _N_PROBED), len(np.unique(y))
    shapes = [(n_rows, n_classes)] if n_classes > 2 or not has_margins else [(n_rows,), (n_rows, 1)]
    if scores.shape not in shapes or not np.isfinite(scores).all():
        expected = f"finite scores of shape {list(shapes[0])} for {n_rows} rows and {n_classes} classes"
        found = f"shape {list(scores.shape)}" if scores.shape not in shapes else "NaN or infinite scores"
        raise own_learner_error(name, "returned scores that are not valid", expected, found)


def own_learner_error(name: str, what: str, expected: str, found: str, hint: str = "") -> ConfigError:
    """Return an error about a user's own learner."""
    hint = hint or "correct the function that is registered under this name"
    return ConfigError(f"the learner {name} {what}", code="bad-learner", expected=expected, found=found, hint=hint)


def _describe(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__
