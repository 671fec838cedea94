"""How much a bootstrap of fixed out-of-fold predictions understates the standard errors of cross-validated scores."""

from __future__ import annotations

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.evaluation.held_out_rows import HeldOutRows
from pdmr_classic.evaluation.intervals import SD_INFLATION
from pdmr_classic.evaluation.predictions import Predictions

_SLOPE = 0.35
_MIN_Z = -1.0
# If a normal variable is cut at its median, the variance that is linear in it is 2 / pi of the whole: F1 of predicted
# classes retains this share of the dependence between subjects. Macro F1 was measured to retain all.
_RETAINED = {"f1": 2 / np.pi}


def estimate_inflation(predictions: Predictions, score: str = "auc") -> float:
    """Return the ratio of the standard error of a cross-validated score to its bootstrap standard error.

    Parameters
    ----------
    predictions : Predictions
    score : str
        Smaller for F1 of the positive class, otherwise the same for all scores: in simulated studies, the ratios of
        macro F1, AUC, Brier score and concordance differed by about .1 within a setting (1.1 to 1.5 between settings).

    Returns
    -------
    float
        Between 1 and 1.6; 1 if the held-out subjects train no model (`is_one_way`).

    Notes
    -----
    See `shared_variance`, where z is that of the discrimination slope: the mean probability of the true class, summed
    over classes, minus 1.
    """
    if predictions.is_one_way:
        return 1.0
    shared = shared_variance(*_discrimination_slope(predictions))
    return float((1 + _RETAINED.get(score, 1.0) * shared) ** 0.5)


def null_inflation(predictions: HeldOutRows) -> float:
    """Return the ratio of standard errors for what has no signal: differences of systems, and permuted labels.

    sqrt(2), see `shared_variance`; 1 if the held-out subjects train no model.
    """
    return 1.0 if predictions.is_one_way else SD_INFLATION


def shared_variance(contributions: Floats, value: float) -> float:
    """Return the variance of a cross-validated mean that its bootstrap omits, relative to the bootstrap variance.

    Parameters
    ----------
    contributions : ndarray, shape [S]
        Contribution of each subject to the mean, averaged over repeats and centred.
    value : float
        The mean minus its value without any signal.

    Returns
    -------
    float
        Between 0 and 1.54; 1 if all contributions are 0.

    Notes
    -----
    The contribution of subject i is h(i) + sum of g(i, j) over the training subjects j. A bootstrap of fixed
    predictions measures V1 + V2, the variances of both parts. But a model trained on i also predicts j, and for a
    kernel method (and approximately for other learners) g(i, j) = g(j, i): each pair enters twice, and the variance is
    V1 + 2 V2. Without signal V1 = 0, so that the standard error is sqrt(2) times as large.

    V2 / (V1 + V2) is taken to be 1 / (1 + .35 z), where z is `value` divided by its bootstrap standard error (at least
    -1). This was fitted to simulated studies, in which V2 was estimated from the variance of contributions between
    repeats; that estimate itself is too large for learners that vary for other reasons, such as LightGBM.

    Examples
    --------
    >>> round(shared_variance(np.array([0.05, -0.02, -0.03]), 0.3), 2)
    0.37
    """
    error = float(np.sqrt(np.sum(contributions**2)))
    return 1 / (1 + _SLOPE * max(value / error, _MIN_Z)) if error > 0 else 1.0


def _discrimination_slope(predictions: Predictions) -> tuple[Floats, float]:
    """Return the contributions to the discrimination slope, shape [S], and the slope; means over repeats."""
    _, subject = np.unique(predictions.subject, return_inverse=True)
    repeats = [_repeat_contributions(predictions, subject, rows) for rows in predictions.repeat_rows()]
    contributions = np.mean([contributions for contributions, _ in repeats], axis=0)
    return np.asarray(contributions), float(np.mean([slope for _, slope in repeats]))


def _repeat_contributions(predictions: Predictions, subject: Ints, rows: Ints) -> tuple[Floats, float]:
    truth = predictions.truth[rows]
    p = predictions.probability[rows, truth]
    n_rows = np.bincount(truth)
    means = np.bincount(truth, weights=p) / np.maximum(n_rows, 1)
    shares = (p - means[truth]) / n_rows[truth]
    contributions = np.bincount(subject[rows], weights=shares, minlength=int(subject.max()) + 1).astype(np.float64)
    return contributions, float(means.sum() - 1)
