"""Scores under weights of the subjects, and the interval that drawing subjects anew gives."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from scipy import stats
from scipy.special import expit, logit

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.evaluation.predictions import Predictions

_DRAWS = 2000
# Two people in different folds meet twice: each is judged by a model that learned from the other. Fixed predictions
# show this as two facts where there is one, so the error of their mean is up to sqrt(2) of what they tell.
MET_TWICE = 2**0.5
NOTE = (
    "Intervals: 95%, from drawing subjects anew on fixed out-of-fold predictions, wider by sqrt(2) as those who are "
    "judged in one fold are learned from in the others. They leave out the spread that training again would bring."
)
# Rows times draws that are looked at together: 160 MB.
_CELLS = 20_000_000
_LEVEL = 0.95

_Scores = dict[str, Floats]


def bootstrap_scores(predictions: Predictions, draws: int = _DRAWS, seed: int = 0) -> _Scores:
    """Return scores under the sample itself, then under bootstraps of its subjects.

    Parameters
    ----------
    predictions : Predictions
    draws : int
    seed : int
        The same seed draws the same subjects, so that two models on the same recordings are compared in pairs.

    Returns
    -------
    dict of str to ndarray, shape [1 + draws]
        As `weighted_scores`.
    """
    _, subject = np.unique(predictions.subject, return_inverse=True)
    n_subjects = int(subject.max()) + 1
    rng = np.random.default_rng(seed)
    parts = [weighted_scores(predictions, np.ones((len(predictions), 1)))]
    for n_draws in split_draws(draws, len(predictions)):
        times = rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), n_draws).T
        parts.append(weighted_scores(predictions, times[subject].astype(np.float64)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def split_draws(total: int, n_rows: int) -> Iterator[int]:
    """Yield numbers that add up to `total`, each small enough for this many rows."""
    at_once = max(_CELLS // max(n_rows, 1), 1)
    return (min(at_once, total - start) for start in range(0, total, at_once))


def weighted_scores(predictions: Predictions, weights: Floats) -> _Scores:
    """Return scores of weighted rows, averaged over repeats.

    Parameters
    ----------
    predictions : Predictions
    weights : ndarray, shape [n, B]

    Returns
    -------
    dict of str to ndarray, shape [B]
        `macro_f1`, `weighted_f1`, `balanced_accuracy`, `auc` and `brier`; with a positive class also `f1`, `precision`
        and `recall`. AUC is averaged over folds: pooled, models of different folds would be compared with each other,
        which is biased; of several classes it is the mean of each against the rest. NaN where a score does not exist.
    """
    repeats = [_of_repeat(predictions, rows, weights[rows]) for rows in predictions.of_repeats()]
    return {name: np.mean([scores[name] for scores in repeats], axis=0) for name in repeats[0]}


# Not `metrics.score`, which scores one sample: this scores thousands of weightings in one matrix product. A test checks
# that the two agree.
def _of_repeat(predictions: Predictions, rows: Ints, weights: Floats) -> _Scores:
    of_class = np.arange(len(predictions.classes))[:, None]
    is_true, is_said = predictions.truth[rows] == of_class, predictions.predicted[rows] == of_class
    there, said, hits = is_true @ weights, is_said @ weights, (is_true & is_said) @ weights
    # A class without a row has no recall and no F1, rather than bad ones.
    recall, f1 = _ratio(hits, there), np.where(there > 0, _ratio(2 * hits, there + said), np.nan)
    total = weights.sum(axis=0)
    scores = {
        "macro_f1": nanmean(f1),
        "weighted_f1": _ratio(np.nansum(f1 * there, axis=0), total),
        "balanced_accuracy": nanmean(recall),
        "auc": _mean_auc(predictions, rows, weights),
        "brier": _ratio(brier_losses(predictions)[rows] @ weights, total),
    }
    if predictions.place is not None:
        precision = np.nan_to_num(_ratio(hits, said))  # nothing was called: 0, as scikit-learn has it
        scores |= {"f1": f1[predictions.place], "precision": precision[predictions.place]}
        scores |= {"recall": recall[predictions.place]}
    return scores


def brier_losses(predictions: Predictions) -> Floats:
    """Return (p - y)² of the positive class, or the sum over classes where there are several, shape [n]."""
    apart = (predictions.probability - np.eye(len(predictions.classes))[predictions.truth]) ** 2
    return np.asarray(apart.sum(axis=1) if predictions.place is None else apart[:, predictions.place])


def _mean_auc(predictions: Predictions, rows: Ints, weights: Floats) -> Floats:
    number = np.empty(len(predictions), dtype=np.intp)
    number[rows] = np.arange(len(rows))
    p, truth = predictions.probability, predictions.truth
    of_classes = [
        nanmean(
            np.stack([weighted_auc(p[f, k], truth[f] == k, weights[number[f]]) for f in predictions.of_folds(rows)])
        )
        for k in predictions.asked
    ]
    return nanmean(np.stack(of_classes))


def weighted_auc(p: Floats, positive: Mask, weights: Floats) -> Floats:
    """Return the AUC under each column of weights, shape [B]; ties count half, NaN where a class is missing.

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
    won = (above * (np.cumsum(below, axis=0) - 0.5 * below)).sum(axis=0)
    return _ratio(won, above.sum(axis=0) * below.sum(axis=0))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0))


