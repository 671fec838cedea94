"""Base learners: single-threaded pipelines whose preprocessing is fitted inside each fold."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier, LGBMModel
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC
from xgboost import XGBClassifier

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import LearningSettings
from pdmr_classic.errors import ConfigError
from pdmr_classic.features.names import AUDIO
from pdmr_classic.models.learners._boosting import Rows, fit_boosting
from pdmr_classic.models.learners._lite import LITE_LEARNERS
from pdmr_classic.models.learners._own_steps import fit_own
from pdmr_classic.models.learners.algorithm import ClippedExtraTrees, Learner, algorithm_params
from pdmr_classic.models.learners.blocks import ScaleBlocks
from pdmr_classic.models.learners.large_table import LargeTable, draw_sample, map_batches
from pdmr_classic.models.learners.member import Member, Params, default_members
from pdmr_classic.models.learners.preprocessing import DropUninformative, KeepBest, NormalizeAudio, RobustScale
from pdmr_classic.models.learners.regressors import REGRESSORS
from pdmr_classic.models.learners.suppression import SuppressIdentity
from pdmr_classic.workers import use_one_thread


def _lightgbm(params: Params, seed: int) -> Any:
    return LGBMClassifier(
        **algorithm_params(params),
        max_bin=63,
        subsample_freq=1,
        random_state=seed,
        # On a busy two-core machine, two threads were measured to be 10 to 18 times slower than one.
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )


def _xgboost(params: Params, seed: int) -> Any:
    return XGBClassifier(
        **algorithm_params(params), max_bin=63, tree_method="hist", random_state=seed, n_jobs=1, verbosity=0
    )


def _svm(params: Params, seed: int) -> Any:
    # gamma is a multiple of 1 / n_columns, to match squared distances between standardised rows.
    return _ScaledSVC(C=params.get("C", 1.0), scale=params.get("gamma_scale", 1.0), random_state=seed)


def _linear(params: Params, seed: int) -> Any:
    return _ScaledLogistic(params.get("C", 1.0), random_state=seed)


def _extra_trees(params: Params, seed: int) -> Any:
    return ClippedExtraTrees(**algorithm_params(params), random_state=seed, n_jobs=1)


class _ScaledSVC(SVC):  # type: ignore[misc]
    """An RBF SVM whose gamma is relative to the number of columns selected in the fold.

    Classes are weighted equally: with 20% positives, a C that suits the negatives puts all positives at the bound.
    """

    def __init__(self, C: float = 1.0, scale: float = 1.0, random_state: int | None = None) -> None:
        super().__init__(C=C, kernel="rbf", class_weight="balanced", random_state=random_state, cache_size=200)
        self.scale = scale

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _ScaledSVC:
        self.gamma = self.scale / X.shape[1]
        super().fit(X, y, sample_weight)
        return self


class _ScaledLogistic(LogisticRegression):  # type: ignore[misc]
    """A ridge logistic regression whose C is relative to the number of columns selected in the fold."""

    def __init__(self, strength: float = 1.0, random_state: int | None = None) -> None:
        super().__init__(max_iter=300, tol=1e-3, random_state=random_state)
        self.strength = strength

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _ScaledLogistic:
        self.C = self.strength / X.shape[1]
        super().fit(X, y, sample_weight)
        return self


LEARNERS: dict[str, Learner] = {
    learner.name: learner
    for learner in (
        Learner("lightgbm", _lightgbm, "boosting", reads_batches=True),
        Learner("xgboost", _xgboost, "boosting", reads_batches=True),
        Learner("svm", _svm, "kernel", needs_scaling=True, stores_rows=True),
        Learner("linear", _linear, "linear", needs_scaling=True),
        Learner("extra_trees", _extra_trees, "forest"),
    )
}


def find_learner(name: str) -> Learner:
    """Return a learner of classes, of a lite model or of scores."""
    return (LEARNERS | LITE_LEARNERS | REGRESSORS)[name]


def select_learners(learning: LearningSettings) -> list[str]:
    """Return the learners in the settings, except those that store training rows if that is not allowed.

    A lite model has its own.
    """
    if learning.lite:
        return list(LITE_LEARNERS)
    return select_allowed(learning.learners, learning)


def select_allowed(names: Iterable[str], learning: LearningSettings) -> list[str]:
    """Return the names of learners that may be used: those that store training rows only if that is allowed."""
    return [name for name in names if learning.training_rows or not find_learner(name).stores_rows]


def check_learners(
    names: Sequence[str], known: Mapping[str, Learner], learning: LearningSettings, *, section: str, purpose: str = ""
) -> None:
    """Raise a ConfigError if a name in a section of the settings is unknown, or no learner may be used.

    Parameters
    ----------
    names : sequence of str
    known : mapping of str to Learner
    learning : LearningSettings
    section : str
        Of the settings file, for the message.
    purpose : str
        What the learners are for, for the message, such as " for scores".
    """
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"unknown learner{purpose}",
            expected=", ".join(known),
            found=", ".join(unknown),
            hint=f"correct the name in the settings: [{section}] learners = [...], or pass the module of your own "
            "learner with --plugin",
        )
    if not select_allowed(names, learning):
        raise ConfigError(
            f"--no-training-rows leaves no learner{purpose or ' to train'}",
            expected=", ".join(name for name, learner in known.items() if not learner.stores_rows),
            found=", ".join(names),
            hint="add another learner, or drop --no-training-rows (training_rows = true)",
        )


def make_members(views: Iterable[str], learning: LearningSettings) -> list[Member]:
    """Return each learner in the settings on each view, with default hyperparameters."""
    return default_members(views, select_learners(learning))


_VOTES = {"kernel": 2.0, "forest": 2.0, "boosting": 1.0, "linear": 0.5, "other": 1.0}
KINDS = tuple(_VOTES)
"""Kinds of learners that differ in their votes."""


def count_votes(members: Sequence[Member]) -> list[float]:
    """Return the votes of each member: those of its kind, shared among the members of that kind on the same view.

    Kernels and forests have 2 votes, boosting and other kinds 1, linear models 1/2: chosen on the design tasks of
    benchmarks/joining.py, where kernels and forests had the smallest log loss, and linear models the largest.

    Examples
    --------
    >>> count_votes([Member("video", "lightgbm"), Member("video", "xgboost"), Member("video", "svm")])
    [0.5, 0.5, 2.0]
    """
    kinds = [find_learner(member.learner).kind for member in members]
    pairs = [(member.view, kind) for member, kind in zip(members, kinds, strict=True)]
    return [_VOTES[kind] / pairs.count((view, kind)) for view, kind in pairs]


def fit_member(
    member: Member,
    X: Floats | LargeTable,
    y: NDArray[Any],
    blocks: Mapping[str, Ints],
    seed: int,
    weights: Floats | None = None,
    groups: NDArray[Any] | None = None,
) -> Pipeline:
    """Fit one base learner in a single thread.

    Parameters
    ----------
    member : Member
    X : ndarray or LargeTable, shape [n, F]
        If the table is on disk, boosting learns from all rows; preprocessing and all other learners use a sample of
        subjects.
    y : ndarray of int, shape [n]; of float if the learner is numeric
    blocks : mapping of str to ndarray of int
        Column indices of each modality in `X`; without any, all columns are one block.
    seed : int
    weights : ndarray, shape [n], optional
        Row weights, used by the last step; rows with weight 0 are left out of all steps.
    groups : ndarray, shape [n], optional
        The subject of each row; required to suppress personal habits, and to draw a sample.
    """
    learner = find_learner(member.learner)
    steps = [*_make_preprocessing(member, X.shape[1], blocks), learner.build(member.params, seed)]
    weights = np.ones(len(X)) if weights is None else weights
    used = np.flatnonzero(weights > 0)
    all_rows = None
    if isinstance(X, LargeTable):
        all_rows = Rows(X[used], y[used], weights[used])
        used = used[draw_sample(y[used], used if groups is None else groups[used], X.max_rows, seed)]
    values: Any = X[used].read() if isinstance(X, LargeTable) else X[used]
    y, weights, groups = y[used], weights[used], None if groups is None else groups[used]
    # Step by step, because a pipeline would need sample_weight to be requested while metadata routing is enabled.
    with use_one_thread():
        for step in steps[:-1]:
            is_grouped = isinstance(step, SuppressIdentity)
            subjects = {"groups": groups, "sample_weight": weights} if is_grouped else {}
            values = step.fit(values, y, **subjects).transform(values)
        if learner.reads_batches and all_rows is not None:
            fit_boosting(steps[-1], all_rows, Rows(values, y, weights), partial(_transform, steps[:-1]))
            return make_pipeline(*steps)
        weighted = {} if (weights == 1).all() else {"sample_weight": weights}
        if learner.is_own:
            fit_own(learner.name, steps[-1], values, y, weighted)
        else:
            steps[-1].fit(values, y, **weighted)
    return make_pipeline(*steps)


def _transform(steps: Iterable[Any], X: Floats) -> Floats:
    for step in steps:
        X = step.transform(X)
    return np.asarray(X)


def _make_preprocessing(member: Member, n_columns: int, blocks: Mapping[str, Ints]) -> list[Any]:
    """Return the unfitted steps before the learner: normalise the audio vector, select columns, scale them.

    To suppress habits, all columns are scaled, whatever the learner, and selected last.
    """
    audio = blocks.get(AUDIO, np.zeros(0, dtype=np.intp))
    params, learner = member.params, find_learner(member.learner)
    form, components = params.get("audio", "as_is"), params.get("audio_components")
    is_balanced = learner.needs_scaling and sum(len(block) > 0 for block in blocks.values()) > 1
    is_balanced &= "audio_share" in params
    steps: list[Any] = []
    if len(audio) and (form != "as_is" or components is not None or is_balanced):
        steps.append(NormalizeAudio(audio, form=form, components=components))
    select = KeepBest(params.get("k"), numeric=learner.numeric)
    if "suppress" in params:
        # Before the selection: habits hide the columns that are related to the target.
        balance = ScaleBlocks(_locate_blocks(blocks, n_columns), params["audio_share"]) if is_balanced else None
        scale = [DropUninformative(), RobustScale()] if balance is None else [balance]
        suppress = SuppressIdentity(params["suppress"], params["suppress_number"], numeric=learner.numeric)
        return [*steps, *scale, suppress, select]
    if is_balanced:
        others = _locate_blocks(blocks, n_columns)
        return [*steps, ScaleBlocks(others, params["audio_share"], params.get("k"), numeric=learner.numeric)]
    steps += [DropUninformative(), select]
    return [*steps, RobustScale()] if learner.needs_scaling else steps


def _locate_blocks(blocks: Mapping[str, Ints], n_columns: int) -> list[Ints]:
    """Return the columns of each modality but the last, after `NormalizeAudio`, which moves the audio vector last."""
    remaining = np.setdiff1d(np.arange(n_columns), blocks.get(AUDIO, np.zeros(0, dtype=np.intp)))
    others = [np.searchsorted(remaining, block) for name, block in blocks.items() if name != AUDIO and len(block)]
    return others if AUDIO in blocks else others[:-1]


def erase_feature_ranges(model: Pipeline) -> None:
    """Remove the range of each column from a fitted LightGBM, because its limits are values of single recordings."""
    if isinstance(model[-1], LGBMModel):
        booster = model[-1].booster_
        text = booster.model_to_string(num_iteration=-1)
        booster.model_from_string(_RANGES_LINE.sub(lambda line: _RANGE.sub(_NO_RANGE, line[0]), text))


_RANGES_LINE = re.compile(r"^feature_infos=.*$", re.MULTILINE)
_RANGE = re.compile(r"\[[^\]]*\]")
_NO_RANGE = "none"  # LightGBM writes this for constant columns


def raw_scores(model: Pipeline, X: Floats | LargeTable) -> Floats:
    """Return the uncalibrated scores of a fitted learner.

    Parameters
    ----------
    model : Pipeline
    X : ndarray or LargeTable, shape [n, F]

    Returns
    -------
    ndarray, shape [n, 1] for two classes or a number, [n, K] for K > 2
        Log-odds of the second class, or log-probabilities; margins of an SVM; the number that a regressor predicts.
    """
    return map_batches(partial(_score_rows, model), X)


def _score_rows(model: Pipeline, X: Floats) -> Floats:
    with use_one_thread():
        if hasattr(model[-1], "decision_function"):
            scores = np.asarray(model.decision_function(X), dtype=np.float64)
            return scores[:, None] if scores.ndim == 1 else scores
        with warnings.catch_warnings():
            # LightGBM before 4.7 generates names for the columns of an array, and then warns that they are missing.
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            if not hasattr(model[-1], "predict_proba"):
                return np.asarray(model.predict(X), dtype=np.float64).reshape(-1, 1)
            return log_odds(np.asarray(model.predict_proba(X), dtype=np.float64))


MIN_PROBABILITY = 1e-6


def log_odds(probability: ArrayLike) -> Floats:
    """Return log-odds of the second class, shape [n, 1], or log-probabilities for K > 2 classes, shape [n, K].

    Examples
    --------
    >>> log_odds([[0.5, 0.5]])
    array([[0.]])
    """
    p = np.clip(np.asarray(probability, dtype=np.float64), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.log(p[:, 1:] / p[:, :1]) if p.shape[1] == 2 else np.log(p)
