"""How Optuna searches: its sampler and its pruner with every argument given, as their defaults change with versions."""

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

# The newest trials count fully, older ones the less the older they are.
_FULL_WEIGHTS = 25


def _n_good(n_trials: int) -> int:
    return min(math.ceil(0.1 * n_trials), 25)


def _weights(n_trials: int) -> Floats:
    n_old = max(n_trials - _FULL_WEIGHTS, 0)
    return np.append(np.linspace(1 / max(n_trials, 1), 1, n_old), np.ones(n_trials - n_old))


_TPE: dict[str, Any] = {
    "n_startup_trials": 6,
    "n_ei_candidates": 24,
    "multivariate": True,
    "group": True,
    "constant_liar": True,
    "constraints_func": None,
    "categorical_distance_func": None,
}
# Deprecated since Optuna 4.9, which always takes these values; None stands for them in its signature.
_TPE_TO_4_8: dict[str, Any] = {
    "consider_prior": True,
    "prior_weight": 1.0,
    "consider_magic_clip": True,
    "consider_endpoints": False,
    "gamma": _n_good,
    "weights": _weights,
    "warn_independent_sampling": False,
}


def make_sampler(seed: int) -> TPESampler:
    """Return the sampler of one trial: a tree-structured Parzen estimator over all parameters jointly."""
    known = inspect.signature(TPESampler).parameters
    older = {name: value for name, value in _TPE_TO_4_8.items() if name in known and known[name].default is not None}
    arguments = {name: value for name, value in _TPE.items() if name in known} | older
    with _experiments_allowed():
        return TPESampler(seed=seed, **arguments)


def make_pruner() -> WilcoxonPruner:
    """Return the pruner that gives a trial up once it is probably worse than the best one, fold by fold."""
    with _experiments_allowed():
        return WilcoxonPruner(p_threshold=0.1, n_startup_steps=2)


@contextmanager
def _experiments_allowed() -> Iterator[None]:
    """Silence Optuna about what it calls experimental: the pruner, grouping, and before Optuna 5 the joint sampling.

    Interfaces may change, which the tests with the oldest and the newest libraries guard against.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
