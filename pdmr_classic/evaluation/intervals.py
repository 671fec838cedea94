"""Confidence intervals of scores, by a bootstrap of subjects on fixed out-of-fold predictions."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit, ndtr, stdtrit

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.evaluation.held_out_rows import HeldOutRows
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.resampling import draw_subject_weights

_N_DRAWS = 2000
# Pseudo-subjects in each cell of the confusion matrix of a draw. A cell that is empty by chance, such as positives
# that are predicted negative, would otherwise be empty in every draw, and the interval too narrow.
_PSEUDO_SUBJECTS = 0.05
# Ratio of standard errors without signal, see `shared_variance`.
SD_INFLATION = 2**0.5
_INTERVAL_NOTE = (
    "Confidence intervals: 95%, for the performance of the models of this evaluation on {who}, with the "
    "class shares of these data. Subject bootstrap on fixed out-of-fold predictions. The standard error is increased, "
    "by a factor of about 1.4 without signal and 1.1 with strong signal, because subjects held out in one fold are "
    "training data in others (compare Nadeau and Bengio 2003; not with an official split). The intervals do not "
    "include the variability of retraining."
)
_LEVEL = 0.95
# Variances below this, relative to the mean square, are those of equal values.
_TINY = 1e-14
NO_INTERVAL = "no interval: too few subjects, or no spread between them"
"""Why a known difference has no interval."""

_Scores = dict[str, Floats]


def interval_note(*, known_people: bool = False) -> str:
    """Return what the intervals are for, and how they are made."""
    return _INTERVAL_NOTE.format(who="other visits of many known people" if known_people else "many new people")


def bootstrap_scores(predictions: Predictions, draws: int = _N_DRAWS, seed: int = 0) -> _Scores:
    """Return the scores of the sample, followed by those of its cluster bootstrap samples (clusters are subjects).

    Each draw is weighted to the class shares of the sample: otherwise F1 would mainly vary with the share of positives.

    Parameters
    ----------
    predictions : Predictions
    draws : int
        Number of bootstrap samples.
    seed : int
        The same seed draws the same subjects, so that two models on the same recordings can be compared in pairs.

    Returns
    -------
    dict of str to ndarray, shape [1 + draws]
        See `weighted_scores`. NaN in draws that lack a class of the sample.
    """

    def score_draw(weights: Floats, cells: Floats) -> _Scores:
        return weighted_scores(predictions, _restore_class_shares(weights, predictions.truth), cells)

    sample = weighted_scores(predictions, np.ones((len(predictions), 1)))
    return bootstrap_rows(predictions, sample, score_draw, len(predictions.classes), draws, seed)


def bootstrap_rows(
    rows: HeldOutRows,
    sample: _Scores,
    score_draw: Callable[[Floats, Floats], _Scores],
    n_classes: int,
    draws: int,
    seed: int,
) -> _Scores:
    """Return the scores of the sample, followed by those of its cluster bootstrap samples (clusters are subjects).

    Parameters
    ----------
    rows : HeldOutRows
    sample : dict of str to ndarray, shape [1]
        Scores of the sample.
    score_draw : callable
        Maps row weights [n, B] and weights to add to the confusion matrix [K, K, B] to scores, shape [B].
    n_classes, draws, seed : int
    """
    rows_per_subject = len(rows) / len(np.unique(rows.repeat)) / len(np.unique(rows.subject))
    rng = np.random.default_rng(seed)
    parts = [sample]
    for weights in draw_subject_weights(rows.subject, draws, rng):
        cells = rows_per_subject * rng.gamma(_PSEUDO_SUBJECTS, size=(n_classes, n_classes, weights.shape[1]))
        parts.append(score_draw(weights, cells))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _restore_class_shares(weights: Floats, truth: Ints) -> Floats:
    """Scale the weights of each class in each draw to the number of its rows; NaN in draws without a class."""
    for k in np.unique(truth):
        rows = np.flatnonzero(truth == k)
        weights[rows] *= divide(np.full(weights.shape[1], float(len(rows))), weights[rows].sum(axis=0))
    return weights


def weighted_scores(predictions: Predictions, weights: Floats, cells: Floats | None = None) -> _Scores:
    """Return the scores of weighted rows, averaged over repeats.

    Parameters
    ----------
    predictions : Predictions
    weights : ndarray, shape [n, B]
    cells : ndarray, shape [K, K, B], optional
        Weights to add to the confusion matrix (true class, predicted class) of each repeat.

    Returns
    -------
    dict of str to ndarray, shape [B]
        `macro_f1`, `weighted_f1`, `balanced_accuracy`, `auc` and `brier`; with a positive class also `f1`, `precision`,
        `recall` and `specificity`. AUC is averaged over folds, because pooling would rank probabilities of different
        models against each other, which is biased; with several classes it is the mean one-vs-rest AUC. NaN if
        undefined.
    """
    repeats = [_score_repeat(predictions, rows, weights[rows], cells) for rows in predictions.repeat_rows()]
    return {name: np.mean([scores[name] for scores in repeats], axis=0) for name in repeats[0]}


# Vectorised over thousands of weight columns, unlike `metrics.score`; a test checks that both agree.
def _score_repeat(predictions: Predictions, rows: Ints, weights: Floats, cells: Floats | None) -> _Scores:
    truth, n_classes = predictions.truth, len(predictions.classes)
    confusion = weighted_confusion(truth[rows], predictions.predicted[rows], n_classes, weights)
    if cells is not None:
        # Classes that are not in the sample are not scored.
        confusion += cells * np.isin(np.arange(len(cells)), truth)[:, None, None]
    n_true, n_predicted, n_hits = confusion.sum(axis=1), confusion.sum(axis=0), np.einsum("kkb->kb", confusion)
    # Recall and F1 of a class without rows are undefined, not 0.
    recall, f1 = divide(n_hits, n_true), np.where(n_true > 0, divide(2 * n_hits, n_true + n_predicted), np.nan)
    scores = {
        "macro_f1": nanmean(f1),
        "weighted_f1": divide(np.nansum(f1 * n_true, axis=0), n_true.sum(axis=0)),
        "balanced_accuracy": nanmean(recall),
        "auc": _average_auc(predictions, rows, weights),
        "brier": divide(brier_losses(predictions)[rows] @ weights, weights.sum(axis=0)),
    }
    if predictions.positive_index is not None:
        k = predictions.positive_index
        # 0 without positive predictions, as in scikit-learn.
        precision = np.where(n_predicted[k] == 0, 0.0, divide(n_hits[k], n_predicted[k]))
        scores |= {"f1": f1[k], "precision": precision, "recall": recall[k], "specificity": recall[1 - k]}
    return scores


def weighted_confusion(truth: Ints, predicted: Ints, n_classes: int, weights: Floats) -> Floats:
    """Return the weight of each true class and predicted class, shape [K, K, B], of class indices [n].

    Examples
    --------
    >>> weighted_confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2, np.ones((3, 1)))[..., 0]
    array([[1., 0.],
           [1., 1.]])
    """
    in_cell = truth * n_classes + predicted == np.arange(n_classes**2)[:, None]
    return np.asarray((in_cell @ weights).reshape(n_classes, n_classes, -1))


# Per row, unlike `metrics.score`: intervals weight the rows thousands of times.
def brier_losses(predictions: Predictions) -> Floats:
    """Return (p - y)² of the positive class, or summed over the classes if there are several, shape [n]."""
    losses = (predictions.probability - np.eye(len(predictions.classes))[predictions.truth]) ** 2
    k = predictions.positive_index
    return np.asarray(losses.sum(axis=1) if k is None else losses[:, k])


def _average_auc(predictions: Predictions, rows: Ints, weights: Floats) -> Floats:
    weight_row = np.empty(len(predictions), dtype=np.intp)
    weight_row[rows] = np.arange(len(rows))
    p, truth = predictions.probability, predictions.truth
    class_aucs = [
        nanmean(
            np.stack(
                [weighted_auc(p[f, k], truth[f] == k, weights[weight_row[f]]) for f in predictions.fold_rows(rows)]
            )
        )
        for k in predictions.auc_classes
    ]
    return nanmean(np.stack(class_aucs))


def weighted_auc(p: Floats, positive: Mask, weights: Floats) -> Floats:
    """Return the AUC for each weight column, shape [B]; ties count half, NaN if a class is missing.

    Parameters
    ----------
    p : ndarray, shape [n]
    positive : ndarray of bool, shape [n]
    weights : ndarray, shape [n, B]

    Examples
    --------
    >>> weighted_auc(np.array([0.1, 0.4, 0.4]), np.array([False, False, True]), np.ones((3, 1)))
    array([0.75])
    """
    order = np.argsort(p, kind="stable")
    p, positive, weights = p[order], positive[order], weights[order]
    starts = np.flatnonzero(np.append(True, p[1:] > p[:-1]))
    above = np.add.reduceat(weights * positive[:, None], starts, axis=0)
    below = np.add.reduceat(weights * ~positive[:, None], starts, axis=0)
    n_concordant = (above * (np.cumsum(below, axis=0) - 0.5 * below)).sum(axis=0)
    return divide(n_concordant, above.sum(axis=0) * below.sum(axis=0))


def weighted_concordance(truth: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Return Lin's concordance correlation for each weight column, shape [B]; see `metrics.concordance`.

    Parameters
    ----------
    truth, predicted : ndarray, shape [n]
    weights : ndarray, shape [n, B]

    Examples
    --------
    >>> weighted_concordance(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]), np.ones((3, 1))).round(3)
    array([0.571])
    """
    mean_x, mean_y, variance_x, variance_y, covariance = _weighted_moments(truth, predicted, weights)
    return divide(2 * covariance, variance_x + variance_y + (mean_x - mean_y) ** 2)


