"""Metrics of predicted classes, probabilities and severities.

scikit-learn and scipy.stats are imported in the functions that use them: importing them takes longer than making a
report or a comparison, which need neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.io.labels.scales import Scale


def always_positive_f1(share: float) -> float:
    """Return the F1 of always predicting the positive class: 2p / (1 + p) for a share p of positives.

    Examples
    --------
    >>> round(always_positive_f1(0.5), 3)
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
    """Score predicted labels against true labels.

    Series and DataFrames are matched by their index, anything else by position.

    Parameters
    ----------
    truth, predicted : array-like of str, shape [n]
    positive : str, optional
        The class that F1, precision and recall refer to; None if there are more than two classes.
    probability : array-like of float, shape [n], or DataFrame, shape [n, K], optional
        Probability of the positive class; if `positive` is None, one column per class.

    Returns
    -------
    dict
        `n`, `macro_f1`, `weighted_f1`, `balanced_accuracy`; with `positive` also `f1`, `precision`, `recall`
        (sensitivity), `specificity` (NaN if all of `truth` is positive), `positive_share` and `floor` (F1 of always
        predicting the positive class); with `probability` also `auc` (NaN if `truth` has only one class; mean
        one-vs-rest AUC for several classes) and `brier` (summed over classes if there are several).

    Raises
    ------
    DataError
        Two pandas objects have different labels in their index, or labels that repeat.

    Examples
    --------
    >>> score(["yes", "no"], ["yes", "yes"], positive="yes")["precision"]
    0.5
    """
    from sklearn import metrics as sk

    truth, predicted, probability = align_rows(truth=truth, predicted=predicted, probability=probability)
    y_true, y_pred = np.asarray(truth), np.asarray(predicted)
    scores: dict[str, float] = {"n": len(y_true)}
    if positive is not None:
        is_positive, predicted_positive = y_true == positive, y_pred == positive
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            is_positive, predicted_positive, average="binary", zero_division=0
        )
        share = float(is_positive.mean())
        scores |= {"f1": float(f1), "precision": float(precision), "recall": float(recall)}
        scores["specificity"] = _specificity(is_positive, predicted_positive)
        scores |= {"positive_share": share, "floor": always_positive_f1(share)}
    if probability is not None:
        scores |= _score_probability(y_true, probability, positive)
    # Only y_true classes: a class that is only predicted has no recall.
    classes = np.unique(y_true)
    _, recalls, f1s, counts = sk.precision_recall_fscore_support(y_true, y_pred, labels=classes, zero_division=0)
    return scores | {
        "macro_f1": float(np.mean(f1s)),
        "weighted_f1": float(np.average(f1s, weights=counts)),
        "balanced_accuracy": float(np.mean(recalls)),
    }


def _specificity(is_positive: NDArray[Any], predicted_positive: NDArray[Any]) -> float:
    negatives = ~predicted_positive[~is_positive]
    return float(negatives.mean()) if len(negatives) else float("nan")


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, classes: Sequence[str]) -> list[list[int]]:
    """Return the number of recordings of each true class (rows) and predicted class (columns).

    Series are matched by their index, anything else by position.

    Parameters
    ----------
    truth, predicted : array-like of str, shape [n]
    classes : sequence of str, length K
        The order of rows and columns; other labels are not counted.

    Raises
    ------
    DataError
        Two Series have different labels in their index, or labels that repeat.

    Examples
    --------
    >>> confusion_matrix(["yes", "no", "no"], ["yes", "yes", "no"], ["yes", "no"])
    [[1, 0], [1, 1]]
    """
    truth, predicted = align_rows(truth=truth, predicted=predicted)
    y_true, y_pred = np.asarray(truth), np.asarray(predicted)
    return [[int(((y_true == row) & (y_pred == column)).sum()) for column in classes] for row in classes]


def _score_probability(
    y_true: NDArray[Any], probability: ArrayLike | pd.DataFrame, positive: str | None
) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    if positive is not None:
        is_class = np.asarray(y_true == positive)[:, None]
    elif isinstance(probability, pd.DataFrame):
        is_class = np.asarray(y_true[:, None] == probability.columns.to_numpy(dtype=object))
    else:
        raise ValueError("probability must be a DataFrame with one column per class if positive is None")
    p = np.asarray(probability, dtype=float).reshape(is_class.shape)
    in_truth = [k for k, share in enumerate(is_class.mean(axis=0)) if 0 < share < 1]
    aucs = [roc_auc_score(is_class[:, k], p[:, k]) for k in in_truth]
    brier = ((p - is_class) ** 2).sum(axis=1)
    return {"auc": float(np.mean(aucs)) if aucs else float("nan"), "brier": float(brier.mean())}


