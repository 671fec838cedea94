"""Scores of predictions, and the threshold that a score asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics as sk

from pdmr_classic.arrays import Floats, Ints


def always_positive_floor(share: float) -> float:
    """Return the F1 of calling everything positive: 2p / (1 + p) for a share p of positives.

    Examples
    --------
    >>> round(always_positive_floor(0.5), 3)
    0.667
    """
    return 2 * share / (1 + share)


def score(
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    positive: str | None = None,
    probability: ArrayLike | pd.DataFrame | None = None,
) -> dict[str, float]:
    """Score labels against the truth.

    Parameters
    ----------
    truth, predicted : array-like of str, shape [n]
    positive : str, optional
        The class that F1, precision and recall are about; None with more than two classes.
    probability : array-like of float, shape [n], or DataFrame, shape [n, K], optional
        Of the positive class; without one, a column for each class.

    Returns
    -------
    dict
        `n`, `macro_f1`, `weighted_f1`, `balanced_accuracy`; with `positive` also `f1`, `precision`, `recall`,
        `positive_share` and `floor` (F1 of calling everything positive); with `probability` also `auc` (NaN where the
        truth has one class; of several classes the mean of each against the rest) and `brier` (of several classes the
        sum over them).

    Examples
    --------
    >>> score(["yes", "no"], ["yes", "yes"], positive="yes")["precision"]
    0.5
    """
    true, said = np.asarray(truth), np.asarray(predicted)
    scores: dict[str, float] = {"n": len(true)}
    if positive is not None:
        is_true, is_said = true == positive, said == positive
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            is_true, is_said, average="binary", zero_division=0
        )
        share = float(is_true.mean())
        scores |= {"f1": float(f1), "precision": float(precision), "recall": float(recall)}
        scores |= {"positive_share": share, "floor": always_positive_floor(share)}
    if probability is not None:
        scores |= _of_probability(true, probability, positive)
    # Only classes of the truth: one that is only predicted has no recall to average.
    classes = np.unique(true)
    common: dict[str, Any] = {"labels": classes, "zero_division": 0}
    recalls = sk.recall_score(true, said, average=None, **common)
    return scores | {
        "macro_f1": float(sk.f1_score(true, said, average="macro", **common)),
        "weighted_f1": float(sk.f1_score(true, said, average="weighted", **common)),
        "balanced_accuracy": float(np.mean(recalls)),
    }


def _of_probability(
    true: NDArray[Any], probability: ArrayLike | pd.DataFrame, positive: str | None
) -> dict[str, float]:
    if positive is not None:
        is_class = np.asarray(true == positive)[:, None]
    elif isinstance(probability, pd.DataFrame):
        is_class = np.asarray(true[:, None] == probability.columns.to_numpy(dtype=object))
    else:
        raise ValueError("probability must be a DataFrame with a column for each class where none is positive")
    p = np.asarray(probability, dtype=float).reshape(is_class.shape)
    told = [place for place, share in enumerate(is_class.mean(axis=0)) if 0 < share < 1]
    aucs = [sk.roc_auc_score(is_class[:, place], p[:, place]) for place in told]
    brier = ((p - is_class) ** 2).sum(axis=1)
    return {"auc": float(np.mean(aucs)) if aucs else float("nan"), "brier": float(brier.mean())}


_IMPOSSIBLE = 1e-12


def log_loss(probability: Floats, y: Ints, weights: Floats) -> float:
    """Return the weighted mean negative log-probability of the true class, over rows that have one."""
    return weighted_nanmean(row_losses(probability, y), weights)


def weighted_nanmean(values: Floats, weights: Floats) -> float:
    """Return the weighted mean of values that are no NaN; NaN where none of them counts."""
    known = np.isfinite(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")


def row_losses(probability: Floats, y: Ints) -> Floats:
    """Return the negative log-probability of each row's true class, shape [n]; NaN where it is unknown."""
    return np.asarray(-np.log(np.maximum(probability[np.arange(len(y)), y], _IMPOSSIBLE)))