def weighted_correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return Pearson's correlation for each weight column, shape [B]; NaN if all values of one are equal.

    Parameters
    ----------
    x, y : ndarray, shape [n]
    weights : ndarray, shape [n, B]

    Examples
    --------
    >>> weighted_correlation(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.0]), np.ones((3, 1))).round(3)
    array([0.866])
    """
    _, _, variance_x, variance_y, covariance = _weighted_moments(x - x.mean(), y - y.mean(), weights)
    # Rounding leaves a little variance of equal values.
    varies = (variance_x > _TINY * np.mean(x**2)) & (variance_y > _TINY * np.mean(y**2))
    return divide(covariance, np.where(varies, np.sqrt(np.maximum(variance_x * variance_y, 0)), 0.0))


def _weighted_moments(x: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return means (relative to the mean of x), variances and covariance for each weight column, each of shape [B]."""
    total = weights.sum(axis=0)
    # Centred first: with large values, differences of squares would lose digits.
    x, y = x - x.mean(), y - x.mean()
    mean_x, mean_y, square_x, square_y, product = (
        divide(values @ weights, total) for values in (x, y, x**2, y**2, x * y)
    )
    return mean_x, mean_y, square_x - mean_x**2, square_y - mean_y**2, product - mean_x * mean_y


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Return the quotient where the denominator is positive, otherwise NaN."""
    undefined = np.full(np.shape(denominator), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=undefined, where=denominator > 0))


def nanmean(rows: Floats) -> Floats:
    """Return the mean over the first axis, ignoring NaN; NaN without a warning if all values are NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(rows, axis=0))


