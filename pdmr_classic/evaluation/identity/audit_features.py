"""`audit_features`: what a feature table, and a model on it, reveal about people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import joblib
import numpy as np
import pandas as pd

from pdmr_classic import __version__
from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Mask
from pdmr_classic.config import Settings
from pdmr_classic.environment import describe_environment
from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.identity._attributes import binary_targets
from pdmr_classic.evaluation.identity._conclusions import conclude, list_limits
from pdmr_classic.evaluation.identity._rows import Rows, make_subject_folds
from pdmr_classic.evaluation.identity._situations import AttackTable, Situation, run_situation
from pdmr_classic.evaluation.identity._summary import summarise
from pdmr_classic.io.labels.subject_ids import merge_spellings
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.plugins import share_plugins
from pdmr_classic.progress import LogReporter, Reporter, announce, shows_progress
from pdmr_classic.text import format_count

SCHEMA = "pdmr-classic/audit/1"
# Enough to see what a model reveals; a study would take hours.
CHEAP: dict[str, Any] = {"trials": 1, "repeats": 1, "folds": 3, "learners": ("lightgbm", "svm"), "importance": False}


_N_MODELS = 2
# Fewer are too few to learn from: then attackers learn from the people that the model was trained on.
_MIN_FRESH = 16
_MIN_CLASS_SUBJECTS = 4


@shows_progress
def audit_features(
    features: pd.DataFrame,
    groups: pd.Series,
    status: pd.Series | None = None,
    *,
    attributes: Mapping[str, pd.Series] | None = None,
    halves: Sequence[pd.DataFrame] | None = None,
    model: DepressionModel | None = None,
    in_training: pd.Series | None = None,
    settings: Settings | None = None,
    jobs: int = 1,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Attack a feature table and a model: verification, re-identification, membership and attributes.

    Without `model`, models are trained on the subjects of each half of the table (of larger parts, with fewer than 32
    subjects), if there are labels of several classes. Attackers attack people that the model was not trained on, and
    learn from other such people, by grouped folds; with fewer than 16, from those that the model was trained on.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        As returned by `FeatureExtractor`; NaN for a missing modality.
    groups : Series of str, length n
        Subject of each row.
    status : Series of str, length n, optional
        Label of each row; pairs are within one label. Without it, all rows are paired.
    attributes : mapping of str to Series of str, optional
        Columns to infer; "" if it is unknown.
    halves : sequence of two DataFrames, shape [n, F], optional
        Features of the first and of the second half of each recording: attack these instead of recordings.
    model : DepressionModel, optional
        Fitted.
    in_training : Series of bool, length n, optional
        Which rows the model was trained on; default: none.
    settings : Settings, optional
        Of the models that are trained, and the seed. Settings of learning that are default become cheap ones.
    jobs : int
        Number of processes. The result does not depend on it.

    Returns
    -------
    dict
        JSON-serialisable, `schema` "pdmr-classic/audit/1", without names of recordings or subjects: `representations`
        (each with `verification`, `identification` and `attributes`), `stored`, `membership`, `conclusion` and `limits`
        (sentences). An estimate has `value`, `low`, `high` (95% interval) and `chance`, and if there is none, `reason`.

    Raises
    ------
    DataError
        There are too few subjects to attack, or the indexes differ.
    ConfigError
        An attribute has too many values.

    Notes
    -----
    In each fold, the attacker and the form of a representation (such as the member of a model) are chosen by the AUC
    of pairs of unseen training subjects, so that the AUC of the attacked subjects is not the maximum of several.
    Intervals: bootstrap of subjects. Each subject counts equally.
    """
    settings = settings or Settings()
    features, groups, status, in_training = align_rows(
        features=features, groups=groups, status=status, in_training=in_training
    )
    trains = model is None and status is not None and _can_train(status, groups)
    table = _make_table(features, groups, status, attributes or {}, halves, in_training)
    seed = settings.learning.seed
    situations = _plan(table, seed, trains=trains, has_model=model is not None)
    reporter = reporter or LogReporter()
    n_attacked = sum(len(part.splits) for part in situations)
    models = f", after training {format_count(len(situations), 'model')}" if trains else ""
    announce(reporter, f"to run: attacks on {format_count(n_attacked, 'fold')} of subjects{models}")
    reporter.progress("attacks", 0, len(situations))
    parallel = joblib.Parallel(n_jobs=min(joblib.effective_n_jobs(jobs), len(situations)), return_as="generator")
    own = use_cheap_settings(settings) if trains else None
    attack = joblib.delayed(share_plugins(run_situation))
    outcomes = []
    for outcome in parallel(attack(table, part, model, own, seed) for part in situations):
        outcomes.append(outcome)
        reporter.progress("attacks", len(outcomes), len(situations))
    attacked = np.concatenate([table.rows.subject[test] for part in situations for _, test in part.splits])
    audit: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "environment": describe_environment(),
        "n_recordings": len(features),
        "n_subjects": table.n_subjects,
        "n_attacked_subjects": len(np.unique(attacked)),
        "has_labels": status is not None,
        "unit": "recordings" if halves is None else "halves",
        "model": "trained" if trains else ("given" if model is not None else "none"),
        "n_models": len(situations),
        "attackers_learn_from": _describe_teachers(situations, has_any_model=trains or model is not None),
        **summarise(outcomes, table.n_subjects, seed),
    }
    return {**audit, "conclusion": conclude(audit), "limits": list_limits(audit)}


