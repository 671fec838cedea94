"""`audit`: whether identity is gone from the recordings of a data set, and from a model of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.config import DataSettings, Settings
from pdmr_classic.errors import ConfigError, Finding
from pdmr_classic.evaluation.identity._attributes import can_infer, select_attributes
from pdmr_classic.evaluation.identity._halves import extract_halves
from pdmr_classic.evaluation.identity._parts import (
    Part,
    concatenate,
    join_column,
    join_parts,
    read_as_trained,
    read_part,
)
from pdmr_classic.evaluation.identity._rows import has_pairs
from pdmr_classic.evaluation.identity.audit_features import audit_features
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.progress import LogReporter, Reporter, shows_progress
from pdmr_classic.text import format_count


@shows_progress
def audit(
    data: Dataset,
    *,
    model: DepressionModel | None = None,
    train: Dataset | None = None,
    attributes: Sequence[str] = (),
    settings: Settings | None = None,
    jobs: int = 1,
    cache: str | Path | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Attack the recordings of a data set, and a model: verification, re-identification, membership and attributes.

    Parameters
    ----------
    data : Dataset
        With subjects, and labels if there are any. Where nobody has two recordings of one label, the halves of streams
        serve instead.
    model : DepressionModel, optional
        Attack this model on people that it was not trained on; default: train one in each fold, see `audit_features`.
    train : Dataset, optional
        Recordings that the model was trained on, with their labels: needed for membership inference. Attackers learn
        from them, too.
    attributes : sequence of str
        Label columns to infer; default: gender or sex, if there is such a column.
    settings : Settings, optional
        Of the models that are trained; `learning.seed` is also that of the attackers.
    jobs, cache, reporter
        As for `pdmr_classic.fit`.

    Returns
    -------
    dict
        See `audit_features`; and `synthetic`, `warnings`.

    Raises
    ------
    DataError
        A file cannot be read, there are fewer than four people to attack, nobody has two recordings and there are no
        streams, or the recordings are not of the kind that the model was trained on.
    ConfigError
        A column cannot be inferred, a setting is not valid, or rows are persons with several events.
    """
    reporter, settings = reporter or LogReporter(), settings or (model.settings if model else Settings())
    refuse_events(settings.data, data.settings, *([] if model is None else [model.settings.data]))
    names = select_attributes(data.labels, tuple(attributes))
    if data.groups_source == "infer":
        raise ConfigError("audit does not infer subjects", hint="pass --groups with a column or a table")
    warnings: list[Finding] = []
    if model is None:
        settings = _check_target(settings)
        parts = [read_part(data, settings, warnings, jobs=jobs, cache=cache, reporter=reporter)]
    else:
        both = [data] if train is None else [train, data]
        parts = [
            read_as_trained(part, model, is_train=part is train, jobs=jobs, cache=cache, reporter=reporter)
            for part in both
        ]
        _note_training(parts, warnings, reporter)
    part = join_parts(parts)
    columns = {name: join_column(parts, name) for name in names}
    if not attributes:
        columns = {name: column for name, column in columns.items() if can_infer(column, part.groups)}
    halves = None
    if not has_pairs(part.groups, part.status, part.in_training):
        halves = _read_halves(parts, settings if model is None else model.settings, jobs=jobs, reporter=reporter)
    result = audit_features(
        part.features,
        part.groups,
        part.status,
        attributes=columns,
        halves=halves,
        model=model,
        in_training=part.in_training,
        settings=settings,
        jobs=jobs,
        reporter=reporter,
    )
    return {**result, "synthetic": data.is_synthetic, "warnings": [finding.as_dict() for finding in warnings]}


def refuse_events(*settings: DataSettings) -> None:
    """Refuse to audit persons with several events: attackers compare single recordings.

    Raises
    ------
    ConfigError
    """
    events = [own.events for own in settings if own.events is not None]
    if events:
        raise ConfigError(
            "audit does not support persons with several events (--events)",
            expected="one row per recording",
            found=f"--events {events[0]}",
            hint="audit the recordings without --events and without a model that was fitted with it",
        )


def _read_halves(parts: Sequence[Part], settings: Settings, *, jobs: int, reporter: Reporter) -> list[pd.DataFrame]:
    halves = [extract_halves(part.data, settings, part.exclusions, jobs=jobs, reporter=reporter) for part in parts]
    return [
        concatenate([half.reindex(part.features.index) for part, half in zip(parts, pair, strict=True)])
        for pair in zip(*halves, strict=True)
    ]


def _check_target(settings: Settings) -> Settings:
    if not settings.data.learns_status:
        raise ConfigError(
            "audit trains models of classes only",
            found=f"--target {settings.data.target}",
            hint="train the model of scores with fit, and pass it with --model",
        )
    return settings.override({"data.target": "status"})


def _warn(finding: Finding, warnings: list[Finding], reporter: Reporter) -> None:
    warnings.append(finding)
    reporter.note(finding)


def _note_training(parts: Sequence[Part], warnings: list[Finding], reporter: Reporter) -> None:
    """Tell which of the recordings the model was trained on."""
    *train, data = parts
    known = [int(part.in_training.sum()) for part in parts if part.in_training is not None]
    if known[-1]:
        what = f"the model was trained on {format_count(known[-1], 'of these recordings', 'of these recordings')}"
        hint = "they and other recordings of the same people are not attacked as unseen"
        _warn(Finding("overlap", what, hint=hint), warnings, reporter)
    if train and known[0] < len(train[0].features):
        n_other = len(train[0].features) - known[0]
        what = f"the model was not trained on {format_count(n_other, 'recording')} of the training folder"
        _warn(Finding("other-training", what, hint="pass the recordings that fit used"), warnings, reporter)
    if train:
        shared = len({*train[0].groups} & {*data.groups})
        if shared:
            what = f"{format_count(shared, 'subject id is', 'subject ids are')} also in the training recordings"
            hint = "they are not attacked; if they are other people, give them other ids"
            _warn(Finding("shared-subjects", what, hint=hint), warnings, reporter)
