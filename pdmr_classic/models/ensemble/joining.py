"""Joined views: what two modalities have in common and where they disagree, fitted within each fold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.errors import Finding
from pdmr_classic.features.names import is_derived
from pdmr_classic.models.ensemble.views import View, find_modalities
from pdmr_classic.models.learners.canonical import N_PAIRS, CanonicalVariates, MakeSuppressor, subject_means
from pdmr_classic.text import format_list

JOINED_VIEW = "joined"
MAX_JOINED_VIEWS = 6
"""All pairs of four modalities; of more, the pairs that most recordings have."""
_N_FOLDS = 5
_MIN_SUBJECTS = 20
_Z_95 = 1.6448536269514722
_ERROR_INFLATION = 1.5


class JoinedFeatures:
    """Canonical variates of two modalities, their products, and their differences.

    For training rows, the variates come from models that were fitted without their subject, rotated onto those of the
    model of all training subjects; otherwise, they would look more alike than in new subjects. Pairs are kept in their
    order, as long as the correlation over held-out subjects of the pairs of that rank is above 0: its one-sided 95%
    confidence bound, because that of unrelated modalities is above 0 half of the time. It is computed before the
    rotation, whose target has seen the held-out subjects. The columns of other pairs are NaN.

    Parameters
    ----------
    first, second : ndarray of int
        Columns of the modalities in the table.
    make_suppressor : callable, optional
        See `CanonicalVariates`.
    seed : int

    Attributes
    ----------
    variates_ : CanonicalVariates
        Fitted on the training rows.
    correlations_ : ndarray, shape [pairs]
        Between held-out subjects.
    kept_ : ndarray of bool, shape [pairs]

    Notes
    -----
    The standard error is 1.5 times that of Fisher's z, as measured with unrelated modalities of 40 to 200 subjects,
    because the models of different folds share most of their subjects.
    """

    def __init__(
        self, first: Ints, second: Ints, *, make_suppressor: MakeSuppressor | None = None, seed: int = 0
    ) -> None:
        self.first = first
        self.second = second
        self.make_suppressor = make_suppressor
        self.seed = seed

    def choose_pairs(self, X: Floats, y: NDArray[Any], groups: NDArray[Any], rows: Ints) -> Self:
        """Choose the pairs to keep, on all training rows of the table.

        The choice is made once for all training rows: base learners of folds with other features would be calibrated
        for scores of another spread than those of the final ones. The target is used only to suppress habits.
        """
        self.correlations_, self.kept_ = np.zeros(N_PAIRS), np.zeros(N_PAIRS, dtype=bool)
        train = rows[self._has_both(X)[rows]]
        if len(np.unique(groups[train])) >= _MIN_SUBJECTS:
            self.variates_ = self._fit_variates(X, y, groups, train)
            cross_fitted = self._cross_fit(X, y, groups, train)
            if cross_fitted is not None:
                self.correlations_, self.kept_ = _choose_pairs(cross_fitted[0], groups[train])
        return self

    def fit_transform(self, X: Floats, y: NDArray[Any], groups: NDArray[Any], rows: Ints) -> Floats:
        """Fit the chosen pairs on some rows, and return the features of all rows, shape [n, 4 x pairs]."""
        train = rows[self._has_both(X)[rows]]
        self.variates_ = self._fit_variates(X, y, groups, train)
        features = self.transform(X)
        cross_fitted = self._cross_fit(X, y, groups, train)
        if cross_fitted is not None:
            features[train] = self._make_features(*cross_fitted[1])
        return features

    def transform(self, X: Floats) -> Floats:
        """Return the features of further rows, shape [n, 4 x pairs]; NaN for rows without both modalities."""
        features = np.full((len(X), 4 * N_PAIRS), np.nan)
        rows = self._has_both(X)
        if self.variates_.n_pairs_ and rows.any():
            features[rows] = self._make_features(*self._variates_of(self.variates_, X[rows]))
        return features

    def describe(self) -> dict[str, Any]:
        """Return the correlations between held-out subjects of the pairs that are kept, JSON-serialisable."""
        return {"correlations": self.correlations_[self.kept_].tolist()}

    def _has_both(self, X: Floats) -> Mask:
        present = find_modalities(X, {"first": self.first, "second": self.second})
        return present["first"] & present["second"]

    def _fit_variates(self, X: Floats, y: NDArray[Any], groups: NDArray[Any], rows: Ints) -> CanonicalVariates:
        first, second = X[np.ix_(rows, self.first)], X[np.ix_(rows, self.second)]
        return CanonicalVariates(self.make_suppressor, seed=self.seed).fit(first, second, y[rows], groups[rows])

    def _variates_of(self, variates: CanonicalVariates, X: Floats) -> tuple[Floats, Floats]:
        return variates.transform(X[:, self.first], X[:, self.second])

    def _make_features(self, u: Floats, v: Floats) -> Floats:
        """Return variates, products and differences, shape [n, 4 x pairs]; NaN for pairs that are not kept."""
        n_pairs = u.shape[1]
        features = np.full((len(u), 4, N_PAIRS), np.nan)
        features[:, :, :n_pairs] = np.stack([u, v, u * v, u - v], axis=1)
        features[:, :, ~self.kept_] = np.nan
        return features.reshape(len(u), -1)

    def _cross_fit(self, X: Floats, y: NDArray[Any], groups: NDArray[Any], train: Ints) -> tuple[Floats, Floats] | None:
        """Return the variates of training rows from models without their subject, before and after the rotation.

        Shape [2, n, pairs] each; None if a model cannot be fitted.
        """
        if not self.variates_.n_pairs_:
            return None
        subjects = np.unique(groups[train])
        own, aligned = np.zeros((2, 2, len(train), self.variates_.n_pairs_))
        order = np.random.default_rng(self.seed).permutation(len(subjects))
        for part in np.array_split(order, _N_FOLDS):
            is_out = np.isin(groups[train], subjects[part])
            fitted = self._fit_variates(X, y, groups, train[~is_out])
            if not fitted.n_pairs_:
                return None
            rotation = self._align(fitted, X[train[~is_out]], groups[train[~is_out]])
            sides = np.stack(self._variates_of(fitted, X[train[is_out]]))
            own[:, is_out, : fitted.n_pairs_] = sides
            aligned[:, is_out] = sides @ rotation
        return own, aligned

    def _align(self, fitted: CanonicalVariates, X: Floats, groups: NDArray[Any]) -> Floats:
        """Return the rotation of a model's variates onto those of all training subjects (orthogonal Procrustes)."""
        own, target = (
            np.vstack([subject_means(side, groups) for side in self._variates_of(model, X)])
            for model in (fitted, self.variates_)
        )
        left, _, right = np.linalg.svd(own.T @ target, full_matrices=False)
        return np.asarray(left @ right)