def _can_train(status: pd.Series, groups: pd.Series) -> bool:
    """Return whether models can be trained on parts of the subjects: each class needs several in each part."""
    counts = groups.groupby(status.to_numpy(dtype=str)).nunique()
    return len(counts) > 1 and int(counts.min()) >= _MIN_CLASS_SUBJECTS


def _describe_teachers(situations: Sequence[Situation], *, has_any_model: bool) -> str:
    """Return whose recordings attackers learn from."""
    if not has_any_model:
        return "other people"
    in_sample = any(part.in_sample for part in situations)
    return "people that the model was trained on" if in_sample else "other people that the model was not trained on"


def use_cheap_settings(settings: Settings) -> Settings:
    """Return settings with fewer trials, folds and learners, except those that were set."""
    default = Settings().learning
    changes = {
        name: value for name, value in CHEAP.items() if getattr(settings.learning, name) == getattr(default, name)
    }
    return settings.override({f"learning.{name}": value for name, value in changes.items()})


def _make_table(
    features: pd.DataFrame,
    groups: pd.Series,
    status: pd.Series | None,
    attributes: Mapping[str, pd.Series],
    halves: Sequence[pd.DataFrame] | None,
    in_training: pd.Series | None,
) -> AttackTable:
    status = pd.Series("", groups.index) if status is None else status
    subject = np.unique(merge_spellings(groups).astype(str), return_inverse=True)[1]
    recordings = Rows(subject, np.unique(status.to_numpy(dtype=str), return_inverse=True)[1])
    targets = {
        name if len(parts) == 1 else f"{name} ({value})": values
        for name, column in attributes.items()
        for parts in [binary_targets(column.loc[features.index].rename(name), recordings)]
        for value, values in parts.items()
    }
    attacked, places = features, np.arange(len(features))
    if halves is not None:
        attacked = pd.concat([half.loc[features.index] for half in halves], ignore_index=True)
        places = np.tile(places, len(halves))
    members: Mask = np.zeros(len(features), dtype=bool) if in_training is None else in_training.to_numpy(dtype=bool)
    return AttackTable(
        attacked=attacked,
        rows=recordings.select(places),
        attributes={name: values[places] for name, values in targets.items()},
        features=features,
        recordings=recordings,
        status=status,
        groups=groups,
        is_member=members,
    )


def _plan(table: AttackTable, seed: int, *, trains: bool, has_model: bool) -> list[Situation]:
    """Return one situation for each model."""
    subject = table.recordings.subject
    if not trains:
        return [_plan_attacks(table, np.isin(subject, subject[table.is_member]), seed, has_model=has_model)]
    n_models = _N_MODELS if len(np.unique(subject)) >= _N_MODELS * _MIN_FRESH else None
    _check_subjects(len(np.unique(subject)), has_model=False)
    return [
        _plan_attacks(table, np.isin(subject, subject[train]), seed, has_model=False)
        for train, _ in make_subject_folds(table.recordings, seed, n_models)
    ]


def _plan_attacks(table: AttackTable, members: Mask, seed: int, *, has_model: bool) -> Situation:
    """Return the attacks on people that a model was not trained on.

    Attackers learn from other such people, if there are enough. On its training recordings, a model, or a suppression
    of habits, behaves in another way than on new people; what attackers learn there may not work on these.
    """
    known = np.isin(table.rows.subject, table.recordings.subject[members])
    unseen = np.flatnonzero(~known)
    n_subjects = len(np.unique(table.rows.subject[unseen]))
    if known.any() and n_subjects < _MIN_FRESH:
        _check_subjects(n_subjects, at_least=2, has_model=has_model)
        return Situation(members, [(np.flatnonzero(known), unseen)], in_sample=True)
    _check_subjects(n_subjects, has_model=has_model)
    folds = make_subject_folds(table.rows.select(unseen), seed)
    return Situation(members, [(unseen[train], unseen[test]) for train, test in folds])


def _check_subjects(n_subjects: int, *, has_model: bool, at_least: int = 4) -> None:
    if n_subjects < at_least:
        raise DataError(
            "too few people to attack",
            code="too-few-groups",
            expected=f"at least {at_least} subjects" + (" that the model was not trained on" if has_model else ""),
            found=str(n_subjects),
            hint="check --groups and the column subject_id, or add recordings of other people",
        )
