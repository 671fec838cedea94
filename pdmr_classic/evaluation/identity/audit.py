"""`audit`: whether identity is gone from the recordings of a data set, and from a model of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.evaluation.identity._attributes import select_attributes
from pdmr_classic.evaluation.identity._halves import extract_halves
from pdmr_classic.evaluation.identity._rows import has_pairs
from pdmr_classic.evaluation.identity.audit_features import audit_features
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.models.measurements import check_comparable, read_exclusions
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.models.targets import select_targets
from pdmr_classic.models.training import prepare_training_set
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.subjects.overlap import find_overlap
from pdmr_classic.text import format_count


@dataclass(frozen=True, eq=False)
class _Part:
    """Recordings with their features, before they are attacked."""

    data: Dataset
    features: pd.DataFrame
    groups: pd.Series
    status: pd.Series | None
    exclusions: Exclusions = NO_EXCLUSIONS
    in_training: pd.Series | None = None
    halves: list[pd.DataFrame] = field(default_factory=list)

    @property
    def labels(self) -> pd.DataFrame:
        """The label table of these recordings; without columns if there is none."""
        table = self.data.labels
        return pd.DataFrame(index=self.features.index) if table is None else table.loc[self.features.index]


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
        A column cannot be inferred, or a setting is not valid.
    """
    reporter, settings = reporter or LogReporter(), settings or (model.settings if model else Settings())
    names = select_attributes(data.labels, tuple(attributes))
    if data.groups_source == "infer":
        raise ConfigError("audit does not infer subjects", hint="pass --groups with a column or a table")
    warnings: list[Finding] = []
    if model is None:
        settings = _check_target(settings)
        parts = [_read_part(data, settings, warnings, jobs=jobs, cache=cache, reporter=reporter)]
    else:
        both = [data] if train is None else [train, data]
        parts = [_read_as_trained(part, model, jobs=jobs, cache=cache, reporter=reporter) for part in both]
        _note_training(parts, warnings, reporter)
    part = _join(parts)
    halves = None
    if not has_pairs(part.groups, part.status, part.in_training):
        own = settings if model is None else model.settings
        extracted = [extract_halves(one.data, own, one.exclusions, jobs=jobs, reporter=reporter) for one in parts]
        halves = [
            _concatenate([half.reindex(one.features.index) for one, half in zip(parts, pair, strict=True)])
            for pair in zip(*extracted, strict=True)
        ]
    result = audit_features(
        part.features,
        part.groups,
        part.status,
        attributes={name: _column(parts, name) for name in names},
        halves=halves,
        model=model,
        in_training=part.in_training,
        settings=settings,
        jobs=jobs,
        reporter=reporter,
    )
    return {**result, "synthetic": data.is_synthetic, "warnings": [finding.as_dict() for finding in warnings]}


def _check_target(settings: Settings) -> Settings:
    if not settings.data.learns_status:
        raise ConfigError(
            "audit trains models of classes only",
            found=f"--target {settings.data.target}",
            hint="train the model of scores with fit, and pass it with --model",
        )
    return settings.override({"data.target": "status"})


def _read_part(
    data: Dataset,
    settings: Settings,
    warnings: list[Finding],
    *,
    jobs: int,
    cache: str | Path | None,
    reporter: Reporter,
) -> _Part:
    """Return labelled recordings as `fit` reads them; all recordings if there is nothing to learn."""
    try:
        select_targets(data, settings)
    except DataError as error:
        what = f"no model is trained, and only raw features are attacked: {error.finding.what}"
        _warn(Finding("no-model", what, hint=error.finding.hint), warnings, reporter)
        extraction = FeatureExtractor(settings, jobs=jobs, cache=cache, reporter=reporter).extract(data)
        return _Part(data, extraction.require_features(), _groups(data), data.status)
    training = prepare_training_set(data, settings, jobs=jobs, cache=cache, reporter=reporter)
    warnings += training.leakage_warnings
    groups, status, ids = training.targets.groups, data.select_labelled().status, training.features.index
    chosen = data.subset(pd.Series(True, ids).reindex(data.data_ids, fill_value=False))
    return _Part(
        chosen, training.features, groups.loc[ids], None if status is None else status.loc[ids], training.exclusions
    )


def _groups(data: Dataset) -> pd.Series:
    if data.groups is not None:
        return data.groups
    return pd.Series(data.data_ids, pd.Index(data.data_ids, name="data_id"), dtype=object)


def _read_as_trained(
    data: Dataset, model: DepressionModel, *, jobs: int, cache: str | Path | None, reporter: Reporter
) -> _Part:
    """Return recordings as a model reads them, and which of them it was trained on, by the content of their files."""
    extraction = model.extract(data, jobs=jobs, cache=cache, reporter=reporter)
    features = extraction.require_features()
    check_comparable(extraction, model.feature_names_, model.metadata_, False, reporter)
    stored = model.metadata_.get("content_hashes")
    known = {copy.data_id for copy in find_overlap(extraction, stored)}
    in_training = pd.Series([data_id in known for data_id in features.index], features.index)
    status = data.status if data.labels is not None else None
    return _Part(
        data,
        features.reindex(columns=model.feature_names_),
        _groups(data).loc[features.index],
        None if status is None else status.loc[features.index],
        read_exclusions(model.metadata_),
        in_training,
    )


def _warn(finding: Finding, warnings: list[Finding], reporter: Reporter) -> None:
    warnings.append(finding)
    reporter.note(finding)


def _note_training(parts: Sequence[_Part], warnings: list[Finding], reporter: Reporter) -> None:
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


def _join(parts: Sequence[_Part]) -> _Part:
    """Return the recordings of all parts as one, the index telling the parts apart."""
    if len(parts) == 1:
        return parts[0]
    statuses = [part.status for part in parts]
    return _Part(
        parts[-1].data,
        _concatenate([part.features for part in parts]),
        _concatenate([part.groups for part in parts]),
        None if any(status is None for status in statuses) else _concatenate(statuses),
        in_training=_concatenate([part.in_training for part in parts]),
    )


def _concatenate(tables: Sequence[Any]) -> Any:
    return tables[0] if len(tables) == 1 else pd.concat(tables, keys=range(len(tables)))


def _column(parts: Sequence[_Part], name: str) -> pd.Series:
    """Return a label column of all parts; empty where a part does not have it."""
    columns = [part.labels.get(name, pd.Series("", part.features.index)) for part in parts]
    column: pd.Series = _concatenate(columns)
    return column
