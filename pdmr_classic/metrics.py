"""Scores of predictions, and the threshold that F1 asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics as sk

_BOOTSTRAPS = 200


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
    probability: ArrayLike | None = None,
) -> dict[str, float]:
    """Score labels against the truth.

    Parameters
    ----------
    truth, predicted : array-like of str, shape [n]
    positive : str, optional
        The class that F1, precision and recall are about; None with more than two classes.
    probability : array-like of float, shape [n], optional
        Of the positive class.

    Returns
    -------
    dict
        `n`, `macro_f1`, `weighted_f1`, `balanced_accuracy`; with `positive` also `f1`, `precision`, `recall`,
        `positive_share` and `floor` (F1 of calling everything positive); with `probability` also `auc` (NaN where the
        truth has one class) and `brier`.

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
            p = np.asarray(probability, dtype=float)
            both = 0 < share < 1
            scores["auc"] = float(sk.roc_auc_score(is_true, p)) if both else float("nan")
            scores["brier"] = float(np.mean((p - is_true) ** 2))
    # Only classes of the truth: one that is only predicted has no recall to average.
    classes = np.unique(true)
    common: dict[str, Any] = {"labels": classes, "zero_division": 0}
    recalls = sk.recall_score(true, said, average=None, **common)
    return scores | {
        "macro_f1": float(sk.f1_score(true, said, average="macro", **common)),
        "weighted_f1": float(sk.f1_score(true, said, average="weighted", **common)),
        "balanced_accuracy": float(np.mean(recalls)),
    }


def best_f1_threshold(probability: ArrayLike, is_positive: ArrayLike, groups: ArrayLike, seed: int = 0) -> float:
    """Return the threshold that maximises F1: the median over bootstraps of the subjects.

    One data set's best threshold hangs on a recording or two; the median over resampled subjects does not.

    Parameters
    ----------
    probability : array-like of float, shape [n]
        Out-of-fold: from models that have not seen the recording's subject.
    is_positive : array-like of bool, shape [n]
    groups : array-like, shape [n]
    seed : int

    Examples
    --------
    >>> best_f1_threshold([0.1, 0.2, 0.8, 0.9], [False, False, True, True], ["a", "b", "c", "d"])
    0.5
    """
    p, positive = np.asarray(probability, dtype=float), np.asarray(is_positive, dtype=bool)
    _, subject = np.unique(np.asarray(groups), return_inverse=True)
    n_subjects = int(subject.max()) + 1
    rng = np.random.default_rng(seed)
    # The first column is the sample itself, so that few bootstraps with a positive still leave one.
    times = np.column_stack(
        [np.ones(n_subjects), rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), _BOOTSTRAPS).T]
    )
    weights = times[subject]
    return float(np.median(_best_thresholds(p, positive, weights[:, weights[positive].sum(axis=0) > 0])))


def _best_thresholds(
    p: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the best threshold under each column of weights, shape [n, B]."""
    order = np.argsort(-p, kind="stable")
    falling = p[order]
    hits = np.cumsum(weights[order] * positive[order, None], axis=0)
    called = np.cumsum(weights[order], axis=0)
    f1 = 2 * hits / (called + hits[-1])
    # Recordings with the same probability are called together: a cut is possible only behind the last of them.
    possible = np.append(falling[:-1] > falling[1:], True)
    best = np.argmax(np.where(possible[:, None], f1, -1.0), axis=0)
    below = np.append(falling[1:], falling[-1])
    return np.asarray((falling[best] + below[best]) / 2)
