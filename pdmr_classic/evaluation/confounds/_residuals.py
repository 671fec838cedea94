"""Remove from features what nuisance columns explain of their level and spread, without labels."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.special import ndtri

from pdmr_classic.arrays import Floats

_SUBJECTS_PER_COMPONENT = 8
_CLIP_SD = 3.0
_MAX_SCALE = 10.0
_TINY = 1e-9


class Residualiser:
    """Linear regression of each feature, and of the spread of its residuals, on components of nuisance columns.

    Features become normal scores first: the rank of a value among the training rows, at random among equal values, and
    at random if it is unknown. Without that, the residual of a value that many rows share, such as 0, is a function of
    the nuisance columns alone, from which trees read these again (confound leakage).

    Each nuisance column, standardised and limited to three standard deviations, and its square are turned into
    principal components; those that explain most of the features are used, at most one for every eight subjects.

    Parameters
    ----------
    n_subjects : int
        Number of subjects among the training rows.
    seed : int

    References
    ----------
    Dunn and Smyth 1996 (randomised quantile residuals); Johnson, Li and Rabinovic 2007 (location and scale adjustment,
    ComBat); Snoek, Miletić and Scholte 2019 (regression of confounds within the folds); Hamdan et al. 2023 (confound
    leakage).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> site = np.arange(80.0)[:, None] % 2
    >>> features = rng.normal(size=(80, 3)) * (1 + site) + 5 * site
    >>> repaired = Residualiser(80).fit(features, site).transform(features, site)
    >>> bool(np.allclose(repaired[::2].mean(axis=0), repaired[1::2].mean(axis=0), atol=0.2))
    True
    """

    def __init__(self, n_subjects: int, seed: int = 0) -> None:
        self.n_subjects = n_subjects
        self.seed = seed

    def fit(self, features: Floats, nuisance: Floats) -> Self:
        """Learn from features [n, F], with NaN, and nuisance columns [n, C] of the training rows."""
        self.centre_, self.spread_ = nuisance.mean(axis=0), nuisance.std(axis=0)
        self.ordered_ = [np.sort(column[np.isfinite(column)]) for column in features.T]
        Y = self._normal_scores(features)
        basis = self._expand(nuisance)
        self.basis_mean_ = basis.mean(axis=0)
        self.axes_ = self._choose_axes(basis - self.basis_mean_, Y)
        Z = self._components(nuisance)
        self.slopes_ = np.linalg.lstsq(Z, Y, rcond=None)[0]
        sizes = np.abs(Y - Z @ self.slopes_)
        self.spread_slopes_ = np.linalg.lstsq(Z, sizes / np.maximum(sizes.mean(axis=0), _TINY) - 1, rcond=None)[0]
        return self

    def transform(self, features: Floats, nuisance: Floats) -> Floats:
        """Return the normal scores of any rows without the part that the nuisance columns explain."""
        Z = self._components(nuisance)
        residuals = self._normal_scores(features) - Z @ self.slopes_
        return np.asarray(residuals / np.clip(1 + Z @ self.spread_slopes_, 1 / _MAX_SCALE, _MAX_SCALE))

    def _normal_scores(self, features: Floats) -> Floats:
        """Return the normal score of each value among the training rows, at random within its rank."""
        chance = np.random.default_rng(self.seed).random(features.shape)
        scores = np.empty_like(features)
        for column, ordered in enumerate(self.ordered_):
            values = features[:, column]
            low = np.searchsorted(ordered, values, side="left")
            width = np.searchsorted(ordered, values, side="right") - low
            # A new value lies around the border of two ranks.
            rank = low + chance[:, column] * np.maximum(width, 1) - 0.5 * (width == 0)
            half = 0.5 / (len(ordered) + 1)
            share = np.clip((rank + 0.5) / (len(ordered) + 1), half, 1 - half)
            scores[:, column] = ndtri(np.where(np.isfinite(values), share, chance[:, column]))
        return scores

    def _expand(self, nuisance: Floats) -> Floats:
        scaled = np.clip((nuisance - self.centre_) / np.where(self.spread_ > 0, self.spread_, 1), -_CLIP_SD, _CLIP_SD)
        return np.hstack([scaled, scaled**2])

    def _components(self, nuisance: Floats) -> Floats:
        return np.asarray((self._expand(nuisance) - self.basis_mean_) @ self.axes_)

    def _choose_axes(self, basis: Floats, Y: Floats) -> Floats:
        """Return the axes of orthonormal components [2C, k] that explain most of the features."""
        U, sizes, axes = np.linalg.svd(basis, full_matrices=False)
        rank = int((sizes > 1e-8 * max(sizes.max(initial=0.0), _TINY)).sum())
        explained = ((U[:, :rank].T @ Y) ** 2).sum(axis=1)
        n_components = min(max(self.n_subjects // _SUBJECTS_PER_COMPONENT, 1), rank)
        chosen = np.sort(np.argsort(-explained, kind="stable")[:n_components])
        return np.asarray(axes[chosen].T / sizes[chosen])
