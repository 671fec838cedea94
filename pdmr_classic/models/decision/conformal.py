"""Conformal prediction with subjects as the exchangeable unit: intervals of a score, and sets of labels."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.io.labels.scales import Scale
from pdmr_classic.models.decision._residuals import Residuals, fit_residuals, subject_means
from pdmr_classic.models.decision._subject_quantile import required_subjects, subject_quantile
from pdmr_classic.models.decision.pooling import pool_subjects

__all__ = ["LabelSets", "SeverityIntervals", "required_subjects", "subject_means", "subject_quantile"]


class SeverityIntervals:
    """Predictive intervals of a score, and the probability of each severity class.

    Parameters
    ----------
    level : float
        Probability that an interval of a new subject contains the score.

    Attributes
    ----------
    recordings_, pooled_ : Residuals
        Of single recordings, and of the mean prediction of each subject.

    Notes
    -----
    The conformity score is |truth - prediction| / spread, where the spread is a line in the prediction, because severe
    cases have larger residuals.

    The residuals are out-of-fold, and the model that predicts is trained on all subjects, as in the jackknife. Unlike
    split conformal prediction, this has no guarantee for every learner: the jackknife+ and CV+, which combine the
    models of all folds, guarantee 1 - 2 alpha, and the jackknife covers about 1 - alpha if the learner is stable, that
    is, if a few subjects more or less hardly change its predictions (Barber, Candes, Ramdas and Tibshirani 2021). In
    the simulations of `benchmarks/conformal.py`, 90% intervals covered 90 to 93%.

    The level is an average over new subjects: coverage in one severity class may be lower or higher. For pooled
    intervals, new subjects should have about as many recordings as those in training.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.uniform(0, 24, 200)
    >>> intervals = SeverityIntervals(0.9).fit(truth + rng.normal(size=200), truth, np.arange(200))
    >>> low, high = intervals.predict(np.array([10.0]))
    >>> low.round(1), high.round(1)
    (array([8.5]), array([11.5]))
    """

    def __init__(self, level: float = 0.9) -> None:
        self.level = level

    def fit(self, oof: Floats, truth: Floats, subjects: NDArray[Any]) -> Self:
        """Learn the distribution of the residuals.

        Parameters
        ----------
        oof : ndarray, shape [n]
            Out-of-fold predictions, from folds without a subject on both sides. Rows of NaN are left out.
        truth : ndarray, shape [n]
            Scores. Rows of NaN are left out.
        subjects : ndarray, shape [n]

        Raises
        ------
        ConfigError
            There are too few subjects for the level.
        """
        is_used = np.isfinite(oof) & np.isfinite(truth)
        oof, truth, subjects = oof[is_used], truth[is_used], subjects[is_used]
        self.recordings_ = fit_residuals(oof, truth, subjects, self.level)
        self.pooled_ = fit_residuals(subject_means(oof, subjects), truth, subjects, self.level)
        return self

    def predict(self, predicted: Floats, subjects: NDArray[Any] | None = None) -> tuple[Floats, Floats]:
        """Return the lower and upper ends of the intervals, shape [n] each, not clipped to the scale.

        Parameters
        ----------
        predicted : ndarray, shape [n]
            Predictions; NaN gives NaN.
        subjects : ndarray, shape [n], optional
            Pool the recordings of each subject: all get the same interval, around their mean prediction.
        """
        center, residuals = self._select(predicted, subjects)
        half_width = residuals.quantile * residuals.spread(center)
        return center - half_width, center + half_width

    def class_probabilities(self, predicted: Floats, scale: Scale, subjects: NDArray[Any] | None = None) -> Floats:
        """Return the probability of each severity class, shape [n, K].

        Parameters
        ----------
        predicted : ndarray, shape [n]
            Predictions; NaN gives a row of NaN.
        scale : Scale
            With K classes.
        subjects : ndarray, shape [n], optional
            Pool the recordings of each subject.

        Returns
        -------
        ndarray, shape [n, K]
            Rows sum to 1. It is a conformal predictive distribution: the share of the residuals (equally many of each
            subject) which, added to the prediction, give a score of the class. The weight of one subject is spread
            equally over the classes, for the new subject itself: no class is impossible.

        References
        ----------
        Vovk, Shen, Manokhin and Xie 2017.
        """
        center, residuals = self._select(predicted, subjects)
        probability = np.full((len(center), scale.n_classes), np.nan)
        spread = residuals.spread(center)
        for row in np.flatnonzero(np.isfinite(center)):
            codes = scale.class_codes(center[row] + spread[row] * residuals.standardised)
            shares = np.bincount(codes, residuals.shares, minlength=scale.n_classes)
            probability[row] = (residuals.n_subjects * shares + 1 / scale.n_classes) / (residuals.n_subjects + 1)
        return probability

    def _select(self, predicted: Floats, subjects: NDArray[Any] | None) -> tuple[Floats, Residuals]:
        if subjects is None:
            return predicted, self.recordings_
        return subject_means(predicted, subjects), self.pooled_


class LabelSets:
    """Sets of labels that contain the true one with a given probability.

    Parameters
    ----------
    level : float

    Attributes
    ----------
    quantile_, pooled_quantile_ : float
        Largest 1 - probability of a label in the set, for single recordings and for pooled subjects.

    Notes
    -----
    The conformity score is 1 - probability of the true class: at the same coverage, the sets have the fewest labels on
    average (Sadinle, Lei and Wasserman 2019). Adaptive sets (Romano, Sesia and Candes 2020) had more labels in
    `benchmarks/conformal.py`. As the most probable label is always in the set, coverage may be above the level.

    Like the intervals of `SeverityIntervals`, sets are calibrated on out-of-fold predictions and cover the level on
    average over new subjects, with the prevalence of the training set.

    Examples
    --------
    >>> p = np.linspace(0, 1, 40)
    >>> sets = LabelSets(0.9).fit(np.column_stack([1 - p, p]), (p > 0.3).astype(int), np.arange(40))
    >>> sets.predict(np.array([[0.6, 0.4], [0.1, 0.9]]))
    array([[ True,  True],
           [False,  True]])
    """

    def __init__(self, level: float = 0.9) -> None:
        self.level = level

    def fit(self, probability: Floats, codes: Ints, subjects: NDArray[Any]) -> Self:
        """Choose the smallest probability of a label in a set.

        Parameters
        ----------
        probability : ndarray, shape [n, K]
            Calibrated, out-of-fold. Rows of NaN are left out.
        codes : ndarray of int, shape [n]
            True classes; rows of -1 (unknown) are left out.
        subjects : ndarray, shape [n]

        Raises
        ------
        ConfigError
            There are too few subjects for the level.
        """
        is_used = np.isfinite(probability).all(axis=1) & (codes >= 0)
        probability, codes, subjects = probability[is_used], codes[is_used], subjects[is_used]
        rows = np.arange(len(codes))
        pooled = pool_subjects(probability, subjects)
        self.quantile_ = subject_quantile(1 - probability[rows, codes], subjects, self.level)
        self.pooled_quantile_ = subject_quantile(1 - pooled[rows, codes], subjects, self.level)
        return self

    def predict(self, probability: Floats, subjects: NDArray[Any] | None = None) -> Mask:
        """Return the labels in each set, shape [n, K]; at least one in each row, and all in rows of NaN.

        Parameters
        ----------
        probability : ndarray, shape [n, K]
        subjects : ndarray, shape [n], optional
            Pool the recordings of each subject. Probabilities that are pooled already stay as they are.
        """
        pooled = probability if subjects is None else pool_subjects(probability, subjects)
        quantile = self.quantile_ if subjects is None else self.pooled_quantile_
        # Not <=: NaN is in.
        is_in = ~(1 - pooled > quantile)
        return np.asarray(is_in | (pooled == pooled.max(axis=1, keepdims=True)))
