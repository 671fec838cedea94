"""Shapley values of groups of columns by sampling permutations, for models without an exact method."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask


def sample_shapley(
    predict: Callable[[Floats], Floats],
    X: Floats,
    reference: Floats,
    groups: Sequence[Ints],
    *,
    n_permutations: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Return the Shapley values of groups of columns and their squared standard errors.

    Each permutation is also walked in reverse (antithetic sampling). The walks add up, so that the sum over groups is
    the output of the row minus that of the reference, whatever the number of permutations.

    Parameters
    ----------
    predict : callable
        Maps rows [n, F] to outputs [n, S].
    X : ndarray, shape [n, F]
    reference : ndarray, shape [F]
        Values of the columns that are not in a coalition.
    groups : sequence of ndarray of int
        Columns of each group; together, all that matter.
    n_permutations : int
        Walks; rounded up to an even number.
    seed : int

    Returns
    -------
    values, squared_errors : ndarray, shape [n, groups, S]
        The error is over pairs of permutations; with one pair, infinite, except if there are at most two groups, whose
        values are exact.

    References
    ----------
    Castro, Gómez and Tejada 2009; Mitchell et al. 2022 (antithetic permutations).
    """
    rng = np.random.default_rng(seed)
    outputs: dict[bytes, Floats] = {}

    def evaluate(is_in: Mask) -> Floats:
        key = is_in.tobytes()
        if key not in outputs:
            mixed = np.broadcast_to(reference, X.shape).copy()
            for k in np.flatnonzero(is_in).tolist():
                mixed[:, groups[k]] = X[:, groups[k]]
            outputs[key] = predict(mixed)
        return outputs[key]

    pairs = []
    for _ in range(max(1, -(-n_permutations // 2))):
        order = rng.permutation(len(groups))
        pairs.append((_walk(evaluate, order) + _walk(evaluate, order[::-1])) / 2)
    samples = np.stack(pairs)
    if len(groups) <= 2:
        return samples[0], np.zeros(samples.shape[1:])
    if len(samples) == 1:
        return samples[0], np.full(samples.shape[1:], np.inf)
    return samples.mean(axis=0), samples.var(axis=0, ddof=1) / len(samples)


def _walk(evaluate: Callable[[Mask], Floats], order: Ints) -> Floats:
    """Return the change of the output when each group joins those before it, shape [n, groups, S]."""
    is_in = np.zeros(len(order), dtype=bool)
    before = evaluate(is_in)
    steps = np.zeros((len(before), len(order), before.shape[1]))
    for k in order.tolist():
        is_in[k] = True
        after = evaluate(is_in)
        steps[:, k] = after - before
        before = after
    return steps
