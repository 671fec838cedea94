"""Training data of the ensemble: views, folds, and features fitted within each fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.feature_table import refuse_label_columns
from pdmr_classic.features.fold_fitted import FoldFittedFeatures
from pdmr_classic.features.names import AUDIO, modality_columns
from pdmr_classic.models.ensemble.fitted_columns import (
    FittedColumns,
    FoldFitted,
    append_columns,
    count_fitted,
    fit_in_folds,
)
from pdmr_classic.models.ensemble.joining import (
    JoinedFeatures,
    describe_joined_view,
    find_untried_pairs,
    make_joined_views,
)
from pdmr_classic.models.ensemble.views import MATERIAL_MODALITY, MATERIAL_SOURCE, View, find_modalities, make_views
from pdmr_classic.models.learners.large_table import LargeTable, draw_sample, map_batches
from pdmr_classic.models.learners.suppression import SuppressIdentity
from pdmr_classic.splits import Fold, GroupedFolds
from pdmr_classic.text import format_count
from pdmr_classic.workers import use_one_thread


@dataclass(frozen=True, eq=False)
class ViewData:
    """The rows and columns of one view, and the folds as indices of these rows.

    Attributes
    ----------
    X : ndarray of float64, or LargeTable, shape [n, F]
    y : ndarray, shape [n]
        Class numbers, or scores.
    groups : ndarray, shape [n]
        Subject of each row.
    weights : ndarray, shape [n]
        Row weights for training.
    folds : list of (train, test)
    fitted_features : list of ndarray, shape [n, G], or of Path
        Per fold, features fitted on its training rows; an empty list if there are none. Of a LargeTable, a file.
    final_fitted_features : ndarray, shape [n, G], or Path
        Features fitted on all rows, for the final model.
    rows : ndarray of bool
        Mask of these rows in the full table.
    blocks : dict of str to ndarray of int
        Column indices of each modality among the F + G columns.
    n_classes : int
        0 if `y` are scores.
    """

    X: Floats | LargeTable
    y: NDArray[Any]
    groups: np.ndarray
    weights: Floats
    folds: list[Fold]
    fitted_features: Sequence[FittedColumns]
    final_fitted_features: FittedColumns
    rows: Mask
    blocks: dict[str, Ints]
    n_classes: int

    def fold_features(self, fold: int, rows: Ints) -> Any:
        """Return the features of rows for the models of a fold, shape [len(rows), F + G]: an array or a LargeTable."""
        return append_columns(self.X, self.fitted_features[fold], rows) if self.fitted_features else self.X[rows]

    @property
    def is_numeric(self) -> bool:
        """Whether a number is predicted instead of a class."""
        return self.n_classes == 0

    @property
    def n_scores(self) -> int:
        """Number of score columns of a base learner, S: one for two classes or a number, otherwise one per class."""
        return self.n_classes if self.n_classes > 2 else 1

    @property
    def n_columns(self) -> int:
        """Number of feature columns of a model, F + G."""
        return int(self.X.shape[1] + count_fitted(self.final_fitted_features))

    @property
    def has_audio(self) -> bool:
        """Whether there is an audio vector."""
        return AUDIO in self.blocks

    @property
    def is_joint(self) -> bool:
        """Whether there are columns of several modalities."""
        return len(self.blocks) > 1

    @property
    def final_features(self) -> Any:
        """Features of all rows for the final model, shape [n, F + G]: an array or a LargeTable."""
        if isinstance(self.X, LargeTable) and not isinstance(self.final_fitted_features, Path):
            return self.X
        return append_columns(self.X, self.final_fitted_features, slice(None))


@dataclass(frozen=True, eq=False)
class FoldData:
    """A training table with its folds and views: of each modality, and of several, see `make_views`.

    Attributes
    ----------
    X : ndarray of float64, or LargeTable, shape [n, F]
    names : sequence of str, length F, or None
    y : ndarray, shape [n]
        Class numbers, or scores.
    groups : ndarray, shape [n]
    weights : ndarray, shape [n]
    n_folds : int
        Folds per repeat.
    folds : list of (train, test)
    columns : dict of str to ndarray of int
        Column indices of each modality.
    present : dict of str to ndarray of bool
        Mask of the rows that have each modality.
    fold_fitted : dict of str to FoldFitted
        What computes further columns of views, by name; fitted on all rows, for the final model.
    views : dict of str to View
    view_data : dict of str to ViewData
    findings : list of Finding
        Warnings about views that are left out.
    """

    X: Floats | LargeTable
    names: Sequence[str] | None
    y: NDArray[Any]
    groups: np.ndarray
    weights: Floats
    n_folds: int
    folds: list[Fold]
    columns: dict[str, Ints]
    present: dict[str, Mask]
    fold_fitted: dict[str, FoldFitted]
    views: dict[str, View]
    view_data: dict[str, ViewData]
    findings: list[Finding]

    def select_repeats(self, first: int, last: int) -> FoldData:
        """Return the same table with the folds of some repeats only: `first` up to, not including, `last`."""
        folds = slice(first * self.n_folds, last * self.n_folds)
        view_data = {
            name: replace(data, folds=data.folds[folds], fitted_features=data.fitted_features[folds])
            for name, data in self.view_data.items()
        }
        return replace(self, folds=self.folds[folds], view_data=view_data)

    def replace_target(self, scores: Floats) -> FoldData:
        """Return the same folds with scores [n] to predict; the classes only stratified the folds."""
        view_data = {name: replace(data, y=scores[data.rows], n_classes=0) for name, data in self.view_data.items()}
        return replace(self, y=scores, view_data=view_data)

    def replace_weights(self, weights: Floats) -> FoldData:
        """Return the same folds with other row weights [n], positive where they were."""
        view_data = {name: replace(data, weights=weights[data.rows]) for name, data in self.view_data.items()}
        return replace(self, weights=weights, view_data=view_data)

    @property
    def joined_views(self) -> dict[str, JoinedFeatures]:
        """What computes the features of each joined view."""
        return {name: source for name, source in self.fold_fitted.items() if isinstance(source, JoinedFeatures)}

    def drop_features(self) -> FoldData:
        """Return the same rows without their features, and with numbers for subjects."""
        subjects = np.unique(self.groups, return_inverse=True)[1]
        return replace(self, X=np.empty((len(self.y), 0)), groups=subjects, view_data={})


def make_fold_data(
    X: Floats | LargeTable,
    names: Sequence[str] | None,
    y: Ints,
    groups: ArrayLike,
    *,
    n_folds: int,
    repeats: int,
    seed: int,
    weights: Floats | None = None,
    join_views: bool = False,
    suppress_identity: bool = False,
) -> FoldData:
    """Make the folds and views of a table, and compute the features that are fitted within each fold.

    Parameters
    ----------
    X : ndarray of float64, or LargeTable, shape [n, F]
        Of a LargeTable, features are fitted on samples of subjects, and their columns stored beside it.
    names : sequence of str, length F, or None
        None if all columns are one modality.
    y : ndarray of int, shape [n]
        Class numbers, starting at 0.
    groups : array-like, shape [n]
    n_folds, repeats, seed : int
        `n_folds` must be feasible, see `count_feasible_folds`.
    weights : ndarray, shape [n], optional
        Row weights for training. Folds include all rows, whatever their weight, but each training set has rows of every
        class with a positive weight.
    join_views : bool
        Add joined views, see `JoinedFeatures`, where modalities have something in common.
    suppress_identity : bool
        Remove personal habits before modalities are joined, see `SuppressIdentity`.

    Raises
    ------
    DataError
        There are too few subjects for this many folds, no feature columns, or columns of labels.
    """
    groups = np.asarray(groups)
    weights = np.ones(len(X)) if weights is None else weights
    folds = list(GroupedFolds(n_folds, n_repeats=repeats, random_state=seed).split(X, y, groups, weights))
    column_names = [str(k) for k in range(X.shape[1])] if names is None else list(names)
    refuse_label_columns(column_names)
    columns, findings = _leave_out_constant(modality_columns(column_names), X, weights > 0)
    present = find_modalities(X, columns)
    fold_fitted: dict[str, FoldFitted] = {}
    if material := FoldFittedFeatures(column_names, seed):
        fold_fitted[MATERIAL_SOURCE] = material
    made_views = make_views(columns, present, has_material=bool(material))
    with use_one_thread():
        if join_views:
            make_suppressor = SuppressIdentity if suppress_identity else None
            findings += find_untried_pairs(columns, present)
            for view, joined in make_joined_views(columns, present, make_suppressor=make_suppressor, seed=seed):
                _choose_pairs(joined, X, y, groups, weights, seed)
                findings.append(describe_joined_view(view, joined))
                if joined.kept_.any():
                    made_views.append(view)
                    fold_fitted[view.name] = joined
        fitted = {
            name: fit_in_folds(source, X, y, groups, weights, folds, name=f"fitted-{k}", seed=seed)
            for k, (name, source) in enumerate(fold_fitted.items())
        }
    views: dict[str, View] = {}
    view_data: dict[str, ViewData] = {}
    for view in made_views:
        data = _make_view_data(view, X, y, groups, weights, folds, columns, present, fitted)
        if have_all_classes(data.folds, data.y, data.weights, data.n_classes):
            views[view.name], view_data[view.name] = view, data
        else:
            what = f"view {view.name!r} has too few recordings to train on and is left out"
            findings.append(Finding("view-too-small", what, found=format_count(len(data.y), "recording")))
    if not views:
        raise DataError("there are no features to train on", code="no-features", expected="video or audio features")
    return FoldData(
        X, names, y, groups, weights, n_folds, folds, columns, present, fold_fitted, views, view_data, findings
    )


def _choose_pairs(
    joined: JoinedFeatures, X: Floats | LargeTable, y: Ints, groups: np.ndarray, weights: Floats, seed: int
) -> None:
    """Choose the pairs of a joined view on the training rows, of a LargeTable on a sample of them."""
    rows = np.flatnonzero(weights > 0)
    if isinstance(X, LargeTable):
        drawn = rows[draw_sample(y[rows], groups[rows], X.max_rows, seed)]
        joined.choose_pairs(X[drawn].read(), y[drawn], groups[drawn], np.arange(len(drawn)))
    else:
        joined.choose_pairs(X, y, groups, rows)


def _leave_out_constant(
    columns: Mapping[str, Ints], X: Floats | LargeTable, rows: Mask
) -> tuple[dict[str, Ints], list[Finding]]:
    """Return the columns of modalities with a column that varies, all if none has one, and what is left out."""
    low, high = _find_limits(X[rows])
    # A modality without any value is no view anyway, and may be one of other rows.
    constant = [
        name for name, own in columns.items() if (low[own] == high[own]).any() and not (low[own] < high[own]).any()
    ]
    if len(constant) == len(columns):
        return dict(columns), []
    findings = [
        Finding("constant-view", f"view {name!r} is constant in the training data and is left out") for name in constant
    ]
    return {name: own for name, own in columns.items() if name not in constant}, findings


def _find_limits(X: Floats | LargeTable) -> tuple[Floats, Floats]:
    """Return the smallest and the largest finite value of each column, shape [F]; infinite ones if there is none."""

    def find(rows: Floats) -> Floats:
        is_finite = np.isfinite(rows)
        low = np.where(is_finite, rows, np.inf).min(axis=0, initial=np.inf)
        return np.stack([low, np.where(is_finite, rows, -np.inf).max(axis=0, initial=-np.inf)])

    limits = map_batches(find, X)
    return limits[::2].min(axis=0), limits[1::2].max(axis=0)


def _make_view_data(
    view: View,
    X: Floats | LargeTable,
    y: Ints,
    groups: np.ndarray,
    weights: Floats,
    folds: Sequence[Fold],
    columns: Mapping[str, Ints],
    present: dict[str, Mask],
    fitted: Mapping[str, Sequence[FittedColumns]],
) -> ViewData:
    rows = view.rows(present)
    number = np.cumsum(rows) - 1
    # Of each fold, and last of all rows.
    per_fold: list[FittedColumns]
    if isinstance(X, LargeTable):
        own = X[rows].select_columns(view.columns)
        per_fold = [path for name in view.sources for path in fitted[name]]  # a view has at most one source
    else:
        own = np.ascontiguousarray(X[rows][:, view.columns])
        per_fold = [np.hstack(parts)[rows] for parts in zip(*(fitted[name] for name in view.sources), strict=True)]
    final = per_fold.pop() if per_fold else np.empty((int(rows.sum()), 0))
    return ViewData(
        X=own,
        y=y[rows],
        groups=groups[rows],
        weights=weights[rows],
        folds=[(number[train[rows[train]]], number[test[rows[test]]]) for train, test in folds],
        fitted_features=per_fold,
        final_fitted_features=final,
        rows=rows,
        blocks=_find_blocks(view, columns, count_fitted(final)),
        n_classes=int(y.max()) + 1,
    )


def _find_blocks(view: View, columns: Mapping[str, Ints], n_fitted: int) -> dict[str, Ints]:
    """Return the place of each modality's columns in a view; fitted ones come last."""
    places = {name: np.flatnonzero(np.isin(view.columns, columns[name])) for name in columns if name in view.needs}
    blocks = {name: place for name, place in places.items() if len(place)}  # none in a joined view
    if MATERIAL_SOURCE in view.sources:
        fitted = len(view.columns) + np.arange(n_fitted)
        blocks[MATERIAL_MODALITY] = np.append(blocks[MATERIAL_MODALITY], fitted)
    return blocks


def have_all_classes(folds: Sequence[Fold], y: Ints, weights: Floats, n_classes: int) -> bool:
    """Return whether the training rows of each fold with a positive weight contain all classes."""
    return all(len(np.unique(y[train[weights[train] > 0]])) == n_classes for train, _ in folds)
