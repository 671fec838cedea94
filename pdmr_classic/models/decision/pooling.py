"""One answer for one person: the segments of a subject speak together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError
from pdmr_classic.text import format_quoted

_IMPOSSIBLE = 1e-12


def pool_subjects(probability: ArrayLike, subjects: ArrayLike) -> Floats:
    """Return the same probabilities for all recordings of a subject: those of the mean log-odds of its recordings.

    Parameters
    ----------
    probability : array-like, shape [n, K]
        A row of NaN has no say, and is answered for by the subject's other recordings, if there are any.
    subjects : array-like, shape [n]

    Returns
    -------
    ndarray, shape [n, K]
        Rows sum to 1. With more than two classes the mean is that of log-probabilities.

    References
    ----------
    Genest and Zidek 1986 (logarithmic opinion pool).

    Examples
    --------
    >>> pool_subjects([[0.5, 0.5], [0.1, 0.9], [0.8, 0.2]], ["a", "a", "b"])
    array([[0.25, 0.75],
           [0.25, 0.75],
           [0.8 , 0.2 ]])
    """
    p = np.asarray(probability, dtype=np.float64)
    log_p = np.log(np.maximum(p, _IMPOSSIBLE))
    known = np.isfinite(p).all(axis=1)
    names, subject = np.unique(np.asarray(subjects), return_inverse=True)
    total = np.zeros((len(names), p.shape[1]))
    np.add.at(total, subject[known], log_p[known])
    times = np.bincount(subject[known], minlength=len(names))[:, None]
    mean = np.divide(total, times, out=np.full_like(total, np.nan), where=times > 0)
    odds = np.exp(mean - mean.max(axis=1, keepdims=True))
    return np.asarray((odds / odds.sum(axis=1, keepdims=True))[subject])


def match_subjects(data_ids: Sequence[str] | pd.Index, subjects: pd.Series | None) -> NDArray[Any] | None:
    """Return the subject of each recording; None without any.

    Raises
    ------
    DataError
        A recording has none: it could not be pooled with its subject's others.
    """
    if subjects is None:
        return None
    known = subjects.reindex(pd.Index(data_ids)).astype(object)
    lost = known.index[known.isna() | (known == "")]
    if len(lost):
        raise DataError(
            f"{len(lost)} of {len(known)} recordings have no subject to be pooled with",
            code="no-group",
            column="subject_id",
            found=format_quoted(lost),
            hint="fill the column, or predict without --pool-subjects",
        )
    return known.to_numpy(dtype=object)
