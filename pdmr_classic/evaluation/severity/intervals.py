"""Scores of severities with confidence intervals, by a bootstrap of subjects on fixed out-of-fold predictions."""

from __future__ import annotations

from functools import partial

import numpy as np

from pdmr_classic.arrays import Floats, Ints, finite_or_none
from pdmr_classic.evaluation.inflation import shared_variance
from pdmr_classic.evaluation.intervals import (
    bootstrap_rows,
    divide,
    nanmean,
    score_interval,
    weighted_concordance,
    weighted_confusion,
    weighted_correlation,
)
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions

ERRORS, AGREEMENT = ("mae", "rmse"), ("ccc", "pearson", "spearman", "quadratic_kappa", "linear_kappa")
CLASS_SCORES = ("quadratic_kappa", "linear_kappa", "accuracy", "macro_f1")
LOWER_IS_BETTER = frozenset(ERRORS)
_N_DRAWS = 2000

_Scores = dict[str, Floats]


def bootstrap_severity(predictions: SeverityPredictions, draws: int = _N_DRAWS, seed: int = 0) -> _Scores:
    """Return the scores of the sample, followed by those of its cluster bootstrap samples (clusters are subjects).

    Parameters
    ----------
    predictions : SeverityPredictions
    draws : int
        Number of bootstrap samples.
    seed : int
        The same seed draws the same subjects, so that two models on the same recordings can be compared in pairs.

    Returns
    -------
    dict of str to ndarray, shape [1 + draws]
        See `weighted_severity_scores`.
    """
    sample = weighted_severity_scores(predictions, np.ones((len(predictions), 1)))
    score_draw = partial(weighted_severity_scores, predictions)
    return bootstrap_rows(predictions, sample, score_draw, predictions.scale.n_classes, draws, seed)


def weighted_severity_scores(predictions: SeverityPredictions, weights: Floats, cells: Floats | None = None) -> _Scores:
    """Return the scores of weighted rows, averaged over repeats.

    Parameters
    ----------
    predictions : SeverityPredictions
    weights : ndarray, shape [n, B]
    cells : ndarray, shape [K, K, B], optional
        Weights to add to the confusion matrix (true class, predicted class) of each repeat.

    Returns
    -------
    dict of str to ndarray, shape [B]
        The scores of `score_severity`, NaN if undefined. Pearson's and Spearman's correlation are averaged over folds,
        as the AUC is: pooling would rank severities of different models against each other, and the training means of
        the folds alone would correlate with the scores (negatively). Spearman's is the weighted correlation of the
        ranks in the sample: they are not computed again for each weight column.
    """
    repeats = [_score_repeat(predictions, rows, weights[rows], cells) for rows in predictions.repeat_rows()]
    return {name: np.mean([scores[name] for scores in repeats], axis=0) for name in repeats[0]}


# Vectorised over thousands of weight columns, unlike `metrics.score_severity`; a test checks that both agree.
def _score_repeat(predictions: SeverityPredictions, rows: Ints, weights: Floats, cells: Floats | None) -> _Scores:
    truth, predicted = predictions.truth[rows], predictions.predicted[rows]
    error, total = predicted - truth, weights.sum(axis=0)
    scores = {
        "mae": divide(np.abs(error) @ weights, total),
        "rmse": np.sqrt(divide(error**2 @ weights, total)),
        "ccc": weighted_concordance(truth, predicted, weights),
        **_average_correlations(predictions, rows, weights),
    }
    if not (n_classes := predictions.scale.n_classes):
        return scores
    codes = predictions.true_classes[rows], predictions.predicted_classes[rows]
    confusion = weighted_confusion(*codes, n_classes, weights)
    if cells is not None:
        # Classes that are not in the sample are not scored.
        confusion += cells * np.isin(np.arange(n_classes), codes[0])[:, None, None]
    return scores | _score_confusion(confusion)


def _average_correlations(predictions: SeverityPredictions, rows: Ints, weights: Floats) -> _Scores:
    """Return Pearson's and Spearman's correlation, averaged over the folds of one repeat."""
    from scipy.stats import rankdata  # not at the top: it takes longer than a report, which needs no correlation

    weight_row = np.empty(len(predictions), dtype=np.intp)
    weight_row[rows] = np.arange(len(rows))
    folds = list(predictions.fold_rows(rows))
    pairs = [(predictions.truth[fold], predictions.predicted[fold]) for fold in folds]
    in_fold = [weights[weight_row[fold]] for fold in folds]
    pearson = [weighted_correlation(*pair, w) for pair, w in zip(pairs, in_fold, strict=True)]
    spearman = [weighted_correlation(rankdata(x), rankdata(y), w) for (x, y), w in zip(pairs, in_fold, strict=True)]
    return {"pearson": nanmean(np.stack(pearson)), "spearman": nanmean(np.stack(spearman))}


