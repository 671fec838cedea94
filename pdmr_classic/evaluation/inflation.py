"""How much a bootstrap of fixed out-of-fold predictions understates standard errors, from the repeats of the folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.evaluation.predictions import Predictions

# Scores of predicted classes: a class depends on training less smoothly than a probability.
_CLASS_SCORES = ("f1", "precision", "recall", "macro_f1", "weighted_f1", "balanced_accuracy")
_MAX_SHARED = 2.0
# Fitted to studies with three repeats (`benchmarks/intervals.py`).
_SHARED_SLOPE = 0.35


@dataclass(frozen=True)
class Inflation:
    """Variance that a bootstrap of fixed predictions omits, because held-out subjects are training data elsewhere.

    Attributes
    ----------
    shared : float
        Omitted variance relative to the bootstrap variance, for scores of probabilities.
    """

    shared: float

    def factor(self, name: str) -> float:
        """Return the ratio of the standard error of a score to its bootstrap standard error.

        Notes
        -----
        If a normal variable is cut at its median, the variance that is linear in it is 2 / pi of the whole: predicted
        classes retain this share of the dependence between subjects.
        """
        return float((1 + self.shared * (2 / np.pi if name in _CLASS_SCORES else 1)) ** 0.5)


def estimate_inflation(predictions: Predictions, other: Predictions | None = None) -> Inflation:
    """Estimate by how much a bootstrap understates the standard errors of cross-validated scores.

    Parameters
    ----------
    predictions : Predictions
    other : Predictions, optional
        Another system on the same rows: the inflation is that of the differences between the two.

    Returns
    -------
    Inflation
        `shared` is 0 if the held-out subjects train no model (`is_one_way`).

    Notes
    -----
    See `estimate_shared_variance`. The contributions are those to the discrimination slope (the mean probability of the
    true class, summed over classes, minus 1), because they are linear in the probabilities. Contributions to AUC and F1
    also vary between repeats because the folds compare other pairs, and because probabilities cross the threshold.
    """
    if predictions.is_one_way:
        return Inflation(0.0)
    contributions, slope = _subject_contributions(predictions)
    if other is not None:
        other_contributions, other_slope = _subject_contributions(other)
        contributions, slope = other_contributions - contributions, abs(other_slope - slope)
    return Inflation(estimate_shared_variance(contributions, slope, len(np.unique(predictions.fold))))


def estimate_shared_variance(contributions: Floats, value: float, n_folds: int) -> float:
    """Return the variance of a cross-validated mean that its bootstrap omits, relative to the bootstrap variance.

    Parameters
    ----------
    contributions : ndarray, shape [R, S]
        Contribution of each subject in each repeat to the mean, centred within each repeat.
    value : float
        The mean minus its value without any signal; used only with one repeat.
    n_folds : int

    Returns
    -------
    float
        Between 0 and 2; 1 if all contributions are 0.

    Notes
    -----
    The contribution of subject i is h(i) + sum of g(i, j) over the training subjects j. A bootstrap of fixed
    predictions measures V1 + V2, the variances of both parts. But a model trained on i also predicts j, and for a
    kernel method (and approximately for other learners) g(i, j) = g(j, i): each pair enters twice, so the variance is
    V1 + 2 V2. Without signal V1 = 0, which makes the standard error sqrt(2) times as large.

    With k folds, the training sets of two repeats share 1 - 1/k of the other subjects. The contributions of a subject
    therefore vary between repeats with variance V2 / k. Averaged over R repeats, V2 becomes V2 (1 - 1/k + 1/(k R)).

    With one repeat, V2 / (V1 + V2) is taken to be 1 / (1 + .35 z), where z is `value` divided by its bootstrap standard
    error (at least -1): the mean relation in simulated studies with three repeats.

    References
    ----------
    Nadeau and Bengio 2003 and Bates, Hastie and Tibshirani 2024 (variance of cross-validation). The estimate from
    repeats is our own; `benchmarks/intervals.py` measures it.

    Examples
    --------
    >>> contributions = np.array([[1.0, 1.0, -2.0], [1.1, 0.9, -2.0]])
    >>> round(estimate_shared_variance(contributions, 1.0, n_folds=5), 2)
    0.01
    """
    n_repeats = len(contributions)
    products = contributions @ contributions.T
    bootstrap_variance = float(products.mean())
    if bootstrap_variance <= 0:
        return 1.0
    if n_repeats == 1:
        return 1 / (1 + _SHARED_SLOPE * max(value / float(np.sqrt(bootstrap_variance)), -1.0))
    within = float(np.trace(products)) / n_repeats
    between = (bootstrap_variance * n_repeats - within) / (n_repeats - 1)
    shared = n_folds * (within - between) * (1 - 1 / n_folds + 1 / (n_folds * n_repeats))
    return float(np.clip(shared / bootstrap_variance, 0, _MAX_SHARED))


def _subject_contributions(predictions: Predictions) -> tuple[Floats, float]:
    """Return the contributions to the discrimination slope, shape [R, S], and its mean over repeats."""
    _, subject = np.unique(predictions.subject, return_inverse=True)
    repeats = [_repeat_contributions(predictions, subject, rows) for rows in predictions.repeat_rows()]
    return np.stack([contributions for contributions, _ in repeats]), float(np.mean([slope for _, slope in repeats]))


def _repeat_contributions(predictions: Predictions, subject: Ints, rows: Ints) -> tuple[Floats, float]:
    truth = predictions.truth[rows]
    p = predictions.probability[rows, truth]
    n_rows = np.bincount(truth)
    means = np.bincount(truth, weights=p) / np.maximum(n_rows, 1)
    shares = (p - means[truth]) / n_rows[truth]
    contributions = np.bincount(subject[rows], weights=shares, minlength=int(subject.max()) + 1).astype(np.float64)
    return contributions, float(means.sum() - 1)
