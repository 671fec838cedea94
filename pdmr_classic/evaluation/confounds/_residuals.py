"""Remove from features what nuisance columns explain of their level and spread, without labels."""

from __future__ import annotations

from typing import Self

import numpy as np

from pdmr_classic.arrays import Floats

_SUBJECTS_PER_COMPONENT = 8
_CLIP_SD = 3.0
_MAX_SCALE = 10.0
_TINY = 1e-9


class Residualiser:
    """Linear regression of each feature, and of the spread of its residuals, on components of nuisance columns.

    Each nuisance column, standardised and limited to three standard deviations, and its square are turned into
    principal components; those that explain most of the features are used, at most one for every eight subjects.
    A feature becomes mean + residual / relative spread. Unknown values become the mean, so that they tell nothing.

    Parameters
    ----------
    n_subjects : int
        Number of subjects among the training rows.

    References
    ----------
    Johnson, Li and Rabinovic 2007 (location and scale adjustment, ComBat); Snoek, Miletić and Scholte 2019
    (regression of confounds within the folds).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> site = np.arange(80.0)[:, None] % 2
    >>> features = rng.normal(size=(80, 3)) * (1 + site) + 5 * site
    >>> repaired = Residualiser(80).fit(features, site).transform(features, site)
    >>> bool(np.allclose(repaired[::2].mean(axis=0), repaired[1::2].mean(axis=0), atol=0.2))
    True
    """

    def __init__(self, n_subjects: int) -> None:
        self.n_subjects = n_subjects

    def fit(self, features: Floats, nuisance: Floats) -> Self:
        """Learn from features [n, F], with NaN, and nuisance columns [n, C] of the training rows."""
        self.centre_, self.spread_ = nuisance.mean(axis=0), nuisance.std(axis=0)
        self.mean_ = _column_means(features)
        Y = np.where(np.isfinite(features), features, self.mean_) - self.mean_
        basis = self._expand(nuisance)
        self.basis_mean_ = basis.mean(axis=0)
        self.axes_ = self._choose_axes(basis - self.basis_mean_, Y)
        Z = self._components(nuisance)
        self.slopes_ = np.linalg.lstsq(Z, Y, rcond=None)[0]
        sizes = np.abs(Y - Z @ self.slopes_)
        mean_size = sizes.mean(axis=0)
        self.spread_slopes_ = np.linalg.lstsq(Z, sizes / (mean_size + _TINY * (mean_size == 0)) - 1, rcond=None)[0]
        return self

    def transform(self, features: Floats, nuisance: Floats) -> Floats:
        """Return the features of any rows without the part that the nuisance columns explain."""
        Z = self._components(nuisance)
        residuals = features - self.mean_ - Z @ self.slopes_
        residuals /= np.clip(1 + Z @ self.spread_slopes_, 1 / _MAX_SCALE, _MAX_SCALE)
        return np.asarray(self.mean_ + np.where(np.isfinite(residuals), residuals, 0.0))

    def _expand(self, nuisance: Floats) -> Floats:
        scaled = np.clip((nuisance - self.centre_) / np.where(self.spread_ > 0, self.spread_, 1), -_CLIP_SD, _CLIP_SD)
        return np.hstack([scaled, scaled**2])

    def _components(self, nuisance: Floats) -> Floats:
        return np.asarray((self._expand(nuisance) - self.basis_mean_) @ self.axes_)

    def _choose_axes(self, basis: Floats, Y: Floats) -> Floats:
        """Return the axes of orthonormal components [2C, k] that explain most of the standardised features."""
        U, sizes, axes = np.linalg.svd(basis, full_matrices=False)
        rank = int((sizes > 1e-8 * max(sizes.max(initial=0.0), _TINY)).sum())
        explained = ((U[:, :rank].T @ (Y / (Y.std(axis=0) + _TINY))) ** 2).sum(axis=1)
        n_components = min(max(self.n_subjects // _SUBJECTS_PER_COMPONENT, 1), rank)
        chosen = np.sort(np.argsort(-explained, kind="stable")[:n_components])
        return np.asarray(axes[chosen].T / sizes[chosen])


def _column_means(features: Floats) -> Floats:
    finite = np.isfinite(features)
    total = np.where(finite, features, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(finite.sum(axis=0), 1))
