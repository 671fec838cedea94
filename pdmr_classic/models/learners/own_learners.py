"""Users' own learners in the stack, registered by a function call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import Trial

from pdmr_classic.code_hash import hash_code
from pdmr_classic.models.learners._lite import LITE_LEARNERS
from pdmr_classic.models.learners._own_steps import OwnBuild, OwnSpace, accepts_missing, own_learner_error
from pdmr_classic.models.learners.algorithm import PREPROCESSING_PARAMS, Learner
from pdmr_classic.models.learners.learners import KINDS, LEARNERS
from pdmr_classic.models.learners.regressors import REGRESSORS
from pdmr_classic.models.learners.search_spaces import add_space, remove_space
from pdmr_classic.plugins import Plugin, add_plugin, check_plugin_name, remove_plugin

Space = Callable[[Trial], dict[str, Any]]


def register_learner(
    name: str,
    build: Callable[..., Any] | None = None,
    *,
    kind: str = "other",
    needs_scaling: bool = True,
    stores_rows: bool = True,
    search_space: Space | None = None,
    defaults: Mapping[str, Any] | None = None,
    version: str = "",
) -> Any:
    """Make a scikit-learn classifier of your own a base learner of the stack.

    Name it in the settings: `learning.learners = ["lightgbm", "svm", "mine"]`. Call this function when your module is
    imported, and name that module with `--plugin` or in the settings (`plugins.modules`); in a notebook, a call is
    enough. Columns are selected, and the audio vector is reduced, before it, as for the built-in learners.

    Parameters
    ----------
    name : str
        Letters, digits and single underscores; no built-in learner has it.
    build : callable, optional
        Takes the hyperparameters (dict) and a seed (int), and returns an unfitted classifier with `predict_proba` or
        `decision_function`; without it, a decorator is returned. Classes are the integers from 0. Let it use one
        thread, and pass it the seed, so that results do not depend on the number of processes.
    kind : {"boosting", "kernel", "forest", "linear", "other"}
        Learners of one kind on one view share their votes in the average.
    needs_scaling : bool
        Whether missing values are imputed and columns scaled first.
    stores_rows : bool
        Whether the fitted classifier contains rows of its training data; then `--no-training-rows` leaves it out.
    search_space : callable, optional
        Takes an Optuna trial and returns the hyperparameters; without it, the learner is not tuned.
    defaults : mapping, optional
        Hyperparameters of the first trial, and of a learner that is not tuned.
    version : str
        Change it when the result changes although the file of `build` does not. Interrupted studies are resumed only
        with the same code.

    Returns
    -------
    callable
        The function, unchanged.

    Raises
    ------
    ConfigError
        A parameter is not valid, `build` does not return a classifier, or another module has registered the name.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> def suggest(trial):
    ...     return {"var_smoothing": trial.suggest_float("var_smoothing", 1e-9, 1.0, log=True)}
    >>> @register_learner("bayes", search_space=suggest, defaults={"var_smoothing": 1e-3}, stores_rows=False)
    ... def build(params, seed):
    ...     return GaussianNB(**params)
    >>> LEARNERS["bayes"].needs_scaling
    True
    >>> unregister_learner("bayes")
    """

    def register(build: Callable[..., Any]) -> Callable[..., Any]:
        check_plugin_name("learner", name, _list_reserved())
        default_params = _check_defaults(name, {} if defaults is None else defaults)
        space_function = _check_space(name, search_space)
        own_build = OwnBuild(name, build)
        learner = Learner(name, own_build, kind, needs_scaling, stores_rows, is_own=True)
        _check_learner(learner, own_build(default_params, 0))
        space = "" if search_space is None else hash_code(search_space)
        options = (version, kind, str(needs_scaling), json.dumps(default_params, sort_keys=True), space)
        entry = OwnLearner(learner, default_params, space_function)
        add_plugin(Plugin("learner", name, build, hash_code(build, *options), add_own_learner, entry, options))
        return build

    return register if build is None else register(build)


def unregister_learner(name: str) -> None:
    """Remove a learner that `register_learner` added, if it is there."""
    if remove_plugin("learner", name) is not None:
        LEARNERS.pop(name, None)
        remove_space(name)


@dataclass(frozen=True)
class OwnLearner:
    """A user's own learner, with its hyperparameters.

    Attributes
    ----------
    learner : Learner
    defaults : dict
    search_space : callable or None
    """

    learner: Learner
    defaults: dict[str, Any]
    search_space: Space | None


def add_own_learner(own: OwnLearner) -> None:
    """Add a user's own learner to those of classes, or replace an earlier version of it."""
    add_space(own.learner.name, own.defaults, own.search_space, is_scaled=own.learner.needs_scaling)
    LEARNERS[own.learner.name] = own.learner


def _list_reserved() -> list[str]:
    built_in = [name for name, learner in LEARNERS.items() if not learner.is_own]
    return [*built_in, *LITE_LEARNERS, *REGRESSORS]


def _check_space(name: str, search_space: Any) -> OwnSpace | None:
    if search_space is not None and not callable(search_space):
        expected, found = "a function of an Optuna trial", type(search_space).__name__
        raise own_learner_error(name, "has a search space that is not valid", expected, found)
    return None if search_space is None else OwnSpace(name, search_space)


def _check_defaults(name: str, defaults: Any) -> dict[str, Any]:
    if not isinstance(defaults, Mapping):
        expected, found = "a dict of hyperparameters", type(defaults).__name__
        raise own_learner_error(name, "has defaults that are not valid", expected, found)
    if taken := sorted(PREPROCESSING_PARAMS & defaults.keys()):
        expected = f"names other than {', '.join(sorted(PREPROCESSING_PARAMS))}, which belong to the steps before it"
        raise own_learner_error(name, "has hyperparameters that are taken", expected, ", ".join(taken))
    try:
        json.dumps(dict(defaults))
    except TypeError as error:
        expected = "numbers, strings, true, false or none, because the manifest holds them"
        raise own_learner_error(name, "has defaults that are not valid", expected, str(error)) from None
    return dict(defaults)


def _check_learner(learner: Learner, estimator: Any) -> None:
    if learner.kind not in KINDS:
        raise own_learner_error(learner.name, "has an unknown kind", ", ".join(KINDS), repr(learner.kind))
    if not learner.needs_scaling and not accepts_missing(estimator):
        raise own_learner_error(
            learner.name,
            "does not accept missing values",
            "an estimator with the tag allow_nan, because features of a recording may be missing",
            type(estimator).__name__,
            "register it with needs_scaling=True, which also imputes them",
        )
