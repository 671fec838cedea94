"""How the systems of an evaluation are read, scored and compared: predicted classes, and predicted severities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from pdmr_classic.arrays import Floats
from pdmr_classic.evaluation.held_out_rows import Rows
from pdmr_classic.evaluation.intervals import bootstrap_scores, count_rarest_class_subjects, weighted_scores
from pdmr_classic.evaluation.predictions import CLASSES, Predictions
from pdmr_classic.evaluation.severity.intervals import (
    bootstrap_severity,
    count_subject_pairs,
    find_severity_limits,
    weighted_severity_scores,
)
from pdmr_classic.evaluation.severity.predictions import SEVERITY, SeverityPredictions, read_severity_systems
from pdmr_classic.evaluation.stored_systems import read_systems
from pdmr_classic.evaluation.system_scores import find_limits, main_score
from pdmr_classic.io.labels.scales import describe_range

Drawn = dict[str, Floats]


@dataclass(frozen=True)
class Scoring(Generic[Rows]):
    """What comparisons need to know about a kind of predictions.

    Attributes
    ----------
    key : str
        Key of these predictions in an evaluation that has them.
    scores : tuple of str
        Scores to compare.
    default_systems : tuple of str
        What is compared within a single evaluation, see `compare`.
    truth : str
        What the true values are called.
    read_systems : callable
        Returns the predictions of each system in an evaluation.
    winner_scores : callable
        Returns the scores by which the best system is chosen, the main score first; higher is better.
    lowest : float
        The lowest possible value of these scores; the highest is 1.
    weigh : callable
        Returns the scores of weighted rows.
    bootstrap : callable
        Returns the scores, followed by those of bootstrap samples.
    find_limits : callable
        Returns the interval of a score.
    count_subjects : callable
        Returns the number of subjects that limits the precision of a score.
    describe : callable
        Returns what must be equal for predictions to be paired.
    """

    key: str
    scores: tuple[str, ...]
    default_systems: tuple[str, ...]
    truth: str
    read_systems: Callable[[Mapping[str, Any]], dict[str, Rows]]
    winner_scores: Callable[[Rows], tuple[str, ...]]
    lowest: float
    weigh: Callable[[Rows, Floats], Drawn]
    bootstrap: Callable[[Rows], Drawn]
    find_limits: Callable[[Rows, str, Floats], dict[str, float | None]]
    count_subjects: Callable[[Rows, str], int]
    describe: Callable[[Rows], str]


def _describe_classes(predictions: Predictions) -> str:
    return ", ".join(predictions.classes) + (f" (positive: {predictions.positive})" if predictions.positive else "")


def _describe_scale(predictions: SeverityPredictions) -> str:
    scale = predictions.scale
    return f"{describe_range(scale.name, scale.low, scale.high)}, {scale.n_classes} classes"


CLASS_SCORING: Scoring[Predictions] = Scoring(
    key=CLASSES,
    scores=("f1", "macro_f1", "auc", "brier"),
    default_systems=("model", "view", "member"),
    truth="labels",
    read_systems=read_systems,
    winner_scores=lambda predictions: (main_score(predictions.positive), "auc"),
    lowest=0.0,
    weigh=weighted_scores,
    bootstrap=bootstrap_scores,
    find_limits=find_limits,
    count_subjects=lambda predictions, name: count_rarest_class_subjects(predictions),
    describe=_describe_classes,
)
SEVERITY_SCORING: Scoring[SeverityPredictions] = Scoring(
    key=SEVERITY,
    scores=("mae", "rmse", "ccc", "pearson", "spearman", "quadratic_kappa", "linear_kappa", "accuracy", "macro_f1"),
    default_systems=("model", "without", "mean", "view", "member"),
    truth="scores",
    read_systems=read_severity_systems,
    winner_scores=lambda predictions: ("ccc",),
    lowest=-1.0,
    weigh=weighted_severity_scores,
    bootstrap=bootstrap_severity,
    find_limits=find_severity_limits,
    count_subjects=count_subject_pairs,
    describe=_describe_scale,
)
