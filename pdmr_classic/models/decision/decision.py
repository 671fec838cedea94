"""From probabilities to an answer: whose recordings speak together, how frequent classes are, which threshold calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.config import LearningSettings, Metric
from pdmr_classic.errors import Finding
from pdmr_classic.io.results import PROBABILITY_PREFIX
from pdmr_classic.models.decision.pooling import pool_subjects
from pdmr_classic.models.decision.prevalence import ESTIMATE, Prevalence, correct_probability, target_shares
from pdmr_classic.models.decision.threshold import choose_threshold

_BARELY = 0.02


@dataclass(frozen=True, eq=False)
class Answers:
    """Probabilities after every adjustment, and what was in force.

    Attributes
    ----------
    probability : ndarray, shape [n, K]
    threshold : float or None
        None with several classes: the most probable one is called.
    shares : dict of str to float, or None
        Of the classes, where probabilities were corrected for them.
    findings : list of Finding
    """

    probability: Floats
    threshold: float | None
    shares: dict[str, float] | None
    findings: list[Finding]


class Decision:
    """What a model calls positive; it keeps the out-of-fold rows, nameless, to choose anew for other circumstances.

    Parameters
    ----------
    classes : list of str
        In the order of the columns of probabilities.
    positive : str or None
    settings : LearningSettings
        `metric`, `threshold`, `seed`.

    Attributes
    ----------
    shares_ : ndarray, shape [K]
        Weighted shares of the classes in training.
    threshold_ : float or None
        For these shares, recording by recording.
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
        is_of_class = np.array(self.classes, dtype=object) == truth[:, None]
        subject = np.unique(subjects, return_inverse=True)[1]
        self.shares_ = weights @ is_of_class / weights.sum()
        self.threshold_ = self._threshold(probability, is_of_class, subject, weights)
        # These rows are saved. In the order of names, or with subjects numbered in it, they would tell whoever has a
        # list of the names, such as a folder's, which of them is whose: they are ordered by what they say.
        order = np.lexsort(probability.T)
        self.probability_, self.weights_ = probability[order], weights[order]
        self.is_of_class_ = is_of_class[order]
        self.subjects_ = pd.factorize(subject[order])[0]
        return self

    @property
    def metric(self) -> Metric:
        """The metric in force: F1 is that of a positive class, which several classes have not."""
        return "macro_f1" if self.settings.metric == "f1" and self.positive is None else self.settings.metric

    @property
    def findings(self) -> list[Finding]:
        """What was asked for and has no effect."""
        if self.positive is not None or self.settings.threshold is None:
            return []
        what = "a threshold means nothing to several classes: the most probable one is called"
        return [Finding("threshold-unused", what, found=f"--threshold {self.settings.threshold}")]

    def answer(self, probability: Floats, subjects: NDArray[Any] | None, prevalence: Prevalence | None) -> Answers:
        """Return probabilities as they are, or corrected for a prevalence, pooled over subjects, or both.

        Whatever changes the probabilities changes the out-of-fold ones alike, on which the threshold is chosen anew.
        """
        if subjects is None and prevalence is None:
            return Answers(probability, self.threshold_, None, [])
        shares = self.shares_
        if prevalence is not None:
            shares = target_shares(prevalence, probability, self.shares_, self.classes, self.positive)
        ours = correct_probability(self.probability_, self.shares_, shares)
        theirs = correct_probability(probability, self.shares_, shares)
        if subjects is not None:
            ours, theirs = pool_subjects(ours, self.subjects_), pool_subjects(theirs, subjects)
        # A class that is half as frequent there is counted half.
        weights = self.weights_ * (self.is_of_class_ @ (shares / self.shares_))
        threshold = self._threshold(ours, self.is_of_class_, self.subjects_, weights)
        if prevalence is None:
            return Answers(theirs, threshold, None, [])
        named = {label: float(share) for label, share in zip(self.classes, shares, strict=True)}
        findings = [self._corrected(shares, threshold, self.answer(probability, subjects, None).threshold)]
        if prevalence == ESTIMATE and shares.min() < _BARELY:
            what = "the estimated prevalence leaves next to nobody to a class: probabilities may not fit these people"
            findings.append(Finding("prevalence-at-the-edge", what, hint="pass a share that is known, or leave it out"))
        return Answers(theirs, threshold, named, findings)

    def labelled(self, probability: Floats, index: pd.Index, threshold: float | None) -> pd.DataFrame:
        """Return probabilities with the classes that they call.

        Returns
        -------
        DataFrame
            `status`, and `probability` of the positive class, or `probability_<class>` of each.
        """
        if self.positive is not None and threshold is not None:
            p = probability[:, self.classes.index(self.positive)]
            negative = next(label for label in self.classes if label != self.positive)
            status = np.where(p >= threshold, self.positive, negative)
            return pd.DataFrame({"status": status.astype(object), "probability": p}, index=index)
        best = np.array(self.classes, dtype=object)[np.argmax(probability, axis=1)]
        columns = {f"{PROBABILITY_PREFIX}{label}": probability[:, k] for k, label in enumerate(self.classes)}
        return pd.DataFrame({"status": best, **columns}, index=index)

    def _threshold(
        self, probability: Floats, is_of_class: NDArray[np.bool_], subjects: NDArray[Any], weights: Floats
    ) -> float | None:
        if self.positive is None:
            return None
        if self.settings.threshold is not None:
            return self.settings.threshold
        place = self.classes.index(self.positive)
        return choose_threshold(
            probability[:, place],
            is_of_class[:, place],
            subjects,
            metric=self.metric,
            seed=self.settings.seed,
            sample_weight=weights,
        )

    def _corrected(self, shares: Floats, threshold: float | None, before: float | None) -> Finding:
        places = [place for place, label in enumerate(self.classes) if self.positive in (None, label)]
        there, here = (
            ", ".join(f"{self.classes[place]} {some[place]:.1%}" for place in places) for some in (shares, self.shares_)
        )
        moved = None if threshold is None else f"threshold {threshold:.3f} instead of {before:.3f}"
        return Finding("prevalence", f"probabilities are for {there} instead of {here} in training", found=moved)
