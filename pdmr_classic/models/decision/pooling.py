"""Pooling of the predictions for all recordings of a subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.alignment import align_rows, check_unique_index
from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError
from pdmr_classic.text import format_quoted

_MIN_PROBABILITY = 1e-12


def pool_subjects(probability: ArrayLike, subjects: ArrayLike) -> Floats:
    """Return one probability per subject and class, from the mean log-odds of the subject's recordings.

    Parameters
    ----------
    probability : array-like, shape [n, K]
        Rows of NaN are ignored, and get the probability of the subject's other recordings, if there are any.
    subjects : array-like, shape [n]

    Returns
    -------
    ndarray, shape [n, K]
        Equal for all recordings of a subject; rows sum to 1. With K > 2, log-probabilities are averaged.

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
    probability, subjects = align_rows(probability=probability, subjects=subjects)
    p = np.asarray(probability, dtype=np.float64)
    log_p = np.log(np.maximum(p, _MIN_PROBABILITY))
    is_finite = np.isfinite(p).all(axis=1)
    names, subject = np.unique(np.asarray(subjects), return_inverse=True)
    total = np.zeros((len(names), p.shape[1]))
    np.add.at(total, subject[is_finite], log_p[is_finite])
    count = np.bincount(subject[is_finite], minlength=len(names))[:, None]
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    odds = np.exp(mean - mean.max(axis=1, keepdims=True))
    return np.asarray((odds / odds.sum(axis=1, keepdims=True))[subject])


def match_subjects(data_ids: Sequence[str] | pd.Index, subjects: pd.Series | None) -> NDArray[Any] | None:
    """Return the subject of each recording, or None if `subjects` is None.

    Raises
    ------
    DataError
        A recording has no subject, so it cannot be pooled, or several.
    """
    if subjects is None:
        return None
    check_unique_index(subjects, "pool_subjects")
    matched = subjects.reindex(pd.Index(data_ids)).astype(object)
    missing = matched.index[matched.isna() | (matched == "")]
    if len(missing):
        raise DataError(
            f"{len(missing)} of {len(matched)} recordings have no subject and cannot be pooled",
            code="no-group",
            column="subject_id",
            found=format_quoted(missing),
            hint="fill in the column, or predict without --pool-subjects",
        )
    return matched.to_numpy(dtype=object)