def _choose_pairs(held_out: Floats, groups: NDArray[Any]) -> tuple[Floats, Mask]:
    """Return the correlation over held-out subjects of each pair, and whether it is above 0."""
    u, v = (subject_means(side, groups) for side in held_out)
    correlations = np.zeros(N_PAIRS)
    for k in range(u.shape[1]):
        if u[:, k].std() > 0 and v[:, k].std() > 0:
            correlations[k] = np.corrcoef(u[:, k], v[:, k])[0, 1]
    smallest = np.tanh(_Z_95 * _ERROR_INFLATION / np.sqrt(len(u) - 3))
    return correlations, np.logical_and.accumulate(correlations > smallest)


def make_joined_views(
    columns: dict[str, Ints], present: dict[str, Mask], *, make_suppressor: MakeSuppressor | None, seed: int
) -> Iterator[tuple[View, JoinedFeatures]]:
    """Yield the joined view of each pair of modalities, and what computes its features.

    With more than four modalities, only the six pairs that most recordings have. Covariates and changes from baseline
    are in no pair.
    """
    pairs = rank_pairs(columns, present)
    n_modalities = len({name for pair in pairs for name in pair})
    for first, second in pairs[:MAX_JOINED_VIEWS]:
        name = JOINED_VIEW if n_modalities == 2 else f"{JOINED_VIEW}:{'+'.join(sorted((first, second)))}"
        view = View(name, frozenset({first, second}), np.zeros(0, dtype=np.intp), (name,))
        yield view, JoinedFeatures(columns[first], columns[second], make_suppressor=make_suppressor, seed=seed)


def rank_pairs(columns: dict[str, Ints], present: dict[str, Mask]) -> list[tuple[str, str]]:
    """Return the pairs of modalities that some recordings have, those of most recordings first."""
    names = [name for name in columns if present[name].any() and not is_derived(name)]
    counts = {pair: int((present[pair[0]] & present[pair[1]]).sum()) for pair in combinations(names, 2)}
    return sorted((pair for pair in counts if counts[pair]), key=lambda pair: -counts[pair])


def find_untried_pairs(columns: dict[str, Ints], present: dict[str, Mask]) -> list[Finding]:
    """Return a finding if there are more pairs of modalities than are tried."""
    untried = [" and ".join(sorted(pair)) for pair in rank_pairs(columns, present)[MAX_JOINED_VIEWS:]]
    if not untried:
        return []
    what = f"joined views are tried for {MAX_JOINED_VIEWS} pairs of modalities only, those of most recordings"
    return [Finding("untried-pairs", what, found=f"not tried: {format_list(untried)}")]


def describe_joined_view(view: View, features: JoinedFeatures) -> Finding:
    """Return what was found of a joined view, to be told."""
    between = f"between {' and '.join(sorted(view.needs))}"
    if not features.kept_.any():
        what = f"no correlation {between} that holds for other subjects: there is no joined view of them"
        largest = f"at most {features.correlations_.max():.2f} between held-out subjects"
        return Finding("no-joined-view", what, found=largest)
    kept = ", ".join(f"{value:.2f}" for value in features.correlations_[features.kept_])
    return Finding("joined-view", f"correlations {between} that hold for other subjects are a further view", found=kept)
