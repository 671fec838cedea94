"""Users' own scikit-learn classifiers, to be scored beside the model: found, checked and tried before the folds."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.impute import SimpleImputer
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.code_hash import hash_code, hash_source_files, list_changed_modules
from pdmr_classic.errors import ConfigError, Finding
from pdmr_classic.features.names import is_model_input
from pdmr_classic.plugins import import_user_module
from pdmr_classic.progress import Reporter
from pdmr_classic.workers import use_one_thread

_SPEC = re.compile(r"(?:(?P<name>[\w .+-]{1,40})=)?(?P<module>[\w.]+):(?P<factory>\w+)")
_MAX_LISTED = 10


@dataclass(frozen=True, eq=False)
class OwnEstimator:
    """A classifier to score beside the model.

    Attributes
    ----------
    name : str
    estimator : estimator
        Unfitted; a clone is fitted each time. Seeds that were None are that of the settings, and it has one thread.
    imputes : bool
        Whether missing values are replaced by the median of the training rows first, because it refuses them.
    files : mapping of str to str
        Hashes of the files that define it; see `hash_source_files`.
    """

    name: str
    estimator: Any
    imputes: bool = False
    files: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """Hash of its classes, their code if it is the user's, and the parameters."""
        return hash_code(self.estimator, self.name)

    @property
    def uses_groups(self) -> bool:
        """Whether `fit` gets the subjects: it has a parameter `groups`, or something in it requests them."""
        return has_fit_parameter(self.estimator, "groups") or "groups" in self._routed

    @property
    def has_probabilities(self) -> bool:
        """Whether it predicts probabilities; otherwise its scores are calibrated."""
        return hasattr(self.estimator, "predict_proba")

    @property
    def _routed(self) -> set[str]:
        with config_context(enable_metadata_routing=True):
            return set(get_routing_for_object(self.estimator).consumes("fit", ["groups", "sample_weight"]))

    def check_files(self) -> None:
        """Check, in a worker process, that it has imported the same code as the process that made this.

        Raises
        ------
        ConfigError
            It has another version, on another machine or from before the file was changed.
        """
        if changed := list_changed_modules(self.files):
            raise ConfigError(
                f"the estimator {self.name} is another version in a worker process",
                code="other-estimator",
                expected=f"the same code in {', '.join(changed)} as in this process",
                found="other code",
                hint="put the same file on every worker, restart the workers, and run the same command again",
            )

    def fit(self, X: pd.DataFrame, y: Ints, groups: Any, weights: Floats) -> Any:
        """Return a fitted clone, after an imputer if it needs one.

        Weights are passed if they differ, and it accepts them.
        """
        imputer = None
        if self.imputes:
            imputer = SimpleImputer(strategy="median", keep_empty_features=True).set_output(transform="pandas")
            X = imputer.fit_transform(X)
        is_routed = not has_fit_parameter(self.estimator, "groups") and "groups" in self._routed
        metadata = {"groups": groups} if self.uses_groups else {}
        accepts_weights = "sample_weight" in self._routed if is_routed else self._has_weights
        if accepts_weights and (weights != 1).any():
            metadata["sample_weight"] = weights
        with use_one_thread(), config_context(enable_metadata_routing=is_routed):
            return FittedEstimator(clone(self.estimator).fit(X, y, **metadata), imputer)

    @property
    def _has_weights(self) -> bool:
        return bool(has_fit_parameter(self.estimator, "sample_weight"))

    def describe(self) -> dict[str, Any]:
        """Return what an evaluation says about it."""
        return {
            "estimator": type(self.estimator).__name__,
            "imputes": self.imputes,
            "uses_groups": self.uses_groups,
            "is_calibrated": not self.has_probabilities,
        }


@dataclass(frozen=True, eq=False)
class FittedEstimator:
    """A fitted classifier, and the imputer before it, if it needs one."""

    model: Any
    imputer: Any

    def predict_scores(self, X: pd.DataFrame, n_classes: int) -> Floats:
        """Return probabilities [n, K], or the scores of the second class [n, 1] or of each class [n, K].

        Raises
        ------
        ValueError
            They have another shape, or are not finite.
        """
        X = X if self.imputer is None else self.imputer.transform(X)
        has_probabilities = hasattr(self.model, "predict_proba")
        with use_one_thread():
            scores = np.asarray((self.model.predict_proba if has_probabilities else self.model.decision_function)(X))
        scores = scores.astype(np.float64).reshape(len(X), -1)
        width = n_classes if has_probabilities or n_classes > 2 else 1
        if scores.shape[1] != width or not np.isfinite(scores).all():
            raise ValueError(f"finite scores of shape [{len(X)}, {width}] expected, got shape {list(scores.shape)}")
        return scores


# --------------------------------------------------------------------------------------------- finding


