"""Write a compiled stack and its decision as an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pdmr_classic.models.compiled.stack import CompiledCombiner, CompiledStack
from pdmr_classic.models.export._fitted_features import write_fitted_features
from pdmr_classic.models.export._graph import Graph
from pdmr_classic.models.export._steps import write_log_odds, write_softmax, write_steps

INPUT, LABEL, PROBABILITIES = "features", "label", "probabilities"


def write_stack(
    stack: CompiledStack, classes: Sequence[str], positive: str | None, threshold: float | None, precision: Any
) -> Graph:
    """Return a graph from `features` [n, F] to `label` [n] and `probabilities` [n, K].

    A row without any of the trained modalities has the label "" and NaN for probabilities.
    """
    graph = Graph(precision=precision)
    x = INPUT
    if stack.fitted_:
        x = graph.add("Concat", x, *(write_fitted_features(graph, step, x) for step in stack.fitted_), axis=1)
    present = _write_modalities(graph, stack)
    scores = {k: write_steps(graph, member.steps, x) for k, member in stack.members_.items()}
    n_classes = len(classes)
    probability = graph.constant(np.full((1, n_classes), np.nan))
    # The best fitting combiner is written last, over the others.
    for modalities, combiner in reversed(stack.combiners_.items()):
        combined = _write_combiner(graph, combiner, [scores[k] for k in combiner.members], n_classes)
        is_needed = np.array([[float(name in modalities)] for name in stack.columns_], dtype=np.float32)
        count = graph.add("MatMul", present, graph.constant(is_needed, np.float32))
        has_these = graph.add("Equal", count, graph.constant(float(len(modalities)), np.float32))
        probability = graph.add("Where", has_these, combined, probability)
    graph.add_named("Identity", probability, outputs=[PROBABILITIES])
    _write_label(graph, probability, classes, positive, threshold)
    return graph


def _write_modalities(graph: Graph, stack: CompiledStack) -> str:
    """Add whether a row has each modality, as 0 or 1, shape [n, modalities]."""
    indicator = np.zeros((stack.n_features_in_, len(stack.columns_)), dtype=np.float32)
    for k, columns in enumerate(stack.columns_.values()):
        indicator[columns, k] = 1.0
    count = graph.add("MatMul", graph.add("Cast", graph.is_finite(INPUT), to=1), graph.constant(indicator, np.float32))
    return graph.add("Cast", graph.add("Greater", count, graph.constant(0.0, np.float32)), to=1)


def _write_combiner(graph: Graph, combiner: CompiledCombiner, scores: list[str], n_classes: int) -> str:
    """Add the probabilities of all classes, shape [n, K]."""
    is_binary = n_classes == 2
    stacked = graph.add("Concat", *(graph.add("Unsqueeze", score, graph.integers(1)) for score in scores), axis=1)
    slopes = graph.constant(combiner.slopes[:, None])
    logits = graph.add("Add", graph.add("Mul", stacked, slopes), graph.constant(combiner.biases))
    calibrated = write_log_odds(graph, write_softmax(graph, logits, is_binary=is_binary, axis=2), is_binary=is_binary)
    weighted = graph.add("Mul", calibrated, graph.constant(combiner.weights[:, None]))
    total = graph.sum(weighted, 1, keep=False)
    final = graph.add("Mul", total, graph.constant(combiner.final_slope))
    final = graph.add("Add", final, graph.constant(combiner.final_bias))
    p = write_softmax(graph, final, is_binary=is_binary)
    return graph.add("Concat", graph.add("Sub", graph.constant(1.0), p), p, axis=1) if is_binary else p


def _write_label(
    graph: Graph, probability: str, classes: Sequence[str], positive: str | None, threshold: float | None
) -> None:
    if positive is not None and threshold is not None:
        k = list(classes).index(positive)
        p = graph.add("Gather", probability, graph.constant(k, np.int64), axis=1)
        is_positive = graph.add("GreaterOrEqual", p, graph.constant(threshold))
        number = graph.add("Where", is_positive, graph.constant(k, np.int64), graph.constant(1 - k, np.int64))
    else:
        number = graph.add("ArgMax", probability, axis=1, keepdims=0)
    first = graph.add("Gather", probability, graph.constant(0, np.int64), axis=1)
    number = graph.add("Where", graph.add("IsNaN", first), graph.constant(len(classes), np.int64), number)
    names = graph.constant([*classes, ""], object)
    graph.add_named("Gather", names, number, outputs=[LABEL])