def _score_confusion(confusion: Floats) -> _Scores:
    """Return kappas, accuracy and macro F1 of confusion matrices, shape [K, K, B]."""
    n_true, n_predicted, total = confusion.sum(axis=1), confusion.sum(axis=0), confusion.sum(axis=(0, 1))
    n_hits = np.einsum("kkb->kb", confusion)
    distance = np.abs(np.subtract.outer(np.arange(len(confusion)), np.arange(len(confusion))))
    by_chance = divide(n_true[:, None] * n_predicted[None], np.broadcast_to(total, confusion.shape))
    f1 = np.where(n_true > 0, divide(2 * n_hits, n_true + n_predicted), np.nan)
    return {
        "quadratic_kappa": _kappa(confusion, by_chance, distance**2),
        "linear_kappa": _kappa(confusion, by_chance, distance),
        "accuracy": divide(n_hits.sum(axis=0), total),
        "macro_f1": nanmean(f1),
    }


def _kappa(confusion: Floats, by_chance: Floats, disagreement: Ints) -> Floats:
    observed, expected = (np.einsum("jk,jkb->b", disagreement, part) for part in (confusion, by_chance))
    return 1 - divide(observed, expected)


def find_severity_limits(predictions: SeverityPredictions, name: str, drawn: Floats) -> dict[str, float | None]:
    """Return `low` and `high` of the 95% interval of a score; None if there is none.

    Parameters
    ----------
    predictions : SeverityPredictions
    name : str
    drawn : ndarray, shape [1 + draws]
        The score, followed by its bootstrap replicates.

    Notes
    -----
    See `score_interval`; errors are taken relative to the width of the scale, and correlations and kappas from -1 to 1.
    """
    lowest, highest = _score_range(predictions, name)
    unit = (drawn - lowest) / (highest - lowest)
    limits = score_interval(unit, count_subject_pairs(predictions, name), estimate_severity_inflation(predictions))
    low, high = (None, None) if limits is None else (lowest + limit * (highest - lowest) for limit in limits)
    return {"low": finite_or_none(low), "high": finite_or_none(high)}


def _score_range(predictions: SeverityPredictions, name: str) -> tuple[float, float]:
    if name in ERRORS:
        scale = predictions.scale
        return 0.0, max(scale.high - scale.low, float(np.abs(predictions.predicted - predictions.truth).max()))
    return (-1.0, 1.0) if name in AGREEMENT else (0.0, 1.0)


def count_subject_pairs(predictions: SeverityPredictions, name: str) -> int:
    """Return the number of subjects that limits the precision of an interval, as `n_subjects` of `score_interval`.

    For macro F1, that of the rarest severity class; otherwise half of all subjects, because a score of numbers has as
    many degrees of freedom as the difference of two classes with half of the subjects each.
    """
    if name != "macro_f1":
        return len(np.unique(predictions.subject)) // 2
    codes, subject = predictions.true_classes, predictions.subject
    return min(len(np.unique(subject[codes == code])) for code in np.unique(codes))


def estimate_severity_inflation(predictions: SeverityPredictions) -> float:
    """Return the ratio of the standard error of a cross-validated score to its bootstrap standard error.

    Returns
    -------
    float
        Between 1 and 1.6; 1 if the held-out subjects train no model (`is_one_way`).

    Notes
    -----
    See `shared_variance`, where z is that of the slope of the predicted severity on the true score. With scores of 0
    and 1, the slope is the discrimination slope, which is used for classes.
    """
    if predictions.is_one_way:
        return 1.0
    return float((1 + shared_variance(*_regression_slope(predictions))) ** 0.5)


def _regression_slope(predictions: SeverityPredictions) -> tuple[Floats, float]:
    """Return the contributions of subjects to the slope, shape [S], and the slope; means over repeats."""
    _, subject = np.unique(predictions.subject, return_inverse=True)
    repeats = [_repeat_slope(predictions, subject, rows) for rows in predictions.repeat_rows()]
    contributions = np.mean([contributions for contributions, _ in repeats], axis=0)
    return np.asarray(contributions), float(np.mean([slope for _, slope in repeats]))


def _repeat_slope(predictions: SeverityPredictions, subject: Ints, rows: Ints) -> tuple[Floats, float]:
    x = predictions.truth[rows] - predictions.truth[rows].mean()
    y = predictions.predicted[rows] - predictions.predicted[rows].mean()
    n_subjects, squares = int(subject.max()) + 1, float(x @ x)
    if not squares:
        return np.zeros(n_subjects), 0.0
    slope = float(x @ y) / squares
    influence = x * (y - slope * x) / squares
    return np.bincount(subject[rows], weights=influence, minlength=n_subjects).astype(np.float64), slope