def load_estimators(specs: Sequence[str], own: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the checked, unfitted classifiers by name.

    Parameters
    ----------
    specs : sequence of str
        "module:factory" or "NAME=module:factory", as in the settings.
    own : mapping of str to estimator or callable, optional
        Classifiers, or functions that return one, by name; they replace those of the same name in `specs`.

    Raises
    ------
    ConfigError
        A module or name is missing, or is not a classifier.
    """
    named = [_load(spec) for spec in specs]
    names = [name for name, _ in named]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            "two estimators have the same name",
            expected="a name of its own for each",
            found=", ".join(doubled),
            hint="name them: --estimator NAME=module:factory",
        )
    return {name: _make_estimator(name, value) for name, value in {**dict(named), **(own or {})}.items()}


def _load(spec: str) -> tuple[str, Any]:
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ConfigError(
            "--estimator must name a module and a function in it",
            expected="module:factory, or NAME=module:factory",
            found=repr(spec),
        )
    module = import_user_module(match["module"], option="--estimator")
    if not hasattr(module, match["factory"]):
        own = (name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__)
        public = [name for name in own if not name.startswith("_")]
        raise ConfigError(
            f"the module {match['module']} has no {match['factory']}",
            expected=", ".join(public[:_MAX_LISTED]) or "a function that returns a classifier",
            found=spec,
            hint="correct --estimator",
        )
    return match["name"] or match["factory"], getattr(module, match["factory"])


def _make_estimator(name: str, value: Any) -> Any:
    """Return the classifier, or that which the function returns."""
    if isinstance(value, type) or (callable(value) and not hasattr(value, "fit")):
        try:
            value = value()
        except Exception as error:
            expected = "a function without arguments that returns an unfitted classifier"
            raise estimator_error(name, "cannot be made", expected, f"{type(error).__name__}: {error}") from error
    if not hasattr(value, "fit") or not hasattr(value, "get_params"):
        raise estimator_error(name, "is not a scikit-learn estimator", "fit and get_params", type(value).__name__)
    if not is_classifier(value):
        kind = "a regressor" if is_regressor(value) else "neither a classifier nor a regressor"
        raise estimator_error(name, "is not a classifier", "a classifier", f"{type(value).__name__}, {kind}")
    if not hasattr(value, "predict_proba") and not hasattr(value, "decision_function"):
        expected = "predict_proba or decision_function, to rank recordings and choose a threshold"
        raise estimator_error(name, "has no scores", expected, type(value).__name__)
    return value


# ---------------------------------------------------------------------------------------------- trying


def try_estimators(
    estimators: Mapping[str, Any],
    features: pd.DataFrame,
    y: Ints,
    groups: Any,
    *,
    seed: int,
    reporter: Reporter,
) -> tuple[OwnEstimator, ...]:
    """Fit each estimator once on all rows, before the folds, to see whether it works and accepts missing values.

    Nothing of this fit is used but the answer.

    Parameters
    ----------
    estimators : mapping of str to estimator
    features : DataFrame, shape [n, F]
    y : ndarray of int, shape [n]
    groups : array-like, shape [n]
    seed : int
        For each `random_state` that is None.
    reporter : Reporter

    Raises
    ------
    ConfigError
        An estimator raises an error.
    """
    X = select_inputs(features)
    own = [_make_own(name, fix_params(value, seed)) for name, value in estimators.items()]
    tried = [_try(estimator, X, y, groups) for estimator in own]
    for estimator in tried:
        if estimator.imputes:
            what = f"the estimator {estimator.name} does not accept missing values: they are replaced by the median"
            reporter.note(Finding("estimator-imputation", f"{what} of the training recordings"))
    return tuple(tried)


def _make_own(name: str, estimator: Any) -> OwnEstimator:
    parts = [estimator, *estimator.get_params(deep=True).values()]
    return OwnEstimator(name, estimator, files=hash_source_files(parts))


def select_inputs(features: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that the model learns from."""
    return features[[name for name in features.columns if is_model_input(str(name))]]


def fix_params(estimator: Any, seed: int) -> Any:
    """Return a clone with a seed wherever there was none, and with one thread."""
    estimator = clone(estimator)
    params = estimator.get_params(deep=True)
    changes: dict[str, Any] = {}
    for name, value in params.items():
        owner, _, last = name.rpartition("__")
        if last == "random_state" and value is None:
            changes[name] = seed
        elif last == "n_jobs" and (value is not None or _uses_all_cores(params.get(owner, estimator))):
            changes[name] = 1
    return estimator.set_params(**changes)


def _uses_all_cores(estimator: Any) -> bool:
    """Return whether None is no limit of the number of threads; in scikit-learn, it is one."""
    return type(estimator).__module__.partition(".")[0] in ("lightgbm", "xgboost")


def _try(estimator: OwnEstimator, X: pd.DataFrame, y: Ints, groups: Any) -> OwnEstimator:
    has_missing = bool(X.isna().any(axis=None))
    candidates = [estimator]
    if has_missing and not get_tags(estimator.estimator).input_tags.allow_nan:
        candidates.append(replace(estimator, imputes=True))
    for candidate in candidates:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted = candidate.fit(X, y, groups, np.ones(len(y)))
                fitted.predict_scores(X[:2], len(np.unique(y)))
        except Exception as error:
            if candidate is not candidates[-1]:
                continue
            expected = f"fit and scores for {len(X)} recordings and {X.shape[1]} features"
            found = f"{type(error).__name__}: {error}"
            raise estimator_error(estimator.name, "raised an error", expected, found) from error
        return candidate
    raise AssertionError("the last candidate is returned or raises")


def estimator_error(name: str, what: str, expected: str, found: str) -> ConfigError:
    """Return an error about a user's own estimator."""
    return ConfigError(
        f"the estimator {name} {what}",
        code="bad-estimator",
        expected=expected,
        found=found,
        hint="correct it, or drop it from --estimator",
    )
