"""Decision rule: correction for prevalence, pooling over subjects, and the threshold of the positive class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.config import LearningSettings, Metric
from pdmr_classic.errors import Finding
from pdmr_classic.io.results import PROBABILITY_PREFIX
from pdmr_classic.models.decision._prevalence_interval import CalibrationRows, prevalence_interval
from pdmr_classic.models.decision.conformal import LabelSets, required_subjects
from pdmr_classic.models.decision.pooling import pool_subjects
from pdmr_classic.models.decision.prevalence import ESTIMATE, Prevalence, correct_probability, target_priors
from pdmr_classic.models.decision.threshold import choose_threshold

_LOW_PREVALENCE = 0.02


@dataclass(frozen=True, eq=False)
class AdjustedPredictions:
    """Probabilities after correction and pooling, and the threshold to apply to them.

    Attributes
    ----------
    probability : ndarray, shape [n, K]
    threshold : float or None
        None if there are more than two classes: the most probable class is predicted.
    prevalence : dict of str to float, or None
        Prevalence of each class, if probabilities were corrected for it.
    prevalence_interval : dict of str to (float, float), or None
        95% interval of each prevalence, if it was estimated.
    findings : list of Finding
        Notes and warnings.
    """

    probability: Floats
    threshold: float | None
    prevalence: dict[str, float] | None
    findings: list[Finding]
    prevalence_interval: dict[str, tuple[float, float]] | None = None


class Decision:
    """Threshold on the probability of the positive class, chosen on out-of-fold predictions.

    Stores the anonymous out-of-fold predictions, to choose a threshold again for pooled or corrected probabilities.

    Parameters
    ----------
    classes : list of str
        In the order of the probability columns.
    positive : str or None
    settings : LearningSettings
        `metric`, `threshold`, `seed`.

    Attributes
    ----------
    priors_ : ndarray, shape [K]
        Weighted share of each class in training.
    threshold_ : float or None
        For single recordings and the prevalence in training.
    """

    def __init__(self, classes: list[str], positive: str | None, settings: LearningSettings) -> None:
        self.classes = classes
        self.positive = positive
        self.settings = settings

    def fit(self, probability: Floats, truth: NDArray[Any], subjects: NDArray[Any], weights: Floats) -> Self:
        """Choose the threshold.

        Parameters
        ----------
        probability : ndarray, shape [n, K]
            Calibrated, out-of-fold.
        truth : ndarray of str, shape [n]
        subjects : ndarray, shape [n]
        weights : ndarray, shape [n]
        """
        one_hot = np.array(self.classes, dtype=object) == truth[:, None]
        subject = np.unique(subjects, return_inverse=True)[1]
        self.priors_ = weights @ one_hot / weights.sum()
        self.threshold_ = self._choose_threshold(probability, one_hot, subject, weights)
        # These rows are saved. Sorted by name, or with subjects numbered by name, they could be matched to a list of
        # names such as a folder listing, so they are sorted by probability.
        order = np.lexsort(probability.T)
        self.probability_, self.weights_ = probability[order], weights[order]
        self.one_hot_ = one_hot[order]
        self.subjects_ = pd.factorize(subject[order])[0]
        return self

    @property
    def metric(self) -> Metric:
        """The metric that is optimised: macro F1 instead of F1 if there is no positive class."""
        return "macro_f1" if self.settings.metric == "f1" and self.positive is None else self.settings.metric

    @property
    def findings(self) -> list[Finding]:
        """Warnings about settings that have no effect."""
        if self.positive is not None or self.settings.threshold is None:
            return []
        what = "the threshold is ignored with more than two classes: the most probable class is predicted"
        return [Finding("threshold-unused", what, found=f"--threshold {self.settings.threshold}")]

    def adjust(
        self, uncorrected: Floats, subjects: NDArray[Any] | None, prevalence: Prevalence | None
    ) -> AdjustedPredictions:
        """Return probabilities corrected for a prevalence, pooled over subjects, both, or unchanged.

        The out-of-fold probabilities are adjusted in the same way, and the threshold is chosen again on them.
        """
        if subjects is None and prevalence is None:
            return AdjustedPredictions(uncorrected, self.threshold_, None, [])
        priors = self.priors_
        if prevalence is not None:
            priors = target_priors(prevalence, uncorrected, self.priors_, self.classes, self.positive)
        oof = correct_probability(self.probability_, self.priors_, priors)
        probability = correct_probability(uncorrected, self.priors_, priors)
        if subjects is not None:
            oof, probability = pool_subjects(oof, self.subjects_), pool_subjects(probability, subjects)
        # A class with half the prevalence gets half the weight.
        weights = self.weights_ * (self.one_hot_ @ (priors / self.priors_))
        threshold = self._choose_threshold(oof, self.one_hot_, self.subjects_, weights)
        if prevalence is None:
            return AdjustedPredictions(probability, threshold, None, [])
        class_prevalence = {label: float(prior) for label, prior in zip(self.classes, priors, strict=True)}
        old_threshold = self.adjust(uncorrected, subjects, None).threshold
        interval = self._prevalence_interval(priors, uncorrected, subjects) if prevalence == ESTIMATE else None
        findings = [self._prevalence_finding(priors, threshold, old_threshold, interval)]
        if prevalence == ESTIMATE and priors.min() < _LOW_PREVALENCE:
            what = f"the estimated prevalence of one class is below {_LOW_PREVALENCE:.0%}: probabilities may be wrong"
            hint = "pass a known prevalence, or omit the correction"
            findings.append(Finding("prevalence-at-the-edge", what, hint=hint))
        return AdjustedPredictions(probability, threshold, class_prevalence, findings, interval)

    def assign_classes(self, probability: Floats, index: pd.Index, threshold: float | None) -> pd.DataFrame:
        """Return the predicted class and the probabilities of each recording.

        Returns
        -------
        DataFrame
            `status`, and `probability` of the positive class, or `probability_<class>` for each class.
        """
        if self.positive is not None and threshold is not None:
            p = probability[:, self.classes.index(self.positive)]
            negative = next(label for label in self.classes if label != self.positive)
            status = np.where(p >= threshold, self.positive, negative)
            return pd.DataFrame({"status": status.astype(object), "probability": p}, index=index)
        status = np.array(self.classes, dtype=object)[np.argmax(probability, axis=1)]
        columns = {f"{PROBABILITY_PREFIX}{label}": probability[:, k] for k, label in enumerate(self.classes)}
        return pd.DataFrame({"status": status, **columns}, index=index)

    def supports_level(self, level: float) -> bool:
        """Return whether there were enough subjects in training for label sets with this level."""
        return len(np.unique(self.subjects_[self.weights_ > 0])) >= required_subjects(level)

    def find_label_sets(
        self, uncorrected: Floats, subjects: NDArray[Any] | None, level: float, predicted: Sequence[str]
    ) -> list[tuple[str, ...]]:
        """Return for each row the classes that contain the true one with a given probability, see `LabelSets`.

        Parameters
        ----------
        uncorrected : ndarray, shape [n, K]
            Neither corrected for a prevalence nor pooled.
        subjects : ndarray, shape [n], or None
            Pool the recordings of each subject.
        level : float
        predicted : sequence of str, length n
            The predicted class, which is always in the set: with a low threshold, it may be the less probable one.

        Raises
        ------
        ConfigError
            There were too few subjects in training for the level.
        """
        used = self.weights_ > 0
        sets = LabelSets(level).fit(self.probability_[used], self.one_hot_[used].argmax(axis=1), self.subjects_[used])
        is_in = sets.predict(uncorrected, subjects)
        return [
            tuple(label for label, inside in zip(self.classes, row, strict=True) if inside or label == own)
            for row, own in zip(is_in, predicted, strict=True)
        ]

    def _choose_threshold(
        self, probability: Floats, one_hot: NDArray[np.bool_], subjects: NDArray[Any], weights: Floats
    ) -> float | None:
        if self.positive is None:
            return None
        if self.settings.threshold is not None:
            return self.settings.threshold
        k = self.classes.index(self.positive)
        return choose_threshold(
            probability[:, k],
            one_hot[:, k],
            subjects,
            metric=self.metric,
            seed=self.settings.seed,
            sample_weight=weights,
        )

    def _prevalence_interval(
        self, priors: Floats, probability: Floats, subjects: NDArray[Any] | None
    ) -> dict[str, tuple[float, float]]:
        training = CalibrationRows(self.probability_, self.one_hot_, self.subjects_, self.weights_)
        low, high = prevalence_interval(priors, probability, subjects, self.priors_, training, self.settings.seed)
        return {label: (float(low[k]), float(high[k])) for k, label in enumerate(self.classes)}

    def _prevalence_finding(
        self,
        priors: Floats,
        threshold: float | None,
        old_threshold: float | None,
        interval: dict[str, tuple[float, float]] | None,
    ) -> Finding:
        shown = [k for k, label in enumerate(self.classes) if self.positive in (None, label)]
        target, train = (", ".join(f"{p[k]:.1%} {self.classes[k]}" for k in shown) for p in (priors, self.priors_))
        change = None if threshold is None else f"threshold {threshold:.3f} instead of {old_threshold:.3f}"
        estimated = "a prevalence" if interval is None else "an estimated prevalence"
        ends = {} if interval is None else {k: interval[self.classes[k]] for k in shown}
        uncertain = ", ".join(f"{100 * low:.0f} to {high:.0%} {self.classes[k]}" for k, (low, high) in ends.items())
        in_training = f"{train} in training" if interval is None else f"95% interval {uncertain}; {train} in training"
        what = f"probabilities are corrected to {estimated} of {target} ({in_training})"
        return Finding("prevalence", what, found=change)
