"""From probabilities to an answer: whose recordings speak together, how frequent classes are, which threshold calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.config import LearningSettings, Metric
from pdmr_classic.errors import Finding
from pdmr_classic.models.decision.pooling import pooled
from pdmr_classic.models.decision.prevalence import ESTIMATE, Prevalence, corrected, wanted_shares
from pdmr_classic.models.decision.threshold import best_threshold

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
    probability : ndarray, shape [n, K]
        Calibrated, out-of-fold.
    truth : ndarray of str, shape [n]
    subjects : ndarray, shape [n]
    weights : ndarray, shape [n]
    classes : list of str
        In the order of the columns.
    positive : str or None
    settings : LearningSettings
        `metric`, `threshold`, `seed`.

    Attributes
    ----------
    shares : ndarray, shape [K]
        Weighted shares of the classes in training.
    threshold : float or None
        For these shares, recording by recording.
    """

    def __init__(
        self,
        probability: Floats,
        truth: NDArray[Any],
        subjects: NDArray[Any],
        weights: Floats,
        *,
        classes: list[str],
        positive: str | None,
        settings: LearningSettings,
    ) -> None:
        self.probability, self.weights = probability, weights
        self.is_of_class = np.array(classes, dtype=object) == truth[:, None]
        self.subjects = np.unique(subjects, return_inverse=True)[1]
        self.classes, self.positive, self.settings = classes, positive, settings
        self.shares = weights @ self.is_of_class / weights.sum()
        self.threshold = self._threshold(probability, weights)
        self._forget_who()

    def _forget_who(self) -> None:
        """Order rows by what they say, and number subjects in that order.

        These rows are saved. Rows and numbers in the order of names would tell whoever has a list of the names, such as
        a folder's, which of them is whose.
        """
        order = np.lexsort(self.probability.T)
        self.probability, self.weights = self.probability[order], self.weights[order]
        self.is_of_class = self.is_of_class[order]
        self.subjects = pd.factorize(self.subjects[order])[0]

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
            return Answers(probability, self.threshold, None, [])
        shares = self.shares
        if prevalence is not None:
            shares = wanted_shares(prevalence, probability, self.shares, self.classes, self.positive)
        ours = corrected(self.probability, self.shares, shares)
        theirs = corrected(probability, self.shares, shares)
        if subjects is not None:
            ours, theirs = pooled(ours, self.subjects), pooled(theirs, subjects)
        # A class that is half as frequent there is counted half.
        threshold = self._threshold(ours, self.weights * (self.is_of_class @ (shares / self.shares)))
        if prevalence is None:
            return Answers(theirs, threshold, None, [])
        named = {label: float(share) for label, share in zip(self.classes, shares, strict=True)}
        told = [self._told(shares, threshold, self.answer(probability, subjects, None).threshold)]
        if prevalence == ESTIMATE and shares.min() < _BARELY:
            what = "the estimated prevalence leaves next to nobody to a class: probabilities may not fit these people"
            told.append(Finding("prevalence-at-the-edge", what, mend="pass a share that is known, or leave it out"))
        return Answers(theirs, threshold, named, told)

    def _threshold(self, probability: Floats, weights: Floats) -> float | None:
        if self.positive is None:
            return None
        if self.settings.threshold is not None:
            return self.settings.threshold
        place = self.classes.index(self.positive)
        return best_threshold(
            probability[:, place],
            self.is_of_class[:, place],
            self.subjects,
            metric=self.metric,
            seed=self.settings.seed,
            sample_weight=weights,
        )

    def _told(self, shares: Floats, threshold: float | None, before: float | None) -> Finding:
        places = [place for place, label in enumerate(self.classes) if self.positive in (None, label)]
        there, here = (
            ", ".join(f"{self.classes[place]} {some[place]:.1%}" for place in places) for some in (shares, self.shares)
        )
        moved = None if threshold is None else f"threshold {threshold:.3f} instead of {before:.3f}"
        return Finding("prevalence", f"probabilities are for {there} instead of {here} in training", found=moved)
