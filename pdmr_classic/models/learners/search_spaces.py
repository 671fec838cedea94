"""Search space of each learner, and the default hyperparameters that each study tries first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from optuna.trial import Trial

from pdmr_classic.models.learners.preprocessing import AUDIO_FORMS
from pdmr_classic.models.learners.suppression import AUTO, METHODS

SPACES_VERSION = 2
"""Raise this with every change of the spaces or the defaults, so that studies of the old ones are not resumed."""

# Number of columns to select; None keeps all. The best choice differs by data set and learner.
_COLUMNS = (None, 300, 100, 30)
# Principal components of the audio vector; None keeps the full vector.
_COMPONENTS = (None, 40)

_DEFAULTS: dict[str, dict[str, Any]] = {
    "lightgbm": {
        "k": 300,
        "n_estimators": 100,
        "learning_rate": 0.05,
        "num_leaves": 7,
        "min_child_samples": 10,
        "colsample_bytree": 0.2,
        "subsample": 0.8,
        "reg_lambda": 1.0,
    },
    "xgboost": {
        "k": 300,
        "n_estimators": 100,
        "learning_rate": 0.05,
        "max_depth": 3,
        "min_child_weight": 2.0,
        "colsample_bytree": 0.2,
        "subsample": 0.8,
        "reg_lambda": 1.0,
    },
    "svm": {"k": None, "C": 2.0, "gamma_scale": 1.0},
    "linear": {"k": None, "C": 3.0},
    "extra_trees": {"k": None, "n_estimators": 200, "min_samples_leaf": 2},
    "svr": {"k": None, "C": 1.0, "gamma_scale": 1.0},
    "ridge": {"k": None, "C": 3.0},
    "ordinal": {"k": None, "C": 3.0},
    "extra_trees_regressor": {"k": None, "n_estimators": 200, "min_samples_leaf": 2, "max_features": 0.1},
}
_DEFAULTS |= {f"{name}_{kind}": _DEFAULTS[name] for name in ("lightgbm", "xgboost") for kind in ("regressor", "median")}
_AUDIO_DEFAULTS = {"audio": "as_is", "audio_components": None}
_DEFAULTS |= {
    # Of lite models.
    "lite_ridge": {"k": None, "penalty": 1.0},
    "lite_trees": {"k": None, "n_estimators": 60, "max_depth": 6, "min_samples_leaf": 2},
}
# Learners whose columns are scaled, so that the share of the audio vector in the joint view can be set.
_SCALED = {"svm", "linear", "svr", "ridge", "ordinal", "lite_ridge"}
# None: in proportion to the square roots of the numbers of columns.
_AUDIO_SHARES = (None, 0.2, 0.5, 0.8)
# Directions to remove with `suppress_identity`; 0 removes nothing.
_SUPPRESSED = (AUTO, 0, 1, 2, 3, 5, 8, 13)
SUPPRESS_DEFAULTS: dict[str, Any] = {"suppress": METHODS[0], "suppress_number": AUTO}
"""Hyperparameters of `SuppressIdentity`; members without them keep personal habits."""


def default_params(learner: str, has_audio: bool, is_joint: bool = False, suppresses: bool = False) -> dict[str, Any]:
    """Return the default hyperparameters of a learner, on a view with an audio vector, or of several modalities.

    `suppresses`: whether personal habits are suppressed.
    """
    params = _DEFAULTS[learner] | (_AUDIO_DEFAULTS if has_audio else {}) | (SUPPRESS_DEFAULTS if suppresses else {})
    return params | ({"audio_share": _AUDIO_SHARES[0]} if is_joint and learner in _SCALED else {})


def suggest_params(
    learner: str, trial: Trial, has_audio: bool, is_joint: bool = False, suppresses: bool = False
) -> dict[str, Any]:
    """Sample the hyperparameters of a learner, on a view with an audio vector, or of several modalities.

    `suppresses`: whether personal habits are suppressed.

    Raises
    ------
    ValueError
        The learner has no search space, see `is_tuned`.
    """
    if learner not in _SPACES:
        raise ValueError(f"learner must have a search space ({', '.join(_SPACES)}), got {learner!r}")
    params: dict[str, Any] = {"k": trial.suggest_categorical("k", _COLUMNS)}
    if is_joint and learner in _SCALED:
        shares = _AUDIO_SHARES if has_audio else _AUDIO_SHARES[:1]
        params["audio_share"] = trial.suggest_categorical("audio_share", shares)
    if has_audio:
        params["audio"] = trial.suggest_categorical("audio", AUDIO_FORMS)
        params["audio_components"] = trial.suggest_categorical("audio_components", _COMPONENTS)
    if suppresses:
        params["suppress"] = trial.suggest_categorical("suppress", METHODS)
        params["suppress_number"] = trial.suggest_categorical("suppress_number", _SUPPRESSED)
    return params | _SPACES[learner](trial)


def _suggest_svm(trial: Trial) -> dict[str, Any]:
    return {
        "C": trial.suggest_float("C", 0.05, 50.0, log=True),
        "gamma_scale": trial.suggest_float("gamma_scale", 0.05, 5.0, log=True),
    }


def _suggest_linear(trial: Trial) -> dict[str, Any]:
    return {"C": trial.suggest_float("C", 0.01, 100.0, log=True)}


def _suggest_boosting(trial: Trial) -> dict[str, Any]:
    return {
        "n_estimators": trial.suggest_int("n_estimators", 30, 300, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 1.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.01, 30.0, log=True),
    }


def _suggest_lightgbm(trial: Trial) -> dict[str, Any]:
    return _suggest_boosting(trial) | {
        "num_leaves": trial.suggest_int("num_leaves", 3, 15),
        "min_child_samples": trial.suggest_int("min_child_samples", 3, 30),
    }


def _suggest_xgboost(trial: Trial) -> dict[str, Any]:
    return _suggest_boosting(trial) | {
        "max_depth": trial.suggest_int("max_depth", 1, 5),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 10.0, log=True),
    }


_SPACES: dict[str, Callable[[Trial], dict[str, Any]]] = {
    "lightgbm": _suggest_lightgbm,
    "xgboost": _suggest_xgboost,
    "svm": _suggest_svm,
    "linear": _suggest_linear,
    "lightgbm_regressor": _suggest_lightgbm,
    "lightgbm_median": _suggest_lightgbm,
    "xgboost_regressor": _suggest_xgboost,
    "xgboost_median": _suggest_xgboost,
    "svr": _suggest_svm,
    "ridge": _suggest_linear,
    "ordinal": _suggest_linear,
}


def is_tuned(learner: str) -> bool:
    """Return whether a learner has a study; for extra trees, it would bring little, and take the longest."""
    return learner in _SPACES


def add_space(
    learner: str, defaults: Mapping[str, Any], suggest: Callable[[Trial], dict[str, Any]] | None, *, is_scaled: bool
) -> None:
    """Add the defaults and the search space of a user's own learner, or replace an earlier version of them."""
    remove_space(learner)
    _DEFAULTS[learner] = {"k": None, **defaults}
    if suggest is not None:
        _SPACES[learner] = suggest
    if is_scaled:
        _SCALED.add(learner)


def remove_space(learner: str) -> None:
    """Remove what `add_space` added."""
    _DEFAULTS.pop(learner, None)
    _SPACES.pop(learner, None)
    _SCALED.discard(learner)