def count_rarest_class_subjects(predictions: Predictions) -> int:
    """Return the number of subjects in the rarest class present, which limits the precision of an interval."""
    truth, subject = predictions.truth, predictions.subject
    return min(len(np.unique(subject[truth == k])) for k in np.unique(truth))


def score_interval(drawn: Floats, n_subjects: int, inflation: float = SD_INFLATION) -> tuple[float, float] | None:
    """Return the 95% confidence interval of a score between 0 and 1.

    Parameters
    ----------
    drawn : ndarray, shape [1 + draws]
        The score, followed by its bootstrap replicates.
    n_subjects : int
        Number of subjects in the rarest class.
    inflation : float
        Ratio of the standard error to its bootstrap estimate, see `estimate_inflation`.

    Returns
    -------
    (low, high), or None if the score is undefined or a class has only one subject.

    Notes
    -----
    On the logit scale: score ± t * inflation * bootstrap standard error. Student's t has 2 (n - 1) degrees of freedom
    for n = `n_subjects`, those of the difference of two class means. For scores of 0 and 1: the Clopper-Pearson
    interval for n subjects. Of a score between -1 and 1, such as concordance, pass (1 + score) / 2.

    The interval is for the mean performance, on many new people with the class shares of the sample, of the models that
    made the predictions, not of models from other training sets. In simulations (400 studies in each of sixteen
    settings: 20 to 100 subjects with 1 to 10 recordings, 10 to 50% positives or three classes, no to strong signal;
    `benchmarks/intervals.py`) it contained this value in 95 to 99% of studies for F1, 92 to 100% for AUC, 92 to 99% for
    macro F1 and 93 to 97% for concordance; with inflation 1, in 92 to 99%, 82 to 96%, 84 to 95% and 78 to 95%.

    References
    ----------
    Nadeau and Bengio 2003; Bates, Hastie and Tibshirani 2024 (what cross-validation estimates).
    """
    score = float(drawn[0])
    replicates = drawn[1:][np.isfinite(drawn[1:])]
    if n_subjects < 2 or len(replicates) < 2 or not np.isfinite(score):
        return None
    if score <= 0 or score >= 1:
        # The bootstrap of a perfect score has hardly any variance.
        bound = ((1 - _LEVEL) / 2) ** (1 / n_subjects)
        return (bound, 1.0) if score >= 1 else (0.0, 1 - bound)
    centre, half = logit(score), inflation * _half_width(replicates, n_subjects) / (score * (1 - score))
    return float(expit(centre - half)), float(expit(centre + half))


