"""The training table as the ensemble sees it: its views, its folds, and what each fold may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.fold_fitted import FittedFamilies
from pdmr_classic.features.names import AUDIO, VIDEO, modality_columns
from pdmr_classic.models.ensemble.views import View, find_modalities, make_views
from pdmr_classic.splits import Fold, GroupedFolds
from pdmr_classic.text import format_count
from pdmr_classic.workers import one_thread

FITTED_MODALITY = VIDEO
"""Fitted families make features of the video."""


@dataclass(frozen=True, eq=False)
class ViewData:
    """The rows and columns of one view, and the folds in the numbering of those rows.

    Attributes
    ----------
    X : ndarray of float64, shape [n, F]
    y : ndarray of int, shape [n]
    weights : ndarray, shape [n]
        How much each row counts in training.
    folds : list of (train, test)
    fitted : list of ndarray, shape [n, G]
        For each fold, features from the families that were fitted on its training rows; empty without any.
    fitted_on_all : ndarray, shape [n, G]
        From families that were fitted on all rows, for the final model.
    rows : ndarray of bool
        Which rows of the table these are.
    audio : ndarray of int
        Places of the audio vector among the columns.
    n_classes : int
    """

    X: Floats
    y: Ints
    weights: Floats
    folds: list[Fold]
    fitted: list[Floats]
    fitted_on_all: Floats
    rows: Mask
    audio: Ints
    n_classes: int

    def in_fold(self, fold: int, rows: Ints) -> Floats:
        """Return rows as the models of a fold see them, shape [len(rows), F + G]."""
        return np.hstack([self.X[rows], self.fitted[fold][rows]]) if self.fitted else self.X[rows]

    @property
    def n_columns(self) -> int:
        """Columns that models see, F + G."""
        return int(self.X.shape[1] + self.fitted_on_all.shape[1])

    @property
    def all_rows(self) -> Floats:
        """All rows as the final model sees them, shape [n, F + G]."""
        return np.hstack([self.X, self.fitted_on_all])


@dataclass(frozen=True, eq=False)
class FoldData:
    """A table to learn from, with its folds, and a view of it for each modality and for all of them together.

    Attributes
    ----------
    X : ndarray of float64, shape [n, F]
    names : sequence of str, length F, or None
    y : ndarray of int, shape [n]
    groups : ndarray, shape [n]
    weights : ndarray, shape [n]
    n_folds : int
        Of one repeat.
    folds : list of (train, test)
    columns : dict of str to ndarray of int
        Places of each modality's columns.
    present : dict of str to ndarray of bool
        Which rows have a modality.
    fitted : FittedFamilies
        Fitted on all rows, for the final model.
    views : dict of str to View
    view_data : dict of str to ViewData
    findings : list of Finding
        Views that are left out.
    """

    X: Floats
    names: Sequence[str] | None
    y: Ints
    groups: np.ndarray
    weights: Floats
    n_folds: int
    folds: list[Fold]
    columns: dict[str, Ints]
    present: dict[str, Mask]
    fitted: FittedFamilies
    views: dict[str, View]
    view_data: dict[str, ViewData]
    findings: list[Finding]


def make_fold_data(
    X: Floats,
    names: Sequence[str] | None,
    y: Ints,
    groups: ArrayLike,
    *,
    n_folds: int,
    repeats: int,
    seed: int,
    weights: Floats | None = None,
) -> FoldData:
    """Make the folds of a table, fit on each what is fitted in folds, and cut the table into views.

    Parameters
    ----------
    X : ndarray of float64, shape [n, F]
    names : sequence of str, length F, or None
        None: all columns are one modality.
    y : ndarray of int, shape [n]
        Class numbers from 0.
    groups : array-like, shape [n]
    n_folds, repeats, seed : int
        As many folds as the subjects allow, see `feasible_folds`.
    weights : ndarray, shape [n], optional
        How much each row counts in training. Folds are made of all rows.

    Raises
    ------
    DataError
        There are too few subjects for so many folds, or no column to learn from.
    """
    groups = np.asarray(groups)
    weights = np.ones(len(X)) if weights is None else weights
    folds = list(GroupedFolds(n_folds, n_repeats=repeats, random_state=seed).split(X, y, groups))
    shown = [str(place) for place in range(X.shape[1])] if names is None else list(names)
    columns = modality_columns(shown)
    present = find_modalities(X, columns)
    fitted = FittedFamilies(shown, seed)
    with one_thread():
        fitted_in_folds = [_fit_and_transform(fitted, X, weights, train) for train, _ in folds if fitted]
        # Last, so that the families stay as they are fitted on all rows.
        fitted_on_all = _fit_and_transform(fitted, X, weights, np.arange(len(X)))
    views: dict[str, View] = {}
    view_data: dict[str, ViewData] = {}
    findings = []
    for view in make_views(columns, present):
        data = _view_data(view, X, y, weights, folds, columns, present, fitted_in_folds, fitted_on_all)
        if _every_fold_has_every_class(data):
            views[view.name], view_data[view.name] = view, data
        else:
            what = f"view {view.name!r} has too few recordings to learn from, and is left out"
            findings.append(Finding("view-too-small", what, found=format_count(len(data.y), "recording")))
    if not views:
        raise DataError("there is no column to learn from", code="no-features", expected="video or audio features")
    return FoldData(X, names, y, groups, weights, n_folds, folds, columns, present, fitted, views, view_data, findings)


def _fit_and_transform(fitted: FittedFamilies, X: Floats, weights: Floats, train: Ints) -> Floats:
    """Return what families that are fitted on training rows make of all rows."""
    return np.asarray(fitted.fit(X[train[weights[train] > 0]]).transform(X))


def _view_data(
    view: View,
    X: Floats,
    y: Ints,
    weights: Floats,
    folds: Sequence[Fold],
    columns: Mapping[str, Ints],
    present: dict[str, Mask],
    fitted_in_folds: Sequence[Floats],
    fitted_on_all: Floats,
) -> ViewData:
    rows = view.rows(present)
    number = np.cumsum(rows) - 1
    has_fitted = bool(fitted_in_folds) and FITTED_MODALITY in view.needs
    return ViewData(
        X=np.ascontiguousarray(X[rows][:, view.columns]),
        y=y[rows],
        weights=weights[rows],
        folds=[(number[train[rows[train]]], number[test[rows[test]]]) for train, test in folds],
        fitted=[part[rows] for part in fitted_in_folds] if has_fitted else [],
        fitted_on_all=fitted_on_all[rows] if has_fitted else np.empty((int(rows.sum()), 0)),
        rows=rows,
        audio=np.flatnonzero(np.isin(view.columns, columns.get(AUDIO, np.zeros(0, dtype=np.intp)))),
        n_classes=int(y.max()) + 1,
    )


def _every_fold_has_every_class(data: ViewData) -> bool:
    trained = (train[data.weights[train] > 0] for train, _ in data.folds)
    return all(len(np.unique(data.y[train])) == data.n_classes for train in trained)
