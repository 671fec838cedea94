"""Tree ensembles as arrays, read from LightGBM, XGBoost and scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, Mask


@dataclass(frozen=True, eq=False)
class Forest:
    """An ensemble of decision trees, whose leaf values are added up.

    Attributes
    ----------
    roots : ndarray of int, shape [trees]
    feature, left, right : ndarray of int, shape [nodes]
        Column and children of each node. A leaf is its own child.
    threshold : ndarray, shape [nodes]
        A value goes left if it is at most this (`is_strict`: less than this).
    default_left : ndarray of bool, shape [nodes]
        Whether NaN goes left.
    value : ndarray, shape [nodes, S]
        0 except for leaves.
    base : ndarray, shape [S]
        Added to the sum.
    depth : int
        Of the deepest tree.
    is_strict : bool
    is_single : bool
        Whether values are rounded to single precision before they are compared.
    """

    roots: Ints
    feature: Ints
    left: Ints
    right: Ints
    threshold: Floats
    default_left: Mask
    value: Floats
    base: Floats
    depth: int
    is_strict: bool = False
    is_single: bool = False

    @property
    def is_leaf(self) -> Mask:
        """Whether a node is a leaf, shape [nodes]."""
        return np.asarray(self.left == np.arange(len(self.left)))

    def select(self, columns: Ints) -> Forest:
        """Return the same forest for a table from which these columns were selected so far."""
        return replace(self, feature=np.asarray(columns)[self.feature])

    def goes_left(self, X: Floats, nodes: Ints) -> Mask:
        """Return whether rows [n, F] go left at some nodes [m] that are not leaves, shape [n, m]."""
        value = (_round_to_single(X) if self.is_single else X)[:, self.feature[nodes]]
        compare: Callable[..., Mask] = np.less if self.is_strict else np.less_equal
        return np.asarray(compare(value, self.threshold[nodes]) | (np.isnan(value) & self.default_left[nodes]))

    def apply(self, X: Floats) -> Floats:
        """Return the sum over all trees [n, S]."""
        if self.is_single:
            X = _round_to_single(X)
        goes_left: Callable[..., Mask] = np.less if self.is_strict else np.less_equal
        has_nan = bool(np.isnan(X).any())
        rows = np.arange(len(X))[:, None]
        node = np.broadcast_to(self.roots, (len(X), len(self.roots)))
        for _ in range(self.depth):
            value = X[rows, self.feature[node]]
            to_left = goes_left(value, self.threshold[node])
            if has_nan:
                to_left |= np.isnan(value) & self.default_left[node]
            node = np.where(to_left, self.left[node], self.right[node])
        return np.asarray(self.value[node].sum(axis=1) + self.base)


def _round_to_single(X: Floats) -> Floats:
    limits = np.finfo(np.float32)
    return np.clip(X, limits.min, limits.max).astype(np.float32).astype(np.float64)


@dataclass(frozen=True)
class _Node:
    """A node of one tree: a split with the numbers of its children, or a leaf with its values."""

    feature: int = 0
    threshold: float = 0.0
    default_left: bool = False
    left: int = -1
    right: int = -1
    value: tuple[float, ...] = ()


def _join_trees(trees: Sequence[Sequence[_Node]], base: Floats, *, is_strict: bool, is_single: bool) -> Forest:
    nodes = [node for tree in trees for node in tree]
    starts = np.cumsum([0, *(len(tree) for tree in trees)])[:-1].astype(np.intp)
    start = np.repeat(starts, [len(tree) for tree in trees])
    left, right = (np.array([getattr(node, side) for node in nodes], dtype=np.intp) for side in ("left", "right"))
    is_leaf, own = left < 0, np.arange(len(nodes))
    value = np.array([node.value or (0.0,) * len(base) for node in nodes], dtype=np.float64)
    return Forest(
        roots=starts,
        feature=np.array([node.feature for node in nodes], dtype=np.intp),
        left=np.where(is_leaf, own, left + start),
        right=np.where(is_leaf, own, right + start),
        threshold=np.array([node.threshold for node in nodes], dtype=np.float64),
        default_left=np.array([node.default_left for node in nodes], dtype=bool),
        value=value.reshape(len(nodes), len(base)),
        base=base,
        depth=max((_depth(tree) for tree in trees), default=0),
        is_strict=is_strict,
        is_single=is_single,
    )


def _depth(tree: Sequence[_Node]) -> int:
    """Return the number of splits on the longest path; the first node is the root."""
    depth, level = 0, [0]
    while level := [child for k in level if tree[k].left >= 0 for child in (tree[k].left, tree[k].right)]:
        depth += 1
    return depth


def _one_hot(k: int, n_outputs: int, value: float) -> tuple[float, ...]:
    return tuple(value if j == k else 0.0 for j in range(n_outputs))


def read_lightgbm(model: Any) -> Forest:
    """Return the trees of a fitted `LGBMClassifier`, which add up to log-odds [n, 1] or scores [n, K]."""
    dump = model.booster_.dump_model()
    n_outputs = int(dump["num_tree_per_iteration"])
    trees = [
        list(_read_lightgbm_tree(tree["tree_structure"], k % n_outputs, n_outputs))
        for k, tree in enumerate(dump["tree_info"])
    ]
    return _join_trees(trees, np.zeros(n_outputs), is_strict=False, is_single=False)


def _read_lightgbm_tree(root: Mapping[str, Any], output: int, n_outputs: int) -> Iterator[_Node]:
    """Yield the nodes of a tree in the order of a breadth-first walk."""
    queue, n_queued = [root], 1
    for node in queue:
        if "split_index" not in node:
            yield _Node(value=_one_hot(output, n_outputs, float(node["leaf_value"])))
            continue
        queue += [node["left_child"], node["right_child"]]
        threshold, left = float(node["threshold"]), n_queued
        n_queued += 2
        # "None": there was no NaN in training, and NaN counts as 0.
        goes_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0
        yield _Node(int(node["split_feature"]), threshold, bool(goes_left), left, left + 1)


def read_xgboost(model: Any) -> Forest:
    """Return the trees of a fitted `XGBClassifier`, which add up to log-odds [n, 1] or scores [n, K]."""
    booster = model.get_booster()
    gradient_booster = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    outputs = gradient_booster["tree_info"]
    n_outputs = max(outputs, default=0) + 1
    trees = [_read_xgboost_tree(tree, k, n_outputs) for tree, k in zip(gradient_booster["trees"], outputs, strict=True)]
    forest = _join_trees(trees, np.zeros(n_outputs), is_strict=True, is_single=True)
    # Versions store the intercept in several ways; they agree about what is predicted.
    row = np.zeros((1, int(booster.num_features())))
    margin = np.asarray(model.predict(row, output_margin=True), dtype=np.float64).reshape(-1)
    return replace(forest, base=margin - forest.apply(row)[0])


def _read_xgboost_tree(tree: Mapping[str, Any], output: int, n_outputs: int) -> list[_Node]:
    nodes = []
    for feature, condition, default_left, left, right in zip(
        *(tree[name] for name in ("split_indices", "split_conditions", "default_left", "left_children")),
        tree["right_children"],
        strict=True,
    ):
        # Decimal text of single-precision numbers.
        number = float(np.float32(condition))
        if left < 0:
            nodes.append(_Node(value=_one_hot(output, n_outputs, number)))
        else:
            nodes.append(_Node(int(feature), number, bool(default_left), int(left), int(right)))
    return nodes


def read_sklearn_forest(model: Any) -> Forest:
    """Return the trees of a fitted forest: they add up to the probability of the second or of each class, or a number.

    Values are compared in single precision, so the next lower such number is the same threshold.
    """
    trees = [_read_sklearn_tree(estimator.tree_, len(model.estimators_)) for estimator in model.estimators_]
    n_classes = len(getattr(model, "classes_", [0]))
    n_outputs = 1 if n_classes <= 2 else n_classes
    return _join_trees(trees, np.zeros(n_outputs), is_strict=False, is_single=True)


def _read_sklearn_tree(tree: Any, n_trees: int) -> list[_Node]:
    values: NDArray[Any] = tree.value[:, 0, :] / n_trees
    if values.shape[1] > 1:  # class counts or shares
        share = values / values.sum(axis=1, keepdims=True) / n_trees
        values = share[:, 1:] if share.shape[1] == 2 else share
    single = tree.threshold.astype(np.float32)
    thresholds = np.where(single > tree.threshold, np.nextafter(single, np.float32(-np.inf)), single)
    return [
        _Node(value=tuple(values[k].tolist()))
        if tree.children_left[k] < 0
        else _Node(
            int(tree.feature[k]),
            float(thresholds[k]),
            bool(tree.missing_go_to_left[k]),
            int(tree.children_left[k]),
            int(tree.children_right[k]),
        )
        for k in range(tree.node_count)
    ]
