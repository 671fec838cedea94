"""What a model learns: the class of each recording, its score, or both; and its condition, for experts."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.events import check_several_events
from pdmr_classic.io.labels.condition_values import check_condition_column, select_conditions
from pdmr_classic.io.labels.covariates import check_covariates
from pdmr_classic.io.labels.labels import find_status_column, read_weights
from pdmr_classic.io.labels.scales import Scale
from pdmr_classic.io.score_selection import select_scores
from pdmr_classic.models.ensemble.study_storage import trial_conditions
from pdmr_classic.models.severity.target import SeverityTarget, check_severity
from pdmr_classic.models.target_checks import Target, check_target, merge_subjects, select_target
from pdmr_classic.storage.fingerprint import hash_data


@dataclass(frozen=True, eq=False)
class Targets:
    """Validated targets; at least one of class and score.

    Attributes
    ----------
    presence : Target or None
        Classes of the recordings that have one.
    severity : SeverityTarget or None
        Scores; recordings without a score have weight 0.
    conditions : Series of str, or None
        Condition of each recording; "" if it is unknown.
    findings : tuple of Finding
        How the labels were read.
    """

    presence: Target | None = None
    severity: SeverityTarget | None = None
    conditions: pd.Series | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def groups(self) -> pd.Series:
        """Subject of each recording that has any target."""
        if self.severity is not None:
            return self.severity.groups
        assert self.presence is not None
        return self.presence.groups

    def replace_groups(self, groups: pd.Series, requested_folds: int) -> Targets:
        """Return a copy with other subjects.

        Raises
        ------
        DataError
            There are too few subjects.
        """
        presence, severity = self.presence, self.severity
        if presence is not None:
            presence = presence.replace_groups(groups[presence.groups.index], requested_folds)
        if severity is not None:
            severity = severity.replace_groups(groups[severity.groups.index], requested_folds)
        return replace(self, presence=presence, severity=severity)

    def align_conditions(self, index: pd.Index) -> pd.Series | None:
        """Return the conditions of some recordings, in their order."""
        return None if self.conditions is None else self.conditions.reindex(index, fill_value="")


def check_targets(
    status: pd.Series | None,
    groups: pd.Series,
    settings: Settings,
    *,
    severity: pd.Series | None = None,
    scale: Scale | None = None,
    conditions: pd.Series | None = None,
    sample_weight: ArrayLike | None = None,
) -> Targets:
    """Validate classes, scores, subjects, weights and conditions.

    Parameters
    ----------
    status : Series of str, or None
        "" or NaN for recordings without a class.
    groups : Series of str, length n
    settings : Settings
    severity : Series of float, optional
        NaN for recordings without a score.
    scale : Scale, optional
        Of the scores; by default, their range.
    conditions : Series of str, optional
    sample_weight : array-like of float, length n, optional

    Raises
    ------
    DataError, ConfigError
        See `check_target` and `check_severity`; or there is neither a class nor a score.
    """
    status, groups, severity, conditions, sample_weight = align_rows(
        status=status, groups=groups, severity=severity, conditions=conditions, sample_weight=sample_weight
    )
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    _check_lite(settings, learns_score=severity is not None, has_experts=conditions is not None)
    if status is None and severity is None:
        raise DataError("there is nothing to learn", code="no-labels", expected="classes, scores, or both")
    presence = None
    findings: list[Finding] = []
    if severity is not None:
        groups, findings = merge_subjects(groups, pd.Series("", groups.index) if status is None else status.fillna(""))
    if status is not None:
        rows = (status.notna() & (status != "")).to_numpy() if severity is not None else np.ones(len(status), bool)
        presence = check_target(status[rows], groups[rows], settings, None if weights is None else weights[rows])
    target = None
    if severity is not None:
        if scale is None:
            scale = Scale("range", float(severity.min()), float(severity.max()), is_observed=True)
        target = check_severity(severity, groups, scale, settings, weights)
    if conditions is not None:
        conditions = conditions.fillna("").astype(str).str.strip()
    return Targets(presence, target, conditions, tuple(findings))


def select_targets(data: Dataset, settings: Settings) -> tuple[Dataset, Targets]:
    """Return the recordings to learn from, with their validated targets: all that `fit` checks before it reads files.

    Raises
    ------
    DataError, ConfigError
        See `select_target`, `select_scores`, `select_conditions`, `check_covariates` and `check_targets`; or options
        exclude one another.
    """
    check_several_events(data.recordings)
    _check_suppression(data, settings)
    has_experts = settings.learning.experts is not None
    _check_lite(settings, learns_score=settings.data.learns_score, has_experts=has_experts)
    if settings.severity.scale is not None and not settings.data.learns_score:
        raise ConfigError(
            "--scale has no effect without a score to learn", hint="add --target COLUMN or both, or remove --scale"
        )
    if settings.data.learns_score:
        labelled, targets = _select_scored(data, settings)
    else:
        labelled, presence = select_target(data, settings)
        targets = Targets(presence)
    if settings.learning.experts is not None and labelled.labels is not None:
        learned = [] if targets.severity is None else [str(targets.severity.score.name)]
        learned += ["status", find_status_column(labelled.labels)] if "status" in labelled.labels else []
        check_condition_column(labelled.labels, settings.learning.experts, targets.groups, learned)
        conditions, findings = select_conditions(labelled.labels, settings.learning.experts)
        targets = replace(targets, conditions=conditions, findings=(*targets.findings, *findings))
    if settings.data.covariates and labelled.labels is not None:
        findings = _check_covariates(labelled.labels, targets, settings)
        targets = replace(targets, findings=(*targets.findings, *findings))
    return labelled, targets


def _check_covariates(labels: pd.DataFrame, targets: Targets, settings: Settings) -> list[Finding]:
    """Refuse covariates that give the target away; what is in the table is compared even if it is not learned."""
    data, scores = settings.data, targets.severity
    known = {} if scores is None else {str(scores.score.name): scores.score}
    if "status" in labels:
        known["status"] = labels["status"]
    cutoff = None if data.cutoff is None else re.split("[<>=]", data.cutoff)[0].strip()
    reserved = {
        **{"--label-column": data.label_column, "--cutoff": cutoff, "--weights": data.weights, "--groups": data.groups},
        **{"--target": data.target if data.learns_score else None, "--score-column": data.score_column},
        **{"--experts": settings.learning.experts, "--events": data.events, "--baseline": data.baseline},
    }
    return check_covariates(labels, data.covariates, targets.groups, known, reserved)


def _check_suppression(data: Dataset, settings: Settings) -> None:
    if settings.learning.suppress_identity and any(recording.events for recording in data.recordings):
        raise ConfigError(
            "--suppress-identity needs several recordings of a person as rows; with --events each person is one row",
            expected="--suppress-identity or --events",
            found="both",
            hint="drop --suppress-identity, or learn on recordings, without --events",
        )


def _check_lite(settings: Settings, *, learns_score: bool, has_experts: bool) -> None:
    if settings.learning.lite and (learns_score or has_experts):
        found = "--target with a score" if learns_score else "--experts"
        raise ConfigError(
            "a lite model (--lite) learns classes only, without experts",
            expected="--target status, without --experts",
            found=found,
            hint=f"drop --lite or {found}",
        )


def _select_scored(data: Dataset, settings: Settings) -> tuple[Dataset, Targets]:
    labelled, scores, scale, findings = select_scores(data, settings)
    assert labelled.groups is not None
    # A data set that was loaded without these settings has classes, although only the score is to be learned.
    status = labelled.status if settings.data.learns_status else None
    weights = read_weights(labelled.labels, settings.data.weights)
    targets = check_targets(status, labelled.groups, settings, severity=scores, scale=scale, sample_weight=weights)
    return labelled, replace(targets, findings=(*targets.findings, *findings))


def fingerprint_data(
    features: pd.DataFrame, targets: Targets, weights: Floats | None = None, rows: Mask | None = None
) -> str:
    """Return the hash of features, labels, subjects and weights, by which a model and an evaluation know their data.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        Of the recordings in `targets.groups`, in the same order.
    targets : Targets
    weights : ndarray, shape [n], optional
        Sample weights; default: those of the targets.
    rows : ndarray of bool, shape [n], optional
        The rows to hash; default: all.
    """
    target = targets.presence or targets.severity
    assert target is not None
    values = target.status if isinstance(target, Target) else target.score
    used = pd.Series(True if rows is None else rows, features.index)[values.index].to_numpy()
    chosen: Floats = target.weights
    if weights is not None:
        chosen = np.asarray(pd.Series(weights, features.index)[values.index], dtype=np.float64)
    table = features if used.all() and len(used) == len(features) else features.loc[values.index[used]]
    return hash_data(table, values[used], target.groups[used], chosen[used])


def fingerprint_fit(features: pd.DataFrame, targets: Targets, settings: Settings) -> str:
    """Return the hash of data and settings by which an interrupted fit recognises its trials."""
    presence, severity = targets.presence, targets.severity
    conditions = trial_conditions(settings)
    if severity is None:
        assert presence is not None
        return hash_data(features, presence.status, presence.groups, presence.weights, settings=conditions)
    extra = [] if presence is None else ["\n".join(map(str, [*presence.status.index, *presence.status])).encode()]
    return hash_data(features, severity.score, severity.groups, severity.weights, settings=conditions, extra=extra)
