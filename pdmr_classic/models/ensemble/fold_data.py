"""One table to learn from: its views, its folds, and what each fold may know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.fold_fitted import FittedFamilies
from pdmr_classic.features.names import modality_columns
from pdmr_classic.models.ensemble.views import View, presence, views_of
from pdmr_classic.splits import Fold, GroupedFolds, feasible_folds
from pdmr_classic.text import counted
from pdmr_classic.workers import one_thread

# Materials are made of the video.
FITTED_MODALITY = "video"
_AUDIO = "audio"


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
    fitted_all : ndarray, shape [n, G]
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
    fitted_all: Floats
    rows: Mask
    audio: Ints
    n_classes: int

    def of_fold(self, fold: int, rows: Ints) -> Floats:
        """Return rows as a fold sees them, shape [len(rows), F + G]."""
        return np.hstack([self.X[rows], self.fitted[fold][rows]]) if self.fitted else self.X[rows]

    @property
    def of_all(self) -> Floats:
        """All rows as the final model sees them, shape [n, F + G]."""
        return np.hstack([self.X, self.fitted_all])


class Problem:
    """Views, folds, and the fitted families of each fold.

    Parameters
    ----------
    X : ndarray of float64, shape [n, F]
    names : sequence of str, length F, or None
        None: all columns are one modality.
    y : ndarray of int, shape [n]
        Class numbers from 0.
    groups : array-like, shape [n]
    folds, repeats, seed : int
        Fewer folds are made where the rarest class has fewer subjects.
    weights : ndarray, shape [n], optional
        How much each row counts in training. Folds are made of all rows.

    Raises
    ------
    DataError
        There are too few classes or subjects, or no column to learn from.
    """

    def __init__(
        self,
        X: Floats,
        names: Sequence[str] | None,
        y: Ints,
        groups: ArrayLike,
        *,
        folds: int,
        repeats: int,
        seed: int,
        weights: Floats | None = None,
    ) -> None:
        self.X, self.y, self.groups = X, y, np.asarray(groups)
        self.weights = np.ones(len(X)) if weights is None else weights
        self.n_folds = feasible_folds(y, self.groups, folds)
        splitter = GroupedFolds(self.n_folds, n_repeats=repeats, random_state=seed)
        self.folds: list[Fold] = list(splitter.split(X, y, self.groups))
        self.names = names
        shown = [str(place) for place in range(X.shape[1])] if names is None else names
        self.columns = modality_columns(shown)
        self.present = presence(X, self.columns)
        self.fitted = FittedFamilies(shown, seed)
        with one_thread():
            self._fitted_of_folds = [self._fitted_features(train) for train, _ in self.folds if self.fitted]
            self._fitted_of_all = self._fitted_features(np.arange(len(X)))
        self.findings: list[Finding] = []
        if self.n_folds < folds:
            what = f"{self.n_folds} folds instead of {folds}: the rarest class has no more subjects"
            self.findings.append(Finding("fewer-folds", what))
        self.views: dict[str, View] = {}
        self.data: dict[str, ViewData] = {}
        for view in views_of(self.columns, self.present):
            self._add(view)
        if not self.views:
            raise DataError("there is no column to learn from", code="no-features", expected="video or audio features")

    def _fitted_features(self, train: Ints) -> Floats:
        """Return what families that are fitted on training rows make of all rows; the last fit stays."""
        return np.asarray(self.fitted.fit(self.X[self._counted(train)]).transform(self.X))

    def _counted(self, rows: Ints) -> Ints:
        return rows[self.weights[rows] > 0]

    def _add(self, view: View) -> None:
        rows = view.rows(self.present)
        number = np.cumsum(rows) - 1
        inside = [(number[train[rows[train]]], number[test[rows[test]]]) for train, test in self.folds]
        y, n_classes = self.y[rows], int(self.y.max()) + 1
        weights = self.weights[rows]
        if any(len(np.unique(y[train[weights[train] > 0]])) < n_classes for train, _ in inside):
            what = f"view {view.name!r} has too few recordings to learn from, and is left out"
            self.findings.append(Finding("view-too-small", what, found=counted(rows.sum(), "recording")))
            return
        has_fitted = bool(self.fitted) and FITTED_MODALITY in view.needs
        self.views[view.name] = view
        self.data[view.name] = ViewData(
            X=np.ascontiguousarray(self.X[rows][:, view.columns]),
            y=y,
            weights=weights,
            folds=inside,
            fitted=[part[rows] for part in self._fitted_of_folds] if has_fitted else [],
            fitted_all=self._fitted_of_all[rows] if has_fitted else np.empty((len(y), 0)),
            rows=rows,
            audio=np.flatnonzero(np.isin(view.columns, self.columns.get(_AUDIO, np.zeros(0, dtype=np.intp)))),
            n_classes=n_classes,
        )
