"""`Predictor`: predicts the class, the score, or both, of the rows of a feature table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.io.labels.classes import NEGATIVE, POSITIVE
from pdmr_classic.models._fit_presence import fit_presence
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.decision.decision import Decision
from pdmr_classic.models.decision.prevalence import Prevalence
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.ensemble.study_storage import StudySource as StudySource
from pdmr_classic.models.ensemble.study_storage import open_studies
from pdmr_classic.models.presence import Presence
from pdmr_classic.models.severity.model import SeverityModel
from pdmr_classic.models.severity.status import derive_status
from pdmr_classic.models.targets import Targets, fingerprint_fit
from pdmr_classic.progress import Reporter


@dataclass(frozen=True, eq=False)
class RawPredictions:
    """What the stacks predict, before thresholds, intervals and pooling.

    Attributes
    ----------
    probability : ndarray, shape [n, K], or None
        Of the classes.
    scores : ndarray, shape [n], or None
    """

    probability: Floats | None
    scores: Floats | None

    @property
    def is_usable(self) -> Mask:
        """Whether everything could be predicted, shape [n]: a recording without a trained modality has NaN."""
        parts = [part for part in (self.probability, self.scores) if part is not None]
        return np.asarray(np.isfinite(np.column_stack(parts)).all(axis=1))

    def select(self, rows: Mask) -> RawPredictions:
        """Return the predictions of some rows."""
        probability = None if self.probability is None else self.probability[rows]
        return RawPredictions(probability, None if self.scores is None else self.scores[rows])


@dataclass(frozen=True)
class AnswerOptions:
    """How to turn raw predictions into answers.

    Attributes
    ----------
    subjects : ndarray, shape [n], or None
        Pool the recordings of each subject.
    prevalence : Prevalence or None
        Correct the probabilities for it.
    threshold : float or None
        Of the positive class, where recordings are neither pooled nor corrected.
    label_sets : bool
        Add the set of labels that contains the true one.
    """

    subjects: NDArray[Any] | None = None
    prevalence: Prevalence | None = None
    threshold: float | None = None
    label_sets: bool = False


@dataclass(frozen=True, eq=False)
class Predictor:
    """A fitted stack of classes, of scores, or both.

    Attributes
    ----------
    presence : Presence or None
        Predicts the class; without it, the class follows from the score and the clinical cut-off.
    severity : SeverityModel or None
        Predicts the score.
    level : float
        Probability that a label set contains the true label.
    """

    presence: Presence | None
    severity: SeverityModel | None
    level: float

    @property
    def classes(self) -> list[str]:
        """The classes that can be predicted; empty for a score without clinical cut-off."""
        if self.presence is not None:
            return self.presence.decision.classes
        return [POSITIVE, NEGATIVE] if self._has_clinical_cutoff else []

    @property
    def positive(self) -> str | None:
        """The positive class of F1; None with more than two classes, or without any."""
        if self.presence is not None:
            return self.presence.decision.positive
        return POSITIVE if self._has_clinical_cutoff else None

    @property
    def _has_clinical_cutoff(self) -> bool:
        return self.severity is not None and self.severity.scale_.clinical_cutoff is not None

    @property
    def oof(self) -> pd.DataFrame:
        """Out-of-fold predictions of the training recordings: of the classes, or without them of the scores."""
        if self.presence is not None:
            return self.presence.oof
        return pd.DataFrame() if self.severity is None else self.severity.oof_

    @property
    def has_label_sets(self) -> bool:
        """Whether a prediction has a label set: with a score, if enough training subjects had a class."""
        if self.severity is None or self.presence is None:
            return self._has_clinical_cutoff
        return self.presence.decision.supports_level(self.level)

    def collect_metadata(self, feature_names: list[str]) -> dict[str, Any]:
        """Return the content of the manifest."""
        if self.severity is None:
            return {} if self.presence is None else self.presence.metadata
        severity = self.severity.metadata_
        counts = {name: severity[name] for name in ("classes", "n_recordings", "n_subjects", "contains_training_rows")}
        plugins = {"plugins": severity["plugins"]} if "plugins" in severity else {}
        alone = {"positive": self.positive, "features": feature_names, **counts, **plugins}
        metadata = alone if self.presence is None else dict(self.presence.metadata)
        metadata["contains_training_rows"] |= severity["contains_training_rows"]
        return metadata | {"severity": severity}

    def predict_raw(self, table: pd.DataFrame, conditions: pd.Series | None = None) -> RawPredictions:
        """Predict rows with the columns of the training table; conditions are matched by its index."""
        scores = None if self.severity is None else self.severity.predict_scores(table, conditions)
        if self.presence is None:
            return RawPredictions(None, scores)
        columns = None
        if self.severity is not None and scores is not None and self.presence.uses_severity:
            columns = self.severity.predict_columns(table, scores)
        return RawPredictions(self.presence.predict_proba(table, columns, conditions), scores)

    def find_unseen(self, conditions: pd.Series) -> list[Finding]:
        """Return a finding if there are conditions that training never saw."""
        parts = (self.presence.experts if self.presence else None, self.severity.experts_ if self.severity else None)
        unseen = [experts.find_unseen(conditions) for experts in parts if experts is not None]
        return [] if not all(unseen) else list(dict.fromkeys(finding for findings in unseen for finding in findings))

    def find_ignored(self, table: pd.DataFrame) -> list[Finding]:
        """Return a finding if recordings have modalities that their prediction cannot use."""
        X = table.to_numpy(dtype=np.float64)
        if self.presence is None:
            return [] if self.severity is None else self.severity.stacker_.find_ignored(X)
        stacker = self.presence.stacker  # None in a saved lite model
        return [] if stacker is None else stacker.find_ignored(X)

    def describe(
        self, raw: RawPredictions, index: pd.Index, options: AnswerOptions, reporter: Reporter
    ) -> pd.DataFrame:
        """Return classes and probabilities, and the score with its interval and class.

        Returns
        -------
        DataFrame
            See `DepressionModel.predict`; `attrs` has the `positive` class, the `threshold`, and what was pooled or
            corrected.
        """
        described = None
        if self.severity is not None and raw.scores is not None:
            described = self.severity.describe(raw.scores, index, options.subjects)
        if self.presence is not None and raw.probability is not None:
            predictions = self._classify(self.presence, raw.probability, index, options, reporter)
            if described is not None:
                predictions = predictions.assign(**{str(name): described[name] for name in described})
        elif self.severity is not None and described is not None:
            predictions = derive_status(described, self.severity.scale_)
            predictions.attrs |= {"positive": self.positive, "threshold": None}
        else:
            raise ValueError("raw predictions must come from this predictor")
        if "label_set" in predictions or described is not None:
            predictions.attrs["level"] = self.level
        if options.subjects is not None:
            predictions.attrs["n_subjects"] = len(set(options.subjects))
        return predictions

    def _classify(
        self, presence: Presence, probability: Floats, index: pd.Index, options: AnswerOptions, reporter: Reporter
    ) -> pd.DataFrame:
        decision = presence.decision
        adjusted = decision.adjust(probability, options.subjects, options.prevalence)
        # Without pooling or correction, the model's own threshold applies (a user may have changed it).
        is_default = options.subjects is None and options.prevalence is None
        threshold = options.threshold if is_default else adjusted.threshold
        for finding in adjusted.findings:
            reporter.note(finding)
        predictions = decision.assign_classes(adjusted.probability, index, threshold)
        predictions.attrs |= {"positive": self.positive, "threshold": threshold}
        if adjusted.prevalence is not None:
            predictions.attrs["prevalence"] = adjusted.prevalence
        if adjusted.prevalence_interval is not None:
            predictions.attrs["prevalence_interval"] = adjusted.prevalence_interval
        if options.label_sets or (options.prevalence is None and self.has_label_sets):
            sets = decision.find_label_sets(probability, options.subjects, self.level, predictions["status"].tolist())
            predictions["label_set"] = pd.Series(sets, index=index, dtype=object)
        return predictions

    def anonymise(self) -> Predictor:
        """Return a copy without the rows that could be traced to a recording by their id or their order."""
        presence = None if self.presence is None else self.presence.anonymise()
        return replace(self, presence=presence, severity=None if self.severity is None else self.severity.anonymise())


def fit_predictor(
    features: pd.DataFrame,
    targets: Targets,
    settings: Settings,
    *,
    jobs: int,
    studies: StudySource | None,
    reporter: Reporter,
) -> Predictor:
    """Fit the stack of scores, if scores are learned, and then that of classes, which may use predicted scores.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        Of the recordings in `targets.groups`, in the same order.
    targets : Targets
    settings : Settings
    jobs : int
        Number of processes. The result does not depend on it.
    studies : StudySource or None
        Stores the trials.
    reporter : Reporter

    Raises
    ------
    DataError
        The table has no usable column, or contains labels.
    """
    if studies is not None and not isinstance(studies, Path):
        reporter.note(studies.timing_note)
    severity, presence = None, None
    with open_studies(studies, fingerprint_fit(features, targets, settings)) as storage:
        if targets.severity is not None:
            severity = SeverityModel(settings).fit(
                features,
                targets.severity,
                conditions=targets.align_conditions(features.index),
                jobs=jobs,
                storage=storage,
                reporter=reporter,
            )
        if targets.presence is not None:
            labelled = targets.presence.status.index
            presence = fit_presence(
                targets.presence.select_rows(features),
                targets.presence,
                settings,
                severity=None if severity is None else severity.oof_columns(labelled),
                conditions=targets.align_conditions(labelled),
                jobs=jobs,
                storage=storage,
                reporter=reporter,
            )
    return Predictor(presence, severity, settings.severity.level)


class HasPredictor:
    """The parts of a fitted model, by the names of its documentation."""

    predictor_: Predictor

    @property
    def stacker_(self) -> GroupedStacker:
        """The stack of classes; a saved lite model has only `lite_`."""
        if self._presence.stacker is None:
            raise AttributeError("a saved lite model has no stacker_, only lite_")
        return self._presence.stacker

    @property
    def lite_(self) -> CompiledStack | None:
        """The stack of a lite model, which predicts rows of numbers without pandas."""
        return self._presence.lite

    @property
    def decision_(self) -> Decision:
        """The decision rule of the classes."""
        return self._presence.decision

    @property
    def has_experts(self) -> bool:
        """Whether conditions have their own stacks."""
        presence, severity = self.predictor_.presence, self.predictor_.severity
        return any(part is not None for part in (presence and presence.experts, severity and severity.experts_))

    @property
    def has_view_gate(self) -> bool:
        """Whether the modalities of each recording are weighed."""
        return self.predictor_.presence is not None and self.predictor_.presence.uses_gate

    @property
    def learns_status(self) -> bool:
        """Whether classes were learned; otherwise they follow from the score, if it has a clinical cut-off."""
        return self.predictor_.presence is not None

    @property
    def severity_(self) -> SeverityModel | None:
        """The model of the score, if one was learned."""
        return self.predictor_.severity

    @property
    def _presence(self) -> Presence:
        if self.predictor_.presence is None:
            raise AttributeError("the model learned a score, and no classes")
        return self.predictor_.presence
