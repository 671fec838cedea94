"""Compile fitted pipelines and fitted features: one function per class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from xgboost import XGBClassifier

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import ConfigError
from pdmr_classic.features.families.kinemes import N_KINEMES, KinemeHistogram
from pdmr_classic.features.families.tangent import TangentMap
from pdmr_classic.features.fold_fitted import FoldFittedFeatures
from pdmr_classic.models.compiled.fitted_features import Absent, FittedFeatures, Joined, Kinemes, Tangent
from pdmr_classic.models.compiled.forest import Forest, read_lightgbm, read_sklearn_forest, read_xgboost
from pdmr_classic.models.compiled.steps import (
    AudioVector,
    Columns,
    Linear,
    LogOdds,
    PairwiseVotes,
    Projection,
    RbfKernel,
    Scale,
    Softmax,
    Step,
    Suppress,
)
from pdmr_classic.models.ensemble.fitted_columns import FoldFitted
from pdmr_classic.models.ensemble.joining import JoinedFeatures
from pdmr_classic.models.learners.blocks import ScaleBlocks
from pdmr_classic.models.learners.canonical import N_PAIRS
from pdmr_classic.models.learners.canonical import Projection as VariateProjection
from pdmr_classic.models.learners.preprocessing import DropUninformative, KeepBest, NormalizeAudio, RobustScale
from pdmr_classic.models.learners.suppression import SuppressIdentity


def compile_pipeline(pipeline: Pipeline, columns: Columns) -> tuple[Step, ...]:
    """Return the steps of a fitted base learner.

    Parameters
    ----------
    pipeline : Pipeline
        As returned by `fit_member`.
    columns : Columns
        The columns of its view.

    Raises
    ------
    ConfigError
        There is no compiled form of a step.
    """
    steps: list[Step] = [columns]
    for _, fitted in pipeline.steps:
        for step in _find_compiler(fitted)(fitted):
            _append(steps, step)
    return tuple(steps)


def _append(steps: list[Step], step: Step) -> None:
    """Append a step; selections of columns are merged with what follows them."""
    last = steps[-1] if steps else None
    if isinstance(last, Columns) and isinstance(step, Columns):
        steps[-1] = Columns(last.indices[step.indices])
    elif isinstance(last, Columns) and isinstance(step, Forest):
        steps[-1] = step.select(last.indices)
    else:
        steps.append(step)


def _find_compiler(fitted: Any) -> Callable[[Any], list[Step]]:
    for kind, compiler in _COMPILERS.items():
        # A user's own subclass may predict in another way.
        if type(fitted) is kind or (isinstance(fitted, kind) and type(fitted).__module__.startswith("pdmr_classic.")):
            return compiler
    raise _no_compiled_form(fitted, _COMPILERS)


def _no_compiled_form(fitted: Any, kinds: Iterable[type]) -> ConfigError:
    return ConfigError(
        "a part of the model has no compiled form",
        expected=", ".join(sorted(kind.__name__ for kind in kinds)),
        found=type(fitted).__name__,
        hint="train with other learners (learning.learners)",
    )


def _compile_selector(selector: Any) -> list[Step]:
    return [Columns(np.flatnonzero(selector.get_support()))]


def _compile_audio(audio: NormalizeAudio) -> list[Step]:
    if audio.pca_ is None and audio.form == "as_is":  # only the order of the columns changes
        return [Columns(np.argsort(audio.is_audio_, kind="stable"))]
    if audio.pca_ is None:
        return [AudioVector(audio.is_audio_, audio.form)]
    axes = audio.pca_.components_.T
    return [AudioVector(audio.is_audio_, audio.form, Projection(audio.mean_, axes, audio.pca_.mean_ @ axes))]


def _compile_scale(scaler: RobustScale) -> list[Step]:
    return [Scale(scaler.center_, scaler.scale_, scaler.limit)]


def _compile_blocks(blocks: ScaleBlocks) -> list[Step]:
    selected, center, scale, factor = [], [], [], []
    for block, (drop, keep, scaler), value in zip(blocks.blocks_, blocks.scalers_, blocks.factors_, strict=True):
        columns = np.flatnonzero(drop.get_support())[np.flatnonzero(keep.get_support())]
        selected.append(block[columns])
        center.append(scaler.center_)
        scale.append(scaler.scale_)
        factor.append(np.full(len(columns), value))
    limit = blocks.scalers_[0][-1].limit
    join = np.concatenate
    return [Columns(join(selected)), Scale(join(center), join(scale), limit, join(factor))]


def _compile_suppression(suppress: SuppressIdentity) -> list[Step]:
    return [Suppress(suppress.center_, suppress.axes_, suppress.shares_)] if len(suppress.shares_) else []


def _compile_linear(linear: Any) -> list[Step]:
    return [Linear(np.atleast_2d(linear.coef_).T, np.atleast_1d(linear.intercept_))]


def _compile_svm(svm: SVC) -> list[Step]:
    kernel = RbfKernel(np.asarray(svm.support_vectors_), float(svm.gamma))
    n_classes = len(svm.classes_)
    if n_classes == 2:
        return [kernel, Linear(svm.dual_coef_.T, svm.intercept_)]
    pairs = list(combinations(range(n_classes), 2))
    signs = np.array([[float(k == i) - float(k == j) for k in range(n_classes)] for i, j in pairs])
    return [kernel, Linear(_pair_coefficients(svm, pairs), svm.intercept_), PairwiseVotes(signs)]


def _pair_coefficients(svm: SVC, pairs: list[tuple[int, int]]) -> Floats:
    """Return the coefficients of the margin of each pair, shape [support vectors, pairs]."""
    edges = np.cumsum([0, *svm.n_support_])
    coefficients = np.zeros((edges[-1], len(pairs)))
    for pair, (i, j) in enumerate(pairs):
        # Row j - 1 of the dual coefficients of class i, and row i of those of class j > i.
        coefficients[edges[i] : edges[i + 1], pair] = svm.dual_coef_[j - 1, edges[i] : edges[i + 1]]
        coefficients[edges[j] : edges[j + 1], pair] = svm.dual_coef_[i, edges[j] : edges[j + 1]]
    return coefficients


def _compile_boosting(forest: Forest) -> list[Step]:
    is_binary = len(forest.base) == 1
    return [forest, Softmax(is_binary), LogOdds(is_binary)]


def _compile_forest(model: ExtraTreesClassifier) -> list[Step]:
    forest = read_sklearn_forest(model)
    return [forest, LogOdds(len(forest.base) == 1)]


_COMPILERS: dict[type, Callable[[Any], list[Step]]] = {
    DropUninformative: _compile_selector,
    KeepBest: _compile_selector,
    NormalizeAudio: _compile_audio,
    RobustScale: _compile_scale,
    ScaleBlocks: _compile_blocks,
    SuppressIdentity: _compile_suppression,
    LogisticRegression: _compile_linear,
    RidgeClassifier: _compile_linear,
    SVC: _compile_svm,
    LGBMClassifier: lambda model: _compile_boosting(read_lightgbm(model)),
    XGBClassifier: lambda model: _compile_boosting(read_xgboost(model)),
    ExtraTreesClassifier: _compile_forest,
}


def compile_fitted_features(fitted: FoldFitted) -> tuple[FittedFeatures, ...]:
    """Return one step per kind of fitted features, each from the whole table to the features of its kind."""
    if isinstance(fitted, JoinedFeatures):
        return (_compile_joined(fitted),)
    if not isinstance(fitted, FoldFittedFeatures):
        raise _no_compiled_form(fitted, (FoldFittedFeatures, JoinedFeatures))
    steps: list[FittedFeatures] = []
    for prefix, columns in fitted.columns.items():
        transformer = fitted.transformers_[prefix]
        if isinstance(transformer, KinemeHistogram):
            clusters = transformer.clusters_
            steps.append(Absent(N_KINEMES) if clusters is None else Kinemes(columns, clusters.cluster_centers_))
        elif isinstance(transformer, TangentMap):
            space = transformer.space_
            steps.append(Absent(len(columns)) if space is None else Tangent(columns, _whitening(space.reference_)))
    return tuple(steps)


def _compile_joined(joined: JoinedFeatures) -> Joined:
    variates = joined.variates_
    first = _compile_projection(variates.first_, joined.first)
    return Joined(first, _compile_projection(variates.second_, joined.second), N_PAIRS)


def _compile_projection(projection: VariateProjection, columns: Ints) -> tuple[Columns | Scale | Linear, ...]:
    drop, scaler = projection.scale
    selected, weights, offset = columns[np.flatnonzero(drop.get_support())], projection.weights, -projection.center
    if projection.suppress is not None:  # affine
        origin = projection.suppress.transform(np.zeros((1, len(selected))))
        offset = offset + origin[0]
        weights = (projection.suppress.transform(np.eye(len(selected))) - origin) @ projection.weights
    # Pairs that do not exist are columns of zeros; no base learner uses them.
    missing = np.zeros((len(selected), N_PAIRS - weights.shape[1]))
    bias = np.append(offset @ projection.weights, np.zeros(missing.shape[1]))
    scale = Scale(scaler.center_, scaler.scale_, scaler.limit)
    return Columns(selected), scale, Linear(np.hstack([weights, missing]), bias)


def _whitening(mean: Floats) -> Floats:
    values, axes = np.linalg.eigh(mean)
    return np.asarray((axes / np.sqrt(values)) @ axes.T)
