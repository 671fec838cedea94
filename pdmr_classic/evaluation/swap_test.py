"""Permutation test of two systems on the same recordings: their predictions are swapped within subjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.evaluation.held_out_rows import HeldOutRows
from pdmr_classic.evaluation.inflation import null_inflation
from pdmr_classic.resampling import batch_sizes

N_SWAPS = 1000
_TOLERANCE = 1e-12

Differences = Callable[[Floats], Mapping[str, Floats]]
"""Maps swaps, 0 or 1 for each subject and permutation, [S, B], to differences in score between two systems, [B]."""


def swap_test(rows: HeldOutRows, differences: Differences, n: int = N_SWAPS, seed: int = 0) -> dict[str, float]:
    """Return two-sided p-values of the differences between two systems, by score.

    In each permutation, the predictions of the two systems are swapped for a random half of the subjects, with all of
    their recordings and repeats. The p-value is the share of permutations (counting the observed one) in which the
    absolute difference is at least the observed one.

    Parameters
    ----------
    rows : HeldOutRows
        Of either system: both have the same rows.
    differences : callable
        See `Differences`; subjects are in the order of their numbers.
    n, seed : int

    Notes
    -----
    The null hypothesis is exchangeability: of the two predictions for a subject, either could be from either system.
    It is not "what one system has in addition is unrelated to the label": learning from noise makes a system a little
    worse, so that the test of an added view of noise rejects for the wrong sign if at all. Subjects are swapped as a
    whole, because their recordings are not independent. They also train the models that predict each other, and so the
    distribution is widened as in `permutation_test`.

    References
    ----------
    Good 2005 (paired permutation test).
    """
    n_subjects = len(np.unique(rows.subject))
    rng = np.random.default_rng(seed)
    observed = differences(np.zeros((n_subjects, 1)))
    batches = [
        differences(rng.integers(2, size=(n_subjects, size)).astype(np.float64)) for size in batch_sizes(n, len(rows))
    ]
    p_values = {}
    for name, value in observed.items():
        permuted = np.concatenate([batch[name] for batch in batches])
        permuted = null_inflation(rows) * np.abs(permuted[np.isfinite(permuted)])
        if np.isfinite(value[0]):
            n_reached = np.count_nonzero(permuted >= abs(value[0]) - _TOLERANCE)
            p_values[name] = float((1 + n_reached) / (1 + len(permuted)))
    return p_values


def average_differences(repeats: Sequence[Differences]) -> Differences:
    """Return a function of the differences averaged over repeats."""

    def differences(swaps: Floats) -> dict[str, Floats]:
        parts = [repeat(swaps) for repeat in repeats]
        return {name: np.mean([part[name] for part in parts], axis=0) for name in parts[0]}

    return differences


def swap_sums(first: Floats, second: Floats, swaps: Floats) -> tuple[Floats, Floats]:
    """Return sums over subjects after swaps, [..., B] of both systems, from their sums per subject, [..., S].

    Examples
    --------
    >>> swap_sums(np.array([1.0, 2.0]), np.array([10.0, 20.0]), np.array([[1.0], [0.0]]))
    (array([12.]), array([21.]))
    """
    keeps = 1 - swaps
    return np.asarray(first @ keeps + second @ swaps), np.asarray(second @ keeps + first @ swaps)
