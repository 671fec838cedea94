"""Random exchange of the profiles of subjects: all labels, or other values, of a subject's recordings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.arrays import Ints, Mask

Codes = NDArray[np.int16] | NDArray[np.int32]
Permute = Callable[[np.random.Generator, int], Codes]


def make_profile_permuter(values: ArrayLike, subject: ArrayLike, strata: ArrayLike | None = None) -> Permute:
    """Return a function that draws random exchanges of the profiles of subjects.

    The profile of a subject is the collection of its recordings' values. In each draw, each subject receives the
    profile of another one, in random order, so that values move between subjects and, if a profile is mixed, between
    the recordings of a subject. A profile of another length is repeated or cut, which on average preserves its shares.

    Parameters
    ----------
    values : array-like of int, shape [n]
        One value per recording.
    subject : array-like, shape [n]
    strata : array-like of int, shape [n], optional
        Equal for all recordings of a subject; profiles are only exchanged within a stratum.

    Returns
    -------
    callable
        Takes a random generator and a number of draws B, and returns an array of shape [n, B].

    Examples
    --------
    >>> permute = make_profile_permuter([0, 0, 1, 1], ["a", "a", "b", "b"])
    >>> sorted({tuple(column.tolist()) for column in permute(np.random.default_rng(0), 20).T})
    [(0, 0, 1, 1), (1, 1, 0, 0)]
    """
    codes = np.asarray(values)
    codes = codes.astype(np.int16 if codes.max(initial=0) <= np.iinfo(np.int16).max else np.int32)
    _, first, subject = np.unique(np.asarray(subject), return_index=True, return_inverse=True)
    stratum = np.zeros(len(first)) if strata is None else np.asarray(strata)[first]
    is_mixed = has_mixed_profile(codes, subject).any()
    # Recordings sorted by subject: those of subject s are at start[s], ..., start[s] + size[s] - 1.
    by_subject = np.argsort(subject, kind="stable")
    size = np.bincount(subject)
    start = np.cumsum(size) - size
    position = np.empty_like(subject)
    position[by_subject] = np.arange(len(subject)) - start[subject[by_subject]]

    def permute(rng: np.random.Generator, n: int) -> Codes:
        donor = _exchange(rng, stratum, n)[subject]
        taken = start[donor] + position[:, None] % size[donor]
        if not is_mixed:
            return np.asarray(codes[by_subject][taken])
        shuffled = np.argsort(subject[:, None] + rng.random((len(subject), n)), axis=0)
        return np.asarray(codes[np.take_along_axis(shuffled, taken, axis=0)])

    return permute


def _exchange(rng: np.random.Generator, stratum: NDArray[Any], n: int) -> Ints:
    """Return the donor of each subject in each draw [subjects, n], from the subject's own stratum."""
    donor = np.empty((len(stratum), n), dtype=np.intp)
    for value in np.unique(stratum):
        members = np.flatnonzero(stratum == value)
        donor[members] = rng.permuted(np.tile(members[:, None], (1, n)), axis=0)
    return donor


def has_mixed_profile(values: ArrayLike, subject: ArrayLike) -> Mask:
    """Return for each subject, sorted, whether its recordings have different values.

    Examples
    --------
    >>> has_mixed_profile([0, 1, 1, 1], ["a", "a", "b", "b"])
    array([ True, False])
    """
    pairs = np.unique(np.column_stack([np.unique(part, return_inverse=True)[1] for part in (subject, values)]), axis=0)
    return np.asarray(np.bincount(pairs[:, 0]) > 1)
