"""Ways to choose and weigh the columns of a block, for columns.py; each is fitted on training rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import nnls
from scipy.stats import norm, rankdata

from pdmr_classic.features.catalog import find_families
from pdmr_classic.models.learners.preprocessing import DropUninformative, RobustScale, f_ratio

Array = np.ndarray
Part = tuple[Array, Array, float]
"""Training rows, other rows, and the sum of the column weights."""
COMPACT = (
    *("mean", "std", "p50", "iqr", "mad", "velocity_mean", "velocity_rms", "share_active", "active_mean"),
    *("speed_mean", "power_0.1_0.3hz", "per_min", "opening_mean"),
)


def welch(X: Array, y: Array) -> Array:
    n_classes, one_hot = y.max() + 1, np.eye(y.max() + 1)[y]
    n = np.maximum(one_hot.T @ np.isfinite(X), 2)
    means = one_hot.T @ np.nan_to_num(X) / n
    variances = np.nan_to_num([np.nanvar(X[y == k], axis=0, ddof=1) for k in range(n_classes)])
    weights = n / np.maximum(variances, 0.01 * np.nanvar(X, axis=0) + 1e-30)
    centre = (weights * means).sum(axis=0) / weights.sum(axis=0)
    correction = ((1 - weights / weights.sum(axis=0)) ** 2 / (n - 1)).sum(axis=0)
    between = (weights * (means - centre) ** 2).sum(axis=0) / (n_classes - 1)
    return np.nan_to_num(between / (1 + 2 * (n_classes - 2) / (n_classes**2 - 1) * correction))


def ranks(X: Array) -> Array:
    return rankdata(np.where(np.isfinite(X), X, np.nanmedian(X, axis=0)), axis=0)


SCORES: dict[str, Callable[[Array, Array], Array]] = {
    "F": f_ratio,
    "Welch": welch,
    "rank": lambda X, y: f_ratio(ranks(X), y),
    "gauss": lambda X, y: f_ratio(norm.ppf((ranks(X) - 0.5) / len(X)), y),
}


class Block:
    """The informative columns of one block: raw (`X`), scaled (`A`), and scaled other rows (`B`)."""

    def __init__(self, X: Array, Z: Array, names: Array, y: Array) -> None:
        informative = DropUninformative().fit(X).get_support()
        self.X, self.y, self.names = X[:, informative], y, names[informative]
        scale = RobustScale().fit(self.X)
        self.A, self.B = scale.transform(self.X), scale.transform(Z[:, informative])
        centred = (self.A - self.A.mean(axis=0)).astype(np.float32)
        centred /= np.maximum(np.sqrt((centred**2).sum(axis=0)), 1e-9)
        self.r = np.abs(centred.T @ centred)
        np.fill_diagonal(self.r, 1)

    def weigh(self, weights: Array) -> Part:
        factors = np.sqrt(weights)
        return self.A * factors, self.B * factors, float(weights.sum())

    def families(self) -> Array:
        return np.unique(find_families(list(self.names)), return_inverse=True)[1]


def keep_all(block: Block) -> Part:
    return block.weigh(np.ones(len(block.r)))


def keep_best(score: str, k: int) -> Callable[[Block], Part]:
    def choose(block: Block) -> Part:
        order = np.argsort(-SCORES[score](block.X, block.y), kind="stable")
        return block.weigh((np.argsort(order) < k).astype(float))

    return choose


def keep_representatives(limit: float) -> Callable[[Block], Part]:
    """Keep a column unless |r| with an earlier one that is kept exceeds the limit; the mean comes before the others."""

    def choose(block: Block) -> Part:
        weights, is_covered = np.zeros(len(block.r)), np.zeros(len(block.r), dtype=bool)
        for k in range(len(block.r)):
            if not is_covered[k]:
                weights[k] = 1.0
                is_covered |= block.r[k] > limit
        return block.weigh(weights)

    return choose


def share_above(limit: float) -> Callable[[Block], Part]:
    return lambda block: block.weigh(1 / (block.r > limit).sum(axis=1))


def share_squared(block: Block) -> Part:
    """Divide by the sum of squared correlations, without what is expected of independent columns."""
    r2 = block.r**2
    r2 = np.maximum(r2 - (1 - r2) / (len(block.A) - 2), 0)
    return block.weigh(1 / r2.sum(axis=1, dtype=float))


def keep_compact(block: Block) -> Part:
    is_compact = np.array([name.rsplit("__", 1)[-1] in COMPACT for name in block.names])
    return block.weigh(is_compact.astype(float)) if is_compact.sum() >= 5 else keep_all(block)


def share_in_families(power: float) -> Callable[[Block], Part]:
    return lambda block: block.weigh(1.0 / np.bincount(block.families())[block.families()] ** power)


def family_components(n: int) -> Callable[[Block], Part]:
    """Replace each family by its first principal components, whitened."""

    def project(block: Block) -> Part:
        parts, families = [], block.families()
        for k in range(families.max() + 1):
            A, B = block.A[:, families == k], block.B[:, families == k]
            _, lengths, axes = np.linalg.svd(A - A.mean(axis=0), full_matrices=False)
            axes = axes[: min(n, int((lengths > 1e-6 * lengths[0] + 1e-12).sum()))].T
            spread = ((A - A.mean(axis=0)) @ axes).std(axis=0)
            parts.append([(rows - A.mean(axis=0)) @ axes / spread for rows in (A, B)])
        A, B = (np.hstack(rows) for rows in zip(*parts, strict=True))
        return A, B, float(A.shape[1])

    return project


def whiten(power: float) -> Callable[[Block], Part]:
    """Divide the variance of each principal component of the block by its power; 1 is full whitening."""

    def project(block: Block) -> Part:
        A, B = block.A - block.A.mean(axis=0), block.B - block.A.mean(axis=0)
        variances, U = np.linalg.eigh(A @ A.T)
        U, variances = (part[..., variances > 1e-6 * variances[-1]] for part in (U, variances))
        factors = variances ** (-power / 2)
        P, Q = U * np.sqrt(variances) * factors, B @ A.T @ U / np.sqrt(variances) * factors
        return P, Q, float((P**2).mean(axis=0).sum())

    return project


CHOICES: dict[str, Callable[[Block], Part]] = {
    "all": keep_all,
    **{f"representatives {limit}": keep_representatives(limit) for limit in (0.9, 0.8)},
    "shared above 0.8": share_above(0.8),
    "shared by r2": share_squared,
    "compact": keep_compact,
    "family sqrt": share_in_families(0.5),
    "family equal": share_in_families(1.0),
    **{f"{n} components per family": family_components(n) for n in (5, 10)},
    "whitened 0.25": whiten(0.25),
    **{f"{score} {k}": keep_best(score, k) for k in (100, 300) for score in SCORES},
}
PROJECTIONS = [name for name in CHOICES if name.startswith("whitened") or "components" in name]
VIDEO_ONLY = ("compact", "family sqrt", "family equal", "5 components per family", "10 components per family")


def align(parts: list[Part], y: Array) -> Array:
    """Return shares by centred alignment of linear kernels with the classes (Cortes et al. 2012, alignf)."""
    one_hot = np.eye(y.max() + 1)[y]
    target = (one_hot - one_hot.mean(axis=0)) @ (one_hot - one_hot.mean(axis=0)).T
    kernels = [(A - A.mean(axis=0)) @ (A - A.mean(axis=0)).T / total for A, _, total in parts]
    products = np.array([[np.sum(a * b) for b in kernels] for a in kernels])
    root = np.linalg.cholesky(products + 1e-9 * np.trace(products) * np.eye(len(kernels)))
    weights = nnls(root.T, np.linalg.solve(root, [np.sum(kernel * target) for kernel in kernels]))[0]
    return weights / weights.sum() if weights.sum() > 0 else np.full(len(kernels), 1 / len(kernels))
