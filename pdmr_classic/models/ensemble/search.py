"""Optuna sampler and pruner with all arguments set, because their defaults change between versions."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import WilcoxonPruner
from optuna.samplers import TPESampler

from pdmr_classic.arrays import Floats

# The newest trials have full weight; the weight of older ones decreases with age.
_N_FULL_WEIGHT = 25


def _n_good(n_trials: int) -> int:
    return min(math.ceil(0.1 * n_trials), 25)


def _weights(n_trials: int) -> Floats:
    n_old = max(n_trials - _N_FULL_WEIGHT, 0)
    return np.append(np.linspace(1 / max(n_trials, 1), 1, n_old), np.ones(n_trials - n_old))


_TPE_ARGUMENTS: dict[str, Any] = {
    "n_startup_trials": 6,
    "n_ei_candidates": 24,
    "multivariate": True,
    "group": True,
    "constant_liar": True,
    "constraints_func": None,
    "categorical_distance_func": None,
}
# Deprecated since Optuna 4.9, whose default None means these values.
_TPE_ARGUMENTS_UP_TO_4_8: dict[str, Any] = {
    "consider_prior": True,
    "prior_weight": 1.0,
    "consider_magic_clip": True,
    "consider_endpoints": False,
    "gamma": _n_good,
    "weights": _weights,
    "warn_independent_sampling": False,
}


def make_sampler(seed: int) -> TPESampler:
    """Return the sampler of one trial: a multivariate tree-structured Parzen estimator."""
    accepted = inspect.signature(TPESampler).parameters
    arguments = {name: value for name, value in _TPE_ARGUMENTS.items() if name in accepted}
    for name, value in _TPE_ARGUMENTS_UP_TO_4_8.items():
        if name in accepted and accepted[name].default is not None:
            arguments[name] = value
    with ignore_experimental_warnings():
        return TPESampler(seed=seed, **arguments)


def make_pruner() -> WilcoxonPruner:
    """Return the pruner that stops trials which are worse than the best one by a Wilcoxon test over folds."""
    with ignore_experimental_warnings():
        return WilcoxonPruner(p_threshold=0.1, n_startup_steps=2)


@contextmanager
def ignore_experimental_warnings() -> Iterator[None]:
    """Silence Optuna's warnings about experimental features: the pruner, `group` and (before 5.0) `multivariate`.

    If these interfaces change, the tests with the oldest and newest supported versions fail.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