def concordance(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return Lin's concordance correlation coefficient of true and predicted values, such as severity.

    2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))²), with variances over n. It is 1 for equal values; unlike
    Pearson's correlation, it is reduced by a bias or a wrong scale. Series are matched by their index.

    Parameters
    ----------
    truth, predicted : array-like of float, shape [n]

    Returns
    -------
    float
        Between -1 and 1. NaN if all values are equal or a value is NaN.

    Raises
    ------
    DataError
        Two Series have different labels in their index, or labels that repeat.

    References
    ----------
    Lin 1989, A concordance correlation coefficient to evaluate reproducibility.

    Examples
    --------
    >>> round(concordance([0, 1, 2], [1, 2, 3]), 3)
    0.571
    """
    truth, predicted = align_rows(truth=truth, predicted=predicted)
    x, y = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * np.mean((x - x.mean()) * (y - y.mean())) / spread) if spread > 0 else float("nan")


_SEVERITY_SCORES = ("mae", "rmse", "ccc", "pearson", "spearman")
_CLASS_SCORES = ("quadratic_kappa", "linear_kappa", "accuracy", "macro_f1")


def score_severity(truth: ArrayLike, predicted: ArrayLike, scale: Scale) -> dict[str, float]:
    """Score predicted severities against true scores, as numbers and as severity classes.

    Series are matched by their index.

    Parameters
    ----------
    truth, predicted : array-like of float, shape [n]
        Rows where either is NaN are left out.
    scale : Scale
        Its cut-offs define the classes; predictions are rounded to its step before they are classified.

    Returns
    -------
    dict
        `n`, `mae`, `rmse`, `ccc` (see `concordance`), `pearson`, `spearman`; if the scale has classes also
        `quadratic_kappa`, `linear_kappa` (Cohen's, over all classes of the scale), `accuracy` and `macro_f1` (over the
        classes in `truth`). NaN if undefined: correlations of equal values, kappas if only one class occurs.

    Raises
    ------
    DataError
        Two Series have different labels in their index, or labels that repeat.

    References
    ----------
    Cohen 1968, Weighted kappa.

    Examples
    --------
    >>> from pdmr_classic.io.labels.scales import SCALES
    >>> scores = score_severity([2, 8, 12, 21], [3, 9.6, 13, 18], SCALES["phq8"])
    >>> round(scores["mae"], 2), round(scores["ccc"], 2), round(scores["quadratic_kappa"], 2), scores["accuracy"]
    (1.65, 0.96, 0.85, 0.5)
    """
    from scipy.stats import rankdata

    truth, predicted = align_rows(truth=truth, predicted=predicted)
    x, y = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    is_known = np.isfinite(x) & np.isfinite(y)
    x, y = x[is_known], y[is_known]
    if not len(x):
        names = (*_SEVERITY_SCORES, *(_CLASS_SCORES if scale.n_classes else ()))
        return {"n": 0, **dict.fromkeys(names, float("nan"))}
    scores = {
        "n": len(x),
        "mae": float(np.abs(y - x).mean()),
        "rmse": float(np.sqrt(((y - x) ** 2).mean())),
        "ccc": concordance(x, y),
        "pearson": _correlation(x, y),
        "spearman": _correlation(rankdata(x), rankdata(y)),
    }
    return scores | _score_classes(scale.class_codes(x), scale.class_codes(y), scale.n_classes)


def _correlation(x: Floats, y: Floats) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) > 0 and np.ptp(y) > 0 else float("nan")


def _score_classes(truth: Ints, predicted: Ints, n_classes: int) -> dict[str, float]:
    if not n_classes:
        return {}
    from sklearn import metrics as sk

    is_defined = len(np.union1d(truth, predicted)) > 1
    kappas = {
        f"{weights}_kappa": float(sk.cohen_kappa_score(truth, predicted, labels=range(n_classes), weights=weights))
        if is_defined
        else float("nan")
        for weights in ("quadratic", "linear")
    }
    macro_f1 = sk.f1_score(truth, predicted, labels=np.unique(truth), average="macro", zero_division=0)
    return {**kappas, "accuracy": float((truth == predicted).mean()), "macro_f1": float(macro_f1)}


_MIN_PROBABILITY = 1e-12


def log_loss(probability: Floats, y: Ints, weights: Floats) -> float:
    """Return the weighted mean negative log-probability of the true class, ignoring rows with NaN."""
    return weighted_nanmean(row_losses(probability, y), weights)


def weighted_nanmean(values: Floats, weights: Floats) -> float:
    """Return the weighted mean of the finite values; NaN if there are none with a positive weight."""
    is_used = np.isfinite(values) & (weights > 0)
    return float(np.average(values[is_used], weights=weights[is_used])) if is_used.any() else float("nan")


def row_losses(probability: Floats, y: Ints) -> Floats:
    """Return the negative log-probability of each row's true class, shape [n]; NaN where the probability is NaN."""
    return np.asarray(-np.log(np.maximum(probability[np.arange(len(y)), y], _MIN_PROBABILITY)))


def loss_gain(before: Floats, after: Floats, groups: NDArray[Any], weights: Floats) -> float:
    """Return how much the loss falls per subject, minus its standard error."""
    used = np.isfinite(before) & np.isfinite(after) & (weights > 0)
    if not used.any():
        return 0.0
    _, subject = np.unique(groups[used], return_inverse=True)
    total = np.bincount(subject, (weights * (before - after))[used]) / np.bincount(subject, weights[used])
    error = total.std(ddof=1) / np.sqrt(len(total)) if len(total) > 1 else np.inf
    return float(total.mean() - error)