def difference_interval(drawn: Floats, n_subjects: int, inflation: float = SD_INFLATION) -> tuple[float, float] | None:
    """Return the 95% confidence interval of a single difference; see `simultaneous_intervals`."""
    return simultaneous_intervals(drawn[None], n_subjects, inflation)[0]


def simultaneous_intervals(
    drawn: Floats, n_subjects: int, inflation: float = SD_INFLATION
) -> list[tuple[float, float] | None]:
    """Return 95% confidence intervals of differences that hold all at once: estimate ± q * inflation * standard error.

    Parameters
    ----------
    drawn : ndarray, shape [differences, 1 + draws]
        Each difference, followed by its bootstrap replicates for the same draws.
    n_subjects : int
        Number of subjects in the rarest class.
    inflation : float

    Returns
    -------
    list of (low, high) or None
        None if a difference is undefined, a class has only one subject, or all bootstrap samples give the same
        difference: no spread between subjects says that there are too few of them, not that it is exact.

    Notes
    -----
    q is the 95% quantile of the largest standardised deviation over all differences (max-t; with one difference, the
    normal quantile), widened from the normal to Student's t. In simulations (200 studies in each of sixteen settings,
    see `score_interval`) the interval of a single difference contained the true one in AUC in 92 to 100% of studies, in
    F1 in 90 to 99% and in macro F1 in 91 to 100%, and in 78 to 82% where both systems predict nearly everyone positive;
    with inflation 1, in 74 to 98%.

    References
    ----------
    Westfall and Young 1993 (max-t).
    """
    replicates = drawn[:, 1:][:, np.isfinite(drawn[:, 1:]).all(axis=0)]
    if n_subjects < 2 or replicates.shape[1] < 2:
        return [None] * len(drawn)
    errors = replicates.std(axis=1, ddof=1)
    half = inflation * errors * (n_subjects / (n_subjects - 1)) ** 0.5 * _joint_quantile(replicates, errors, n_subjects)
    return [
        (float(value - width), float(value + width)) if np.isfinite(value) and error > _TINY else None
        for value, width, error in zip(drawn[:, 0], half, errors, strict=True)
    ]


def _joint_quantile(replicates: Floats, errors: Floats, n_subjects: int) -> float:
    """Return the quantile of the largest standardised deviation, widened to Student's t."""
    tail = (1 - _LEVEL) / 2
    varies = errors > _TINY
    if np.count_nonzero(varies) > 1:
        centred = replicates[varies] - replicates[varies].mean(axis=1, keepdims=True)
        largest = np.abs(centred / errors[varies, None]).max(axis=0)
        tail = min(float(ndtr(-np.quantile(largest, _LEVEL))), tail)
    return float(-stdtrit(2 * (n_subjects - 1), tail))


def _half_width(replicates: Floats, n_subjects: int) -> float:
    # The variance between bootstrap samples of n subjects is too small by a factor of (n - 1) / n.
    error = float(replicates.std(ddof=1)) * (n_subjects / (n_subjects - 1)) ** 0.5
    return float(error * stdtrit(2 * (n_subjects - 1), (1 + _LEVEL) / 2))
