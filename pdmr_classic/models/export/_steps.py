"""Write the steps of a compiled base learner as ONNX nodes: one function per kind of step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pdmr_classic.arrays import Ints
from pdmr_classic.models.compiled.forest import Forest
from pdmr_classic.models.compiled.steps import (
    AudioVector,
    Columns,
    Linear,
    LogOdds,
    PairwiseVotes,
    RbfKernel,
    Scale,
    Softmax,
    Step,
    Suppress,
)
from pdmr_classic.models.export._graph import ML_DOMAIN, Graph
from pdmr_classic.models.learners.learners import MIN_PROBABILITY


def write_steps(graph: Graph, steps: Sequence[Step], x: str) -> str:
    """Add the nodes of a base learner to a graph, and return its scores, in double precision."""
    is_scaled = any(isinstance(step, Scale) for step in steps)
    for step in _widen(steps):
        if is_scaled and isinstance(step, Forest):
            x = graph.to_double(x)
        x = _WRITERS[type(step)](graph, step, x)
    return graph.to_double(x)


_MIN_DENSITY = 0.5


def _widen(steps: Sequence[Step]) -> Sequence[Step]:
    """Return steps that do the same with a range of adjacent columns, if most of these are selected for scaling.

    A column that is not selected is scaled to 0. Copying scattered columns takes longer than all arithmetic on them.
    """
    for k in range(len(steps) - 2):
        columns, scale, learner = steps[k : k + 3]
        if not (isinstance(columns, Columns) and isinstance(scale, Scale) and isinstance(learner, Linear | RbfKernel)):
            continue
        selected, start, stop = columns.indices, int(columns.indices.min()), int(columns.indices.max()) + 1
        if len(selected) < _MIN_DENSITY * (stop - start):
            continue
        place = selected - start
        center, spread, factor = np.zeros(stop - start), np.full(stop - start, np.inf), np.ones(stop - start)
        center[place], spread[place] = scale.center, scale.scale
        factor[place] = 1.0 if scale.factor is None else scale.factor
        wide = replace(scale, center=center, scale=spread, factor=None if scale.factor is None else factor)
        return [
            *steps[:k],
            Columns(np.arange(start, stop)),
            wide,
            _widen_learner(learner, place, stop - start),
            *steps[k + 3 :],
        ]
    return steps


def _widen_learner(learner: Linear | RbfKernel, place: Ints, width: int) -> Step:
    if isinstance(learner, Linear):
        coefficients = np.zeros((width, learner.coefficients.shape[1]))
        coefficients[place] = learner.coefficients
        return replace(learner, coefficients=coefficients)
    vectors = np.zeros((len(learner.vectors), width))
    vectors[:, place] = learner.vectors
    return replace(learner, vectors=vectors)


def _write_columns(graph: Graph, step: Columns, x: str) -> str:
    return graph.columns(x, step.indices)


def _write_audio(graph: Graph, step: AudioVector, x: str) -> str:
    vectors = _write_form(graph, step.form, graph.columns(x, np.flatnonzero(step.is_audio)))
    if step.projection is not None:
        known = graph.add("Where", graph.is_finite(vectors), vectors, graph.constant(step.projection.mean))
        projected = graph.add("MatMul", known, graph.constant(step.projection.axes))
        vectors = graph.add("Sub", projected, graph.constant(step.projection.offset))
    return graph.add("Concat", graph.columns(x, np.flatnonzero(~step.is_audio)), vectors, axis=1)


def _write_form(graph: Graph, form: str, vectors: str) -> str:
    if form == "as_is":
        return vectors
    if form == "signed_root":
        root = graph.add("Sqrt", graph.add("Abs", vectors))
        vectors = graph.add("Mul", graph.add("Sign", vectors), root)
    squares = graph.add("Mul", vectors, vectors)
    known = graph.add("Where", graph.add("IsNaN", squares), graph.constant(0.0), squares)
    length = graph.add("Sqrt", graph.sum(known, 1))
    is_positive = graph.add("Greater", length, graph.constant(0.0))
    return graph.add("Div", vectors, graph.add("Where", is_positive, length, graph.constant(1.0)))


def _write_scale(graph: Graph, step: Scale, x: str) -> str:
    # Only the difference needs double precision.
    centred = graph.to_real(graph.add("Sub", x, graph.constant(step.center)))
    scaled = graph.add("Mul", centred, graph.real(1 / np.asarray(step.scale, dtype=np.float64)))
    known = graph.add("Where", graph.add("IsNaN", scaled), graph.real(0.0), scaled)
    clipped = graph.add("Clip", known, graph.real(-step.limit), graph.real(step.limit))
    return clipped if step.factor is None else graph.add("Mul", clipped, graph.real(step.factor))


def _write_suppression(graph: Graph, step: Suppress, x: str) -> str:
    centred = graph.add("Sub", x, graph.real(step.center))
    scores = graph.add("MatMul", centred, graph.real(step.axes * step.shares))
    return graph.add("Sub", x, graph.add("MatMul", scores, graph.real(step.axes.T)))


def _write_linear(graph: Graph, step: Linear, x: str) -> str:
    return graph.add("Gemm", x, graph.real(step.coefficients), graph.real(step.intercept))


def _write_kernel(graph: Graph, step: RbfKernel, x: str) -> str:
    # |x|^2 + |v|^2 - 2 x v
    lengths = graph.real((np.asarray(step.vectors, dtype=np.float64) ** 2).sum(axis=1))
    partial = graph.add("Gemm", x, graph.real(step.vectors), lengths, alpha=-2.0, transB=1)
    distance = graph.add("Add", partial, graph.sum(graph.add("Mul", x, x), 1))
    positive = graph.add("Max", distance, graph.real(0.0))
    return graph.add("Exp", graph.add("Mul", positive, graph.real(-step.gamma)))


def _write_votes(graph: Graph, step: PairwiseVotes, x: str) -> str:
    x = graph.to_double(x)
    is_first = graph.add("GreaterOrEqual", x, graph.constant(0.0))
    first, second = (graph.to_double(mask) for mask in (is_first, graph.add("Not", is_first)))
    votes = graph.add(
        "Add",
        graph.add("MatMul", first, graph.constant(np.maximum(step.signs, 0))),
        graph.add("MatMul", second, graph.constant(np.maximum(-step.signs, 0))),
    )
    confidence = graph.add("MatMul", x, graph.constant(step.signs))
    size = graph.add("Add", graph.add("Abs", confidence), graph.constant(1.0))
    bounded = graph.add("Div", confidence, graph.add("Mul", size, graph.constant(3.0)))
    return graph.add("Add", votes, bounded)


def _write_forest(graph: Graph, forest: Forest, x: str) -> str:
    if forest.is_single:
        limits = np.finfo(np.float32)
        clipped = graph.add("Clip", x, graph.constant(float(limits.min)), graph.constant(float(limits.max)))
        x = graph.add("Cast", clipped, to=1)
    attributes = {**_split_attributes(forest), **_leaf_attributes(forest)}
    return graph.add("TreeEnsembleRegressor", x, domain=ML_DOMAIN, **attributes)


def _tree_numbers(forest: Forest) -> np.ndarray[Any, Any]:
    return np.searchsorted(forest.roots, np.arange(len(forest.left)), side="right") - 1


def _split_attributes(forest: Forest) -> dict[str, Any]:
    tree, is_leaf = _tree_numbers(forest), forest.is_leaf
    start = forest.roots[tree]
    precision = np.float32 if forest.is_single else np.float64
    mode = "BRANCH_LT" if forest.is_strict else "BRANCH_LEQ"
    return {
        "nodes_treeids": tree.tolist(),
        "nodes_nodeids": (np.arange(len(tree)) - start).tolist(),
        "nodes_featureids": forest.feature.tolist(),
        "nodes_modes": ["LEAF" if leaf else mode for leaf in is_leaf],
        "nodes_values_as_tensor": np.asarray(forest.threshold, dtype=precision),
        "nodes_truenodeids": np.where(is_leaf, 0, forest.left - start).tolist(),
        "nodes_falsenodeids": np.where(is_leaf, 0, forest.right - start).tolist(),
        "nodes_missing_value_tracks_true": forest.default_left.astype(int).tolist(),
    }


def _leaf_attributes(forest: Forest) -> dict[str, Any]:
    tree, leaves = _tree_numbers(forest), np.flatnonzero(forest.is_leaf)
    n_outputs = forest.value.shape[1]
    precision = np.float32 if forest.is_single else np.float64
    return {
        "n_targets": n_outputs,
        "base_values_as_tensor": np.asarray(forest.base, dtype=precision),
        "target_treeids": np.repeat(tree[leaves], n_outputs).tolist(),
        "target_nodeids": np.repeat(leaves - forest.roots[tree[leaves]], n_outputs).tolist(),
        "target_ids": np.tile(np.arange(n_outputs), len(leaves)).tolist(),
        "target_weights_as_tensor": np.asarray(forest.value[leaves], dtype=precision).ravel(),
    }


def write_softmax(graph: Graph, x: str, *, is_binary: bool, axis: int = 1) -> str:
    """Add the probability of the second class, or of each class along an axis."""
    return graph.add("Sigmoid", x) if is_binary else graph.add("Softmax", x, axis=axis)


def write_log_odds(graph: Graph, p: str, *, is_binary: bool) -> str:
    """Add the log-odds of a probability, or the logarithms of K probabilities."""
    clipped = graph.add("Clip", p, graph.constant(MIN_PROBABILITY), graph.constant(1 - MIN_PROBABILITY))
    odds = graph.add("Div", clipped, graph.add("Sub", graph.constant(1.0), clipped)) if is_binary else clipped
    return graph.add("Log", odds)


_WRITERS: dict[type, Callable[[Graph, Any, str], str]] = {
    Columns: _write_columns,
    AudioVector: _write_audio,
    Scale: _write_scale,
    Suppress: _write_suppression,
    Linear: _write_linear,
    RbfKernel: _write_kernel,
    PairwiseVotes: _write_votes,
    Forest: _write_forest,
    Softmax: lambda graph, step, x: write_softmax(graph, graph.to_double(x), is_binary=step.is_binary),
    LogOdds: lambda graph, step, x: write_log_odds(graph, graph.to_double(x), is_binary=step.is_binary),
}
