"""Write features that are fitted inside each fold as ONNX nodes: kinemes, tangent space of AU covariances, variates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.models.compiled.fitted_features import Absent, Joined, Kinemes, Tangent, tangent_weights
from pdmr_classic.models.compiled.steps import Step
from pdmr_classic.models.export._graph import Graph
from pdmr_classic.models.export._steps import write_steps

_N_SWEEPS = 10


def write_fitted_features(graph: Graph, step: Step, x: str) -> str:
    """Add the nodes of a step from the whole table to fitted features, and return its output."""
    return _WRITERS[type(step)](graph, step, x)


def _write_kinemes(graph: Graph, step: Kinemes, x: str) -> str:
    n_clusters, width = step.centers.shape
    n_windows = len(step.columns) // width
    windows = graph.add("Reshape", graph.columns(x, step.columns), graph.integers(-1, n_windows, width))
    n_finite = graph.sum(graph.to_double(graph.is_finite(windows)), 2)
    is_used = graph.to_double(graph.add("Equal", n_finite, graph.constant(float(width))))
    known = graph.add("Where", graph.is_finite(windows), windows, graph.constant(0.0))
    closeness = graph.add("MatMul", known, graph.constant(step.centers.T))
    closeness = graph.add("Sub", closeness, graph.constant((step.centers**2).sum(axis=1) / 2))
    nearest = graph.add("ArgMax", closeness, axis=2, keepdims=1)
    one_hot = graph.to_double(graph.add("Equal", nearest, graph.constant(np.arange(n_clusters), np.int64)))
    counts = graph.sum(graph.add("Mul", one_hot, is_used), 1, keep=False)
    # 0 / 0 is NaN: a recording without windows.
    return graph.add("Div", counts, graph.sum(is_used, 1, keep=False))


def _write_tangent(graph: Graph, step: Tangent, x: str) -> str:
    size = len(step.whitening)
    triangle = graph.columns(x, step.columns)
    is_complete = graph.add(
        "Equal",
        graph.sum(graph.to_double(graph.is_finite(triangle)), 1),
        graph.constant(float(len(step.columns))),
    )
    known = graph.add("Where", is_complete, triangle, graph.constant(np.eye(size)[np.triu_indices(size)]))
    flat = graph.add("Gather", known, graph.constant(_square_indices(size), np.int64), axis=1)
    matrices = graph.add("Reshape", flat, graph.integers(-1, size, size))
    whitening = graph.constant(step.whitening)
    whitened = graph.add("MatMul", graph.add("MatMul", whitening, matrices), whitening)
    logarithm = _write_logarithm(graph, whitened, size)
    flat = graph.add("Reshape", logarithm, graph.integers(-1, size * size))
    upper = np.ravel_multi_index(np.triu_indices(size), (size, size))
    vectors = graph.add("Mul", graph.columns(flat, upper), graph.constant(tangent_weights(size)))
    return graph.add("Where", is_complete, vectors, graph.constant(np.nan))


def _square_indices(size: int) -> Ints:
    """Return for each cell of a symmetric matrix its place in the upper triangle."""
    square = np.zeros((size, size), dtype=np.intp)
    upper = np.triu_indices(size)
    square[upper] = np.arange(len(upper[0]))
    return np.asarray(np.maximum(square, square.T).ravel())


def _write_logarithm(graph: Graph, matrices: str, size: int) -> str:
    """Add the logarithm of symmetric matrices [n, C, C], by the cyclic Jacobi eigenvalue method (ONNX has none).

    In each step, all pairs (0, 1), (2, 3), … are rotated at once, and the rows are rearranged so that after C - 1 steps
    every pair had its turn (the schedule of a round-robin tournament; Brent and Luk 1985).
    """
    even = size + size % 2
    identity = graph.constant(np.eye(even))
    padding = graph.constant(np.array([0, 0, 0, 0, even - size, even - size]), np.int64)
    padded = graph.add("Pad", matrices, padding, graph.constant(0.0))
    padded = graph.add("Add", padded, graph.constant(np.diag([0.0] * size + [1.0] * (even - size))))
    axes = graph.add("Add", graph.add("Mul", padded, graph.constant(0.0)), identity)
    count = graph.constant(_N_SWEEPS * max(even - 1, 1), np.int64)
    outputs = [f"jacobi_{name}_{padded}" for name in ("diagonal", "axes")]
    graph.add_named(
        "Loop", count, graph.constant(True, np.bool_), padded, axes, outputs=outputs, body=_jacobi_body(even)
    )
    diagonal = graph.add(
        "Gather",
        graph.add("Reshape", outputs[0], graph.integers(-1, even * even)),
        graph.constant(np.arange(even) * (even + 1), np.int64),
        axis=1,
    )
    logarithms = graph.add("Unsqueeze", graph.add("Log", diagonal), graph.integers(1))
    scaled = graph.add("Mul", outputs[1], logarithms)
    logarithm = graph.add("MatMul", scaled, _transpose(graph, outputs[1], even))
    ends = graph.integers(size, size)
    return graph.add("Slice", logarithm, graph.integers(0, 0), ends, graph.integers(1, 2))


def _jacobi_body(size: int) -> Any:
    """Return one step as the body of a loop: rotate all neighbours, then rearrange."""
    from onnx import TensorProto, helper

    body = Graph("jacobi_")
    flat = body.add("Reshape", "matrix", body.integers(-1, size * size))
    first, second = np.arange(0, size, 2), np.arange(1, size, 2)
    a, b, c = (
        body.columns(flat, rows * size + columns)
        for rows, columns in ((first, first), (second, second), (first, second))
    )
    difference = body.add("Sub", b, a)
    double = body.add("Add", c, c)
    squares = body.add("Add", body.add("Mul", difference, difference), body.add("Mul", double, double))
    size_ = body.add("Add", body.add("Abs", difference), body.add("Sqrt", squares))
    is_zero = body.add("Equal", size_, body.constant(0.0))
    tangent = body.add("Div", double, body.add("Where", is_zero, body.constant(1.0), size_))
    is_negative = body.add("Less", difference, body.constant(0.0))
    tangent = body.add("Where", is_negative, body.add("Neg", tangent), tangent)
    length = body.add("Sqrt", body.add("Add", body.add("Mul", tangent, tangent), body.constant(1.0)))
    cosine = body.add("Div", body.constant(1.0), length)
    sine = body.add("Mul", tangent, cosine)
    cosine_cells, sine_cells = _rotation_cells(size)
    rotation = body.add(
        "Add",
        body.add("MatMul", cosine, body.constant(cosine_cells)),
        body.add("MatMul", sine, body.constant(sine_cells)),
    )
    rotation = body.add("Reshape", rotation, body.integers(-1, size, size))
    rotation = body.add("MatMul", rotation, body.constant(_rearrangement(size)))
    rotated = body.add("MatMul", body.add("MatMul", _transpose(body, rotation, size), "matrix"), rotation)
    body.add_named("Identity", rotated, outputs=["next_matrix"])
    body.add_named("MatMul", "axes", rotation, outputs=["next_axes"])
    body.add_named("Identity", "condition", outputs=["next_condition"])
    shape = [None, size, size]
    value = helper.make_tensor_value_info
    return helper.make_graph(
        body.nodes,
        "jacobi",
        [
            value("iteration", TensorProto.INT64, []),
            value("condition", TensorProto.BOOL, []),
            value("matrix", TensorProto.DOUBLE, shape),
            value("axes", TensorProto.DOUBLE, shape),
        ],
        [
            value("next_condition", TensorProto.BOOL, []),
            value("next_matrix", TensorProto.DOUBLE, shape),
            value("next_axes", TensorProto.DOUBLE, shape),
        ],
        initializer=body.initializers(),
    )


def _transpose(graph: Graph, matrices: str, size: int) -> str:
    """Add the transposed matrices; ONNX Runtime 1.20 fuses Transpose with MatMul, but not in double precision."""
    flat = graph.add("Reshape", matrices, graph.integers(-1, size * size))
    order = np.arange(size * size).reshape(size, size).T.ravel()
    return graph.add("Reshape", graph.columns(flat, order), graph.integers(-1, size, size))


def _rotation_cells(size: int) -> tuple[Floats, Floats]:
    """Return where the cosines and sines of the pairs stand in the flattened rotation, both [pairs, size x size]."""
    cosine, sine = np.zeros((size // 2, size, size)), np.zeros((size // 2, size, size))
    for k in range(size // 2):
        i, j = 2 * k, 2 * k + 1
        cosine[k, i, i] = cosine[k, j, j] = sine[k, i, j] = 1.0
        sine[k, j, i] = -1.0
    return cosine.reshape(size // 2, -1), sine.reshape(size // 2, -1)


def _rearrangement(size: int) -> Floats:
    """Return the permutation matrix of a round-robin tournament: the first stays, and all others move on."""
    top, bottom = list(range(0, size, 2)), list(range(1, size, 2))
    if len(top) > 1:
        top, bottom = [top[0], bottom[0], *top[1:-1]], [*bottom[1:], top[-1]]
    order = np.column_stack([top, bottom]).ravel()
    return np.eye(size)[:, order]


def _write_absent(graph: Graph, step: Absent, x: str) -> str:
    zeros = graph.add("Mul", graph.columns(x, np.zeros(step.width, dtype=int)), graph.constant(0.0))
    return graph.add("Add", zeros, graph.constant(np.nan))


def _write_joined(graph: Graph, step: Joined, x: str) -> str:
    u, v = write_steps(graph, step.first, x), write_steps(graph, step.second, x)
    return graph.add("Concat", u, v, graph.add("Mul", u, v), graph.add("Sub", u, v), axis=1)


_WRITERS: dict[type, Callable[[Graph, Any, str], str]] = {
    Kinemes: _write_kinemes,
    Tangent: _write_tangent,
    Absent: _write_absent,
    Joined: _write_joined,
}
