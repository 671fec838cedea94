"""Attackers: from two recordings of one label, how much they look like one person. Trained on other subjects."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np
from scipy.linalg import eigh
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.evaluation.identity._boosting import make_boosting
from pdmr_classic.evaluation.identity._rows import Rows, find_usable
from pdmr_classic.models.learners.preprocessing import RobustScale, f_ratio
from pdmr_classic.workers import use_one_thread

_MAX_COMPONENTS = 60
_MAX_COLUMNS = 60
_MAX_PAIRS = 3000
_MIN_PAIRS = 30


class Standardise:
    """Scale columns, impute NaN, and subtract the mean of each label; fitted on the training rows of an attacker."""

    def fit(self, X: Floats, rows: Rows) -> Self:
        self._scale = RobustScale().fit(X)
        scaled = self._scale.transform(X)
        self._means = {int(label): scaled[rows.label == label].mean(axis=0) for label in np.unique(rows.label)}
        self._mean = scaled.mean(axis=0)
        return self

    def transform(self, X: Floats, rows: Rows) -> Floats:
        """Return the standardised rows, shape [n, F]."""
        means = [self._means.get(int(label), self._mean) for label in rows.label]
        return np.asarray(self._scale.transform(X) - np.reshape(means, (len(rows), -1)))


class Attacker(Protocol):
    """Scores pairs of standardised rows; higher if they look like one subject."""

    def fit(self, Z: Floats, rows: Rows, seed: int) -> Self:
        """Learn from rows whose subjects are known."""
        ...

    def score(self, Z: Floats, first: Ints, second: Ints) -> Floats:
        """Return the score of each pair of rows, shape [P]."""
        ...


class Cosine:
    """The cosine of the angle between the two rows; nothing is learned."""

    def fit(self, Z: Floats, rows: Rows, seed: int) -> Self:
        return self

    def score(self, Z: Floats, first: Ints, second: Ints) -> Floats:
        length = np.linalg.norm(Z, axis=1, keepdims=True)
        unit = np.divide(Z, length, out=np.zeros_like(Z), where=length > 0)
        return np.asarray((unit @ unit.T)[first, second])


class Wccn:
    """The cosine after within-class covariance normalisation of single columns, weighted by their reliability.

    Columns are divided by their deviation within subjects, and weighted by the share of their variance that lies
    between subjects. A diagonal covariance can be learned from few subjects.

    References
    ----------
    Hatch, Kajarekar and Stolcke 2006.
    """

    def fit(self, Z: Floats, rows: Rows, seed: int) -> Self:
        _, residuals = _split_variance(Z, rows)
        within, total = (residuals**2).mean(axis=0), Z.var(axis=0)
        reliability = np.divide(total - within, total, out=np.zeros_like(total), where=total > 0)
        weight = np.divide(np.maximum(reliability, 0.0), within, out=np.zeros_like(within), where=within > 0)
        self._factor = np.sqrt(weight)
        return self

    def score(self, Z: Floats, first: Ints, second: Ints) -> Floats:
        return Cosine().score(Z * self._factor, first, second)


def _split_variance(Z: Floats, rows: Rows) -> tuple[Floats, Floats]:
    """Return the mean of each cell of a subject and label, and the deviations from it where there are several rows."""
    cells, counts = np.unique(rows.cells, return_inverse=True, return_counts=True)[1:]
    means = np.stack([np.bincount(cells, column) for column in Z.T], axis=1) / counts[:, None]
    # Deviations from the mean of few recordings are too small.
    scale = np.sqrt(counts / np.maximum(counts - 1, 1))[cells][:, None]
    return means, ((Z - means[cells]) * scale)[counts[cells] > 1]


class TwoCovariance:
    """Log-likelihood ratio of one subject to two, for normal subjects and normal recordings of a subject (PLDA).

    Principal components, then covariance within and between subjects, of cells of one subject and label.

    References
    ----------
    Brümmer and de Villiers 2010 (two-covariance model); Ledoit and Wolf 2004 (shrinkage).
    """

    def fit(self, Z: Floats, rows: Rows, seed: int) -> Self:
        n_components = min(_MAX_COMPONENTS, len(Z) - 1, Z.shape[1])
        self._pca = PCA(n_components, svd_solver="full" if min(Z.shape) < 300 else "randomized", random_state=seed)
        components = self._pca.fit_transform(Z)
        means, residuals = _split_variance(components, rows)
        within = ledoit_wolf(residuals, assume_centered=True)[0]
        within += 1e-6 * max(np.trace(within) / n_components, 1e-12) * np.eye(n_components)
        noise = within * len(means) / len(Z)  # of the means
        between = ledoit_wolf(means, assume_centered=True)[0] - noise
        values, self._directions = eigh(between, within)
        self._between = np.maximum(values, 0.0)
        return self

    def score(self, Z: Floats, first: Ints, second: Ints) -> Floats:
        U = self._pca.transform(Z) @ self._directions
        b, t = self._between, self._between + 1.0
        det = t**2 - b**2
        own = (U**2 @ (t / det - 1 / t)) / 2
        cross = (U * (b / det)) @ U.T
        return np.asarray(cross[first, second] - own[first] - own[second])


class Boosting:
    """LightGBM on the absolute differences of the columns that differ most between subjects."""

    def fit(self, Z: Floats, rows: Rows, seed: int) -> Self:
        relation = f_ratio(Z, rows.cells)
        self._columns = np.argsort(-relation, kind="stable")[:_MAX_COLUMNS]
        first, second = rows.pairs()
        same = rows.subject[first] == rows.subject[second]
        rng = np.random.default_rng(seed)
        chosen = [rng.permutation(np.flatnonzero(same == value))[:_MAX_PAIRS] for value in (True, False)]
        index = np.concatenate(chosen)
        self._model: Any = make_boosting(seed, learning_rate=0.1, min_child_samples=20, colsample_bytree=0.5)
        self._model.fit(self._differences(Z, first[index], second[index]), same[index])
        return self

    def score(self, Z: Floats, first: Ints, second: Ints) -> Floats:
        return np.asarray(self._model.booster_.predict(self._differences(Z, first, second), raw_score=True))

    def _differences(self, Z: Floats, first: Ints, second: Ints) -> Floats:
        Z = Z[:, self._columns]
        return np.abs(Z[first] - Z[second])


ATTACKERS: dict[str, type[Attacker]] = {"cosine": Cosine, "wccn": Wccn, "plda": TwoCovariance, "boosting": Boosting}
"""By name, the simplest first."""


def list_attackers(rows: Rows) -> list[str]:
    """Return the attackers that these training rows are enough for."""
    first, second = rows.pairs()
    same = rows.subject[first] == rows.subject[second]
    n_pairs = min(int(same.sum()), int((~same).sum()))
    names = ["cosine"]
    if len(rows.repeated) > 1 and n_pairs:
        names.append("wccn")
    if len(rows.repeated) > 2 and n_pairs:
        names.append("plda")
    return [*names, "boosting"] if n_pairs >= _MIN_PAIRS else names


def attack_pairs(
    name: str, train: Floats, train_rows: Rows, test: Floats, test_rows: Rows, seed: int
) -> tuple[Ints, Ints, Floats]:
    """Train an attacker on some subjects, and return the pairs of others within one label with their scores.

    A pair with a row that is NaN, because this form does not have it, gets the median score: nothing is known.
    """
    first, second = test_rows.pairs()
    known, usable = find_usable(train), find_usable(test)
    if known.sum() < 2 or not usable.any():
        return first, second, np.zeros(len(first))
    train, train_rows = train[known], train_rows.select(known)
    with use_one_thread():
        standardise = Standardise().fit(train, train_rows)
        attacker = ATTACKERS[name]().fit(standardise.transform(train, train_rows), train_rows, seed)
        scores = attacker.score(standardise.transform(test, test_rows), first, second)
    is_known = usable[first] & usable[second]
    return first, second, np.where(is_known, scores, np.median(scores[is_known]) if is_known.any() else 0.0)
