"""Checks of LightGBM and XGBoost models, before these libraries parse them.

Neither library checks the indices of a model when it predicts. Here each node must have an existing column and two
existing children, no node may be reached twice, and the numbers of classes, trees and nodes must agree. Keys that are
not expected are refused, since it is not known what the libraries do with them. The parsers themselves are C++ and
remain trusted code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pdmr_classic.arrays import Ints

_TEXT = re.compile(r"[\n -~]*")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_HEAD_KEYS = {
    *("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective"),
    *("feature_names", "feature_infos", "tree_sizes"),
}
_SPLIT_KEYS = ("split_feature", "left_child", "right_child", "decision_type", "threshold")
_TREE_KEYS = {
    *_SPLIT_KEYS,
    *("num_leaves", "num_cat", "split_gain", "leaf_value", "leaf_weight", "leaf_count", "internal_value"),
    *("internal_weight", "internal_count", "is_linear", "shrinkage"),
}
_OBJECTIVE = re.compile(r"multiclass num_class:([0-9]{1,9})|binary sigmoid:1|regression|quantile")
_CATEGORICAL = 1


class BoosterError(ValueError):
    """A model is not one that the library wrote."""


# ---------------------------------------------------------------------------------------------------- LightGBM


def check_lightgbm(text: str) -> str:
    """Return the text of a LightGBM model without the byte offsets of its trees, which the library would follow.

    Raises
    ------
    BoosterError
    """
    _require(_TEXT.fullmatch(text) is not None, "unprintable characters in a LightGBM model")
    body, end, _ = text.partition("\nend of trees\n")
    head, *trees = re.split(r"\n+Tree=[0-9]+\n", body)
    kind, *lines = head.strip("\n").split("\n")
    fields = _read_fields(lines, _HEAD_KEYS)
    n_classes, n_columns = _to_integer(fields["num_class"]), _to_integer(fields["max_feature_idx"]) + 1
    _require(kind == "tree" and bool(end), "an incomplete LightGBM model")
    _require(n_classes >= 1 and fields["num_tree_per_iteration"] == fields["num_class"], "other numbers of trees")
    _require(len(trees) % n_classes == 0, "an incomplete iteration")
    _check_objective(fields["objective"], n_classes)
    for tree in trees:
        _check_lightgbm_tree(_read_fields(tree.strip("\n").split("\n"), _TREE_KEYS), n_columns)
    start, _, rest = text.partition("\ntree_sizes=")
    return text if not rest else f"{start}\n{rest.partition(chr(10))[2]}"


def _read_fields(lines: Iterable[str], keys: set[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        _require(bool(equals) and key in keys and key not in fields, f"the line {key[:40]!r} in a LightGBM model")
        fields[key] = value
    return fields


def _check_objective(objective: str, n_classes: int) -> None:
    """Check the whole line: LightGBM writes as many scores per row as the objective has classes."""
    match = _OBJECTIVE.fullmatch(objective)
    if match is None:
        raise BoosterError(f"the objective {objective[:40]!r}")
    _require(n_classes == _to_integer(match[1] or 1), "another number of classes in the objective")


def _check_lightgbm_tree(fields: Mapping[str, str], n_columns: int) -> None:
    n_splits = _to_integer(fields["num_leaves"]) - 1
    _require(n_splits >= 0 and fields["num_cat"] == "0" and fields["is_linear"] == "0", "a tree of another kind")
    _require(len(fields["leaf_value"].split(" ")) == n_splits + 1, "another number of leaves")
    if n_splits == 0:
        return
    columns, left, right, kinds, thresholds = (fields[key].split(" ") for key in _SPLIT_KEYS)
    _require({len(part) for part in (columns, left, right, kinds, thresholds)} == {n_splits}, "other numbers of splits")
    _require(not (_to_integers(kinds) & _CATEGORICAL).any(), "a categorical split")
    _check_columns(_to_integers(columns), n_columns)
    children = np.concatenate([_to_integers(left), _to_integers(right)])
    _require(bool((~children[children < 0] <= n_splits).all()), "a leaf that does not exist")
    _check_children(children[children >= 0], n_splits)


# ----------------------------------------------------------------------------------------------------- XGBoost

_XGBOOST_ARRAYS = (
    *("base_weights", "default_left", "left_children", "loss_changes", "parents", "right_children"),
    *("split_conditions", "split_indices", "split_type", "sum_hessian"),
)
_XGBOOST_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_XGBOOST_KEYS = {*_XGBOOST_ARRAYS, *_XGBOOST_CATEGORIES, "id", "tree_param"}
_XGBOOST_LEAF = -1
_SOFTMAX = "multi:softprob"
_XGBOOST_OBJECTIVES = ("binary:logistic", _SOFTMAX, "reg:squarederror", "reg:quantileerror")


def check_xgboost(text: str) -> str:
    """Return the JSON of an XGBoost model, written anew: a key cannot occur twice.

    Raises
    ------
    BoosterError
    """
    document = json.loads(text)
    learner, booster = document["learner"], document["learner"]["gradient_booster"]
    model, parameters = booster["model"], learner["learner_model_param"]
    n_groups, n_columns = max(1, _to_integer(parameters["num_class"])), _to_integer(parameters["num_feature"])
    trees = model["trees"]
    _require(set(document) == {"learner", "version"} and booster["name"] == "gbtree", "another booster than gbtree")
    _check_xgboost_objective(learner["objective"], n_groups)
    _require(parameters["num_target"] == "1", "more than one target")
    _require(not any(model.get("cats", {}).values()), "categories of columns")
    _require(len(np.atleast_1d(json.loads(parameters["base_score"]))) in (1, n_groups), "other base scores")
    _require(_to_integer(model["gbtree_model_param"]["num_trees"]) == len(trees), "another number of trees")
    groups, edges = np.array(model["tree_info"]), np.array(model["iteration_indptr"])
    _require(len(groups) == len(trees) and bool(((groups >= 0) & (groups < n_groups)).all()), "a class without score")
    _require(edges[0] == 0 and edges[-1] == len(trees) and bool((np.diff(edges) >= 0).all()), "other iterations")
    for tree in trees:
        _check_xgboost_tree(tree, n_columns)
    return json.dumps(document)


def _check_xgboost_objective(objective: Mapping[str, Any], n_groups: int) -> None:
    name = objective["name"]
    _require(name in _XGBOOST_OBJECTIVES, f"the objective {str(name)[:40]!r}")
    n_classes = _to_integer(objective["softmax_multiclass_param"]["num_class"]) if name == _SOFTMAX else 1
    _require(n_classes == n_groups, "another number of classes in the objective")


def _check_xgboost_tree(tree: Mapping[str, Any], n_columns: int) -> None:
    parameters = tree["tree_param"]
    n_nodes = _to_integer(parameters["num_nodes"])
    _require(set(tree) == _XGBOOST_KEYS, "other parts of a tree")
    _require({len(tree[name]) for name in _XGBOOST_ARRAYS} == {n_nodes} and n_nodes > 0, "other numbers of nodes")
    _require(not any(tree[name] for name in _XGBOOST_CATEGORIES) and not any(tree["split_type"]), "a categorical split")
    _require(parameters["size_leaf_vector"] in ("0", "1"), "leaves with several values")
    _require(_to_integer(parameters["num_feature"]) == n_columns, "trees of other columns")
    left, right, columns = (_to_integers(tree[name]) for name in ("left_children", "right_children", "split_indices"))
    is_split = (left != _XGBOOST_LEAF) & (right != _XGBOOST_LEAF)
    _require(bool((is_split | ((left == _XGBOOST_LEAF) & (right == _XGBOOST_LEAF))).all()), "a node with one child")
    _check_columns(columns[is_split], n_columns)
    _check_children(np.concatenate([left[is_split], right[is_split]]), n_nodes)


# ------------------------------------------------------------------------------------------------------- trees


def _check_columns(columns: Ints, n_columns: int) -> None:
    _require(bool(((columns >= 0) & (columns < n_columns)).all()), "a split on a column that does not exist")


def _check_children(children: Ints, n_nodes: int) -> None:
    """Check that children exist, that none is the root, and that none has two parents: then there is no cycle."""
    _require(bool(((children > 0) & (children < n_nodes)).all()), "a child that does not exist")
    _require(len(np.unique(children)) == len(children), "a node with two parents")


def _to_integers(values: Iterable[Any]) -> Ints:
    return np.array([_to_integer(value) for value in values], dtype=np.int64)


def _to_integer(value: object) -> int:
    """Return an integer of which Python and C++ agree."""
    _require(_INTEGER.fullmatch(str(value)) is not None, "a number that is no integer")
    return int(str(value))


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise BoosterError(problem)
