"""Shapley values of tree ensembles: TreeSHAP of the boosting libraries, and against one reference row for forests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.special import betaln

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.models.compiled.forest import Forest

_MAX_CELLS = 4_000_000


def boosting_shap(model: Any, X: Floats) -> tuple[Floats, Floats]:
    """Return TreeSHAP values [n, F, S] and their base [n, S] of a fitted LightGBM or XGBoost model.

    Both libraries compute exact Shapley values of the margin, where missing features follow all paths in proportion to
    the training rows that took them.

    References
    ----------
    Lundberg et al. 2020 (path-dependent TreeSHAP).
    """
    if hasattr(model, "booster_"):
        flat = np.asarray(model.booster_.predict(X, pred_contrib=True))
    else:
        from xgboost import DMatrix

        flat = np.asarray(model.get_booster().predict(DMatrix(X), pred_contribs=True))
    values = flat.astype(np.float64).reshape(len(X), -1, X.shape[1] + 1).transpose(0, 2, 1)
    return values[:, :-1], values[:, -1]


@dataclass(frozen=True, eq=False)
class _Paths:
    """The paths from root to leaf of a forest, as pairs of a leaf and a column that its path depends on.

    Attributes
    ----------
    nodes : ndarray of int, shape [edges]
        Split of each edge; edges are sorted by leaf, then by column.
    is_left : ndarray of bool, shape [edges]
    first_edge : ndarray of int, shape [pairs]
    first_pair : ndarray of int, shape [leaves]
    leaf : ndarray of int, shape [pairs]
        Number of the leaf of each pair.
    column : ndarray of int, shape [pairs]
    value : ndarray, shape [leaves, S]
    """

    nodes: Ints
    is_left: Mask
    first_edge: Ints
    first_pair: Ints
    leaf: Ints
    column: Ints
    value: Floats

    @property
    def leaf_of_edge(self) -> Ints:
        """Number of the leaf of each edge, shape [edges]."""
        return np.repeat(self.leaf, np.diff(np.append(self.first_edge, len(self.nodes))))


def _find_paths(forest: Forest) -> _Paths:
    """Return the paths to all leaves that are not roots."""
    inner = np.flatnonzero(~forest.is_leaf)
    parent, is_left = np.full(len(forest.left), -1), np.zeros(len(forest.left), dtype=bool)
    parent[forest.left[inner]] = parent[forest.right[inner]] = inner
    is_left[forest.left[inner]] = True
    leaves = np.flatnonzero(forest.is_leaf & (parent >= 0))
    node, number = leaves, np.arange(len(leaves))
    edges: list[tuple[Ints, Mask, Ints]] = []
    while len(node):
        edges.append((parent[node], is_left[node], number))
        goes_on = parent[parent[node]] >= 0
        node, number = parent[node][goes_on], number[goes_on]
    nodes, lefts, numbers = (np.concatenate([edge[k] for edge in edges]) for k in range(3))
    order = np.lexsort((forest.feature[nodes], numbers))
    nodes, lefts, numbers = nodes[order], lefts[order], numbers[order]
    columns = forest.feature[nodes]
    is_first = np.append(True, (np.diff(numbers) != 0) | (np.diff(columns) != 0))
    first_edge = np.flatnonzero(is_first)
    leaf = numbers[first_edge]
    first_pair = np.searchsorted(leaf, np.arange(len(leaves)))
    return _Paths(nodes, lefts, first_edge, first_pair, leaf, columns[first_edge], forest.value[leaves])


def forest_shapley(forest: Forest, X: Floats, reference: Floats) -> Floats:
    """Return exact Shapley values of the sum over all trees, against one reference row.

    A column that is not in a coalition has the value of the reference. For a leaf whose path asks for `a` columns that
    only the row satisfies and `b` columns that only the reference satisfies, the values have a closed form.

    Parameters
    ----------
    forest : Forest
    X : ndarray, shape [n, F]
    reference : ndarray, shape [F]

    Returns
    -------
    ndarray, shape [n, F, S]
        Their sum over columns is the output of the row minus that of the reference.

    References
    ----------
    Lundberg et al. 2020 (interventional TreeSHAP), with a single background row.
    """
    if bool(forest.is_leaf.all()):
        return np.zeros((*X.shape, forest.value.shape[1]))
    paths = _find_paths(forest)
    step = max(1, _MAX_CELLS // len(paths.nodes))
    return np.concatenate([_row_shapley(forest, paths, X[k : k + step], reference) for k in range(0, len(X), step)])


def _row_shapley(forest: Forest, paths: _Paths, X: Floats, reference: Floats) -> Floats:
    own, other = _satisfies(forest, paths, X), _satisfies(forest, paths, reference[None, :])[0]
    both_fail = np.logical_or.reduceat(~(own | other), paths.first_pair, axis=1)
    n_own = np.add.reduceat(~other, paths.first_pair, dtype=np.int32)
    n_other = np.add.reduceat(~own & other, paths.first_pair, axis=1, dtype=np.int32)
    weights = _coalition_weights(int(n_own.max(initial=0)), int(n_other.max(initial=0)))
    # Where a path is possible at all, the row satisfies all that the reference fails.
    by_leaf = np.where(both_fail, 0.0, weights[np.maximum(n_own, 1), n_other])
    back = np.where(both_fail, 0.0, -weights[np.maximum(n_other, 1), n_own])
    gained, lost = np.flatnonzero(~other), np.flatnonzero(other)
    by_pair = np.where(own[:, lost], 0.0, back[:, paths.leaf[lost]])
    n_columns = X.shape[1]
    outputs = []
    for values in paths.value.T:
        to_gained = csr_array(
            (values[paths.leaf[gained]], (paths.column[gained], paths.leaf[gained])), shape=(n_columns, len(values))
        )
        to_lost = csr_array(
            (values[paths.leaf[lost]], (paths.column[lost], np.arange(len(lost)))), shape=(n_columns, len(lost))
        )
        outputs.append((to_gained @ by_leaf.T + to_lost @ by_pair.T).T)
    return np.stack(outputs, axis=2)


def _coalition_weights(n_own: int, n_other: int) -> Floats:
    """Return (a - 1)! b! / (a + b)! for all numbers of columns a > 0 and b; row 0 is not used."""
    size = max(n_own, n_other) + 1
    a, b = np.meshgrid(np.maximum(np.arange(size + 1), 1), np.arange(size + 1), indexing="ij")
    return np.asarray(np.exp(betaln(a, b + 1.0)))


def _satisfies(forest: Forest, paths: _Paths, X: Floats) -> Mask:
    """Return whether rows satisfy all conditions of a path on one column, shape [n, pairs]."""
    splits, edge_split = np.unique(paths.nodes, return_inverse=True)
    follows = forest.goes_left(X, splits)[:, edge_split] == paths.is_left
    return np.asarray(np.logical_and.reduceat(follows, paths.first_edge, axis=1))
