"""Bootstrap samples of subjects, as weights of rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from pdmr_classic.arrays import Floats

# Rows times bootstrap samples per batch: 160 MB.
_MAX_CELLS = 20_000_000


def batch_sizes(total: int, n_rows: int) -> Iterator[int]:
    """Yield batch sizes that add up to `total`, limited by the memory needed for `n_rows` rows."""
    size = max(_MAX_CELLS // max(n_rows, 1), 1)
    return (min(size, total - start) for start in range(0, total, size))


def draw_subject_weights(subject: ArrayLike, draws: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield how often each row is in each cluster bootstrap sample: all rows of a subject equally often.

    Parameters
    ----------
    subject : array-like, shape [n]
    draws : int
        Number of bootstrap samples, over all batches.
    rng : Generator

    Yields
    ------
    ndarray, shape [n, B]
        One batch of samples.

    Examples
    --------
    >>> (weights,) = draw_subject_weights(["a", "a", "b"], 4, np.random.default_rng(0))
    >>> weights.shape, bool((weights[0] == weights[1]).all()), (weights[0] + weights[2]).tolist()
    ((3, 4), True, [2.0, 2.0, 2.0, 2.0])
    """
    names, codes = np.unique(np.asarray(subject), return_inverse=True)
    shares = np.full(len(names), 1 / len(names))
    for size in batch_sizes(draws, len(codes)):
        yield rng.multinomial(len(names), shares, size).T[codes].astype(np.float64)