def nanmean(rows: Floats) -> Floats:
    """Mean over the first axis of what is known; NaN, without a warning, where nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(rows, axis=0))


def count_rarest_class_subjects(predictions: Predictions) -> int:
    """Return how many subjects stand behind the rarest class that is there: an interval is as sure as these allow."""
    truth, subject = predictions.truth, predictions.subject
    return min(len(np.unique(subject[truth == k])) for k in np.unique(truth))


def share_interval(drawn: Floats, n_subjects: int) -> tuple[float, float] | None:
    """Return a 95% interval of a score between 0 and 1.

    Parameters
    ----------
    drawn : ndarray, shape [1 + draws]
        The score, then its bootstraps.
    n_subjects : int
        Of the rarest class.

    Returns
    -------
    (low, high), or None where the score does not exist or a class has a single subject.

    Notes
    -----
    Logit of the score, plus or minus Student's t with `n_subjects - 1` degrees of freedom times sqrt(2) times the
    bootstrap's standard error; at 0 and 1, Clopper and Pearson's interval of as many subjects.

    The sqrt(2): a score of cross-validation sums, over pairs of people in different folds, what the one says of the
    other as K(a, b) y_a y_b. A learner that compares people (a kernel; others nearly) has K(a, b) = K(b, a), so each
    pair counts twice, which has twice the variance of two pairs; a bootstrap of fixed predictions sees two pairs.
    Nadeau and Bengio's heuristic gives 1 + (k - 1) / k of the variance for k folds, much the same. Over 200 simulated
    studies of each of thirteen kinds (40 or 100 subjects; logistic regression, SVM and LightGBM on 4 or 50 columns; 2
    to 10 folds, 1 or 3 repeats; AUC .5 to .93) the interval covered the mean AUC of its models among 1,500 other
    people in 96 to 100%; without the sqrt(2) in 86 to 98%, worst where there is nothing to learn.

    References
    ----------
    Nadeau and Bengio 2003; Bates, Hastie and Tibshirani 2024 (what cross-validation estimates).
    """
    score = float(drawn[0])
    known = drawn[1:][np.isfinite(drawn[1:])]
    if n_subjects < 2 or len(known) < 2 or not np.isfinite(score):
        return None
    if score <= 0 or score >= 1:
        # The bootstrap of a perfect score has no spread, though so few subjects cannot be that sure.
        reach = ((1 - _LEVEL) / 2) ** (1 / n_subjects)
        return (reach, 1.0) if score >= 1 else (0.0, 1 - reach)
    middle, half = logit(score), MET_TWICE * _reach(known, n_subjects) / (score * (1 - score))
    return float(expit(middle - half)), float(expit(middle + half))


def difference_interval(drawn: Floats, n_subjects: int) -> tuple[float, float] | None:
    """Return a 95% interval of a difference: the estimate plus or minus t times sqrt(2) times its standard error.

    Over 150 simulated studies of each of four pairs of learners it covered the true difference in 93 to 99%; without
    the sqrt(2), for which see `share_interval`, in 83 to 95%.
    """
    known = drawn[1:][np.isfinite(drawn[1:])]
    if n_subjects < 2 or len(known) < 2 or not np.isfinite(drawn[0]):
        return None
    half = MET_TWICE * _reach(known, n_subjects)
    return float(drawn[0]) - half, float(drawn[0]) + half


def _reach(known: Floats, n_subjects: int) -> float:
    # Drawing n from n gives (n - 1) / n of the variance that drawing people anew would.
    error = float(known.std(ddof=1)) * (n_subjects / (n_subjects - 1)) ** 0.5
    return float(error * stats.t.ppf((1 + _LEVEL) / 2, n_subjects - 1))
