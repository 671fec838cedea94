"""Attributes of objects, and those of objects that live in compiled code: trees, boosters, support vectors.

Compiled code does not check indices when it predicts, so that a crafted array could read memory that is not its own.
What can be checked in Python is checked here, and for boosters in `_booster_text.py`. LightGBM and XGBoost still parse
their models in C++, from text that anyone may have written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.models.persistence._booster_text import BoosterError, check_lightgbm, check_xgboost

_LEAF = -1


class InconsistentStateError(ValueError):
    """Attributes do not fit together."""


def get_state(value: Any) -> dict[str, Any]:
    """Return the attributes of an object; those in compiled code become arrays, text or bytes."""
    from lightgbm.basic import Booster as LightGBM
    from sklearn.ensemble._forest import BaseForest
    from xgboost.core import Booster as XGBoost

    if isinstance(value, LightGBM):
        return {"model": value.model_to_string(num_iteration=-1), "best_iteration": int(value.best_iteration)}
    if isinstance(value, XGBoost):
        return {"model": value.save_raw("json").decode()}
    state = dict(vars(value))
    return _pack_forest(state) if isinstance(value, BaseForest) else state


def make_object(kind: Any, state: dict[str, Any]) -> Any:
    """Return an object with these attributes, without calling the constructor of our own and scikit-learn's types.

    Raises
    ------
    InconsistentStateError
    """
    from lightgbm.basic import Booster as LightGBM
    from sklearn.cluster import KMeans
    from sklearn.ensemble._forest import BaseForest
    from sklearn.svm._base import BaseLibSVM
    from xgboost.core import Booster as XGBoost

    if kind in (LightGBM, XGBoost):
        try:
            return _make_lightgbm(state) if kind is LightGBM else _make_xgboost(state)
        except BoosterError as error:
            raise InconsistentStateError(str(error)) from None
    if issubclass(kind, BaseForest):
        state = _unpack_forest(state)
    value = _set_attributes(kind, state)
    if isinstance(value, BaseLibSVM):
        _check_support_vectors(value)
    if isinstance(value, KMeans):
        _require(np.shape(value.cluster_centers_) == (value.n_clusters, value.n_features_in_), "clusters")
    return value


def _set_attributes(kind: Any, state: dict[str, Any]) -> Any:
    """Return an object with these attributes, none of which replaces a method, such as one that checks its input."""
    replaced = [name for name in state if callable(getattr(kind, name, None))]
    _require(not replaced, f"an attribute in place of the method {', '.join(replaced)[:80]}")
    value = kind.__new__(kind)
    value.__dict__.update(state)
    return value


def _make_lightgbm(state: dict[str, Any]) -> Any:
    from lightgbm import Booster

    booster = Booster(model_str=check_lightgbm(state["model"]))
    booster.best_iteration = state["best_iteration"]
    return booster


def _make_xgboost(state: dict[str, Any]) -> Any:
    from xgboost import Booster

    booster = Booster({"nthread": 1})
    booster.load_model(bytearray(check_xgboost(state["model"]).encode()))
    return booster


# ------------------------------------------------------------------------------------------ scikit-learn's forests

_NODE_COLUMNS = (
    *("left_child", "right_child", "feature", "threshold", "impurity", "n_node_samples", "weighted_n_node_samples"),
    "missing_go_to_left",
)
_OWN_ATTRIBUTES = ("tree_", "random_state")


def _pack_forest(state: dict[str, Any]) -> dict[str, Any]:
    """Join the arrays of all trees: reading thousands of small arrays takes longer than training the model."""
    estimators = state["estimators_"]
    trees = [estimator.tree_.__getstate__() for estimator in estimators]
    nodes = np.concatenate([tree["nodes"] for tree in trees])
    shared = {name: value for name, value in vars(estimators[0]).items() if name not in _OWN_ATTRIBUTES}
    return state | {
        "estimators_": {
            "shared": shared,
            "random_states": np.array([estimator.random_state for estimator in estimators], dtype=np.int64),
            "n_nodes": np.array([tree["node_count"] for tree in trees], dtype=np.int64),
            "max_depths": np.array([tree["max_depth"] for tree in trees], dtype=np.int64),
            "nodes": {name: np.ascontiguousarray(nodes[name]) for name in _NODE_COLUMNS},
            "values": np.concatenate([tree["values"] for tree in trees]),
        }
    }


def _unpack_forest(state: dict[str, Any]) -> dict[str, Any]:
    packed = state["estimators_"]
    kind: Any = type(state["estimator_"])
    columns, n_nodes, n_features = packed["nodes"], packed["n_nodes"], state["n_features_in_"]
    _require(packed["shared"]["n_features_in_"] == n_features, "trees of other columns")
    _require_integers(n_nodes)
    _require(bool((n_nodes > 0).all()), "empty trees")
    _check_nodes(columns, n_nodes, n_features)
    edges = np.cumsum([0, *n_nodes])
    estimators = []
    for k, seed in enumerate(packed["random_states"].tolist()):
        part = slice(edges[k], edges[k + 1])
        tree = _make_tree(columns, packed["values"][part], part, n_features, int(packed["max_depths"][k]))
        estimators.append(_set_attributes(kind, packed["shared"] | {"random_state": seed, "tree_": tree}))
    return state | {"estimators_": estimators}


def _check_nodes(columns: dict[str, Any], n_nodes: Ints, n_features: int) -> None:
    """Check that each node is a leaf, or has two later nodes of its tree as children and an existing column."""
    sizes = {np.shape(column) for column in columns.values()}
    _require(sizes == {(int(n_nodes.sum()),)}, "columns of nodes of different lengths")
    first = np.cumsum(n_nodes) - n_nodes
    position = np.arange(n_nodes.sum()) - np.repeat(first, n_nodes)
    last = np.repeat(n_nodes, n_nodes)
    left, right, feature = columns["left_child"], columns["right_child"], columns["feature"]
    _require_integers(left, right, feature)
    is_leaf = (left == _LEAF) & (right == _LEAF)
    is_split = (left > position) & (left < last) & (right > position) & (right < last)
    is_split &= (feature >= 0) & (feature < n_features)
    _require(bool((is_leaf | is_split).all()), "a node of a tree that points outside the tree or its columns")


def _require_integers(*arrays: Any) -> None:
    """Refuse fractions: a child 0.5 would be one after node 0, and become node 0, a loop."""
    _require(all(array.dtype.kind == "i" for array in arrays), "fractions where a tree has integers")


def _make_tree(columns: dict[str, Any], values: Floats, part: slice, n_features: int, max_depth: int) -> Any:
    from sklearn.tree._tree import NODE_DTYPE, Tree

    nodes = np.zeros(part.stop - part.start, dtype=NODE_DTYPE)
    for name in _NODE_COLUMNS:
        nodes[name] = columns[name][part]
    _require(values.ndim == 3 and values.shape[:2] == (len(nodes), 1), "leaf values of another shape")
    tree = Tree(n_features, np.array([values.shape[2]], dtype=np.intp), 1)
    tree.__setstate__({"max_depth": max_depth, "node_count": len(nodes), "nodes": nodes, "values": values})
    return tree


# ----------------------------------------------------------------------------------------------- support vectors


def _check_support_vectors(machine: Any) -> None:
    """Check the shapes that libsvm relies on; to it, a regression has two classes."""
    from sklearn.svm._base import BaseSVC

    _require("_impl" not in vars(machine), "another kind of support vector machine")
    vectors, counts = machine.support_vectors_, machine._n_support
    n_vectors, n_classes = len(vectors), len(counts)
    _require(machine.kernel == "rbf" and machine._sparse is False, "another kernel than rbf")
    _require(vectors.ndim == 2 and vectors.shape[1] == machine.n_features_in_, "support vectors of other columns")
    _require(machine.shape_fit_[1] == machine.n_features_in_, "support vectors of other columns")
    _require(machine.support_.shape == (n_vectors,), "support vectors without index")
    _require(n_classes >= 2 and machine._dual_coef_.shape == (n_classes - 1, n_vectors), "other coefficients")
    _require(machine._intercept_.shape == (n_classes * (n_classes - 1) // 2,), "another number of intercepts")
    _require(len(machine._probA) == len(machine._probB) == 0, "probabilities of its own")
    if isinstance(machine, BaseSVC):  # libsvm does not use the counts of a regression
        _require("classes_" in vars(machine), "no classes")
        _require(len(machine.classes_) == n_classes, "another number of classes")
        _require(bool((counts >= 0).all()) and int(counts.sum()) == n_vectors, "other counts of support vectors")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise InconsistentStateError(problem)
