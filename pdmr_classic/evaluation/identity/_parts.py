"""Recordings to audit, as `fit` or a model reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.models.measurements import check_comparable, read_exclusions
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.models.targets import select_targets
from pdmr_classic.models.training import prepare_training_set
from pdmr_classic.progress import Reporter
from pdmr_classic.subjects.overlap import find_overlap


@dataclass(frozen=True, eq=False)
class Part:
    """Recordings with their features, before they are attacked."""

    data: Dataset
    features: pd.DataFrame
    groups: pd.Series
    status: pd.Series | None
    exclusions: Exclusions = NO_EXCLUSIONS
    in_training: pd.Series | None = None

    @property
    def labels(self) -> pd.DataFrame:
        """The label table of these recordings; without columns if there is none."""
        table = self.data.labels
        return pd.DataFrame(index=self.features.index) if table is None else table.loc[self.features.index]


def read_part(
    data: Dataset,
    settings: Settings,
    warnings: list[Finding],
    *,
    jobs: int,
    cache: str | Path | None,
    reporter: Reporter,
) -> Part:
    """Return labelled recordings as `fit` reads them; all recordings if there is nothing to learn."""
    try:
        select_targets(data, settings)
    except DataError as error:
        what = f"no model is trained, and only raw features are attacked: {error.finding.what}"
        warnings.append(Finding("no-model", what, hint=error.finding.hint))
        reporter.note(warnings[-1])
        extraction = FeatureExtractor(settings, jobs=jobs, cache=cache, reporter=reporter).extract(data)
        return Part(data, extraction.require_features(), _groups(data), data.status)
    training = prepare_training_set(data, settings, jobs=jobs, cache=cache, reporter=reporter)
    warnings += [replace(finding, file=None) for finding in training.leakage_warnings]
    groups, status, ids = training.targets.groups, data.select_labelled().status, training.features.index
    chosen = data.subset(pd.Series(True, ids).reindex(data.data_ids, fill_value=False))
    return Part(
        chosen, training.features, groups.loc[ids], None if status is None else status.loc[ids], training.exclusions
    )


def _groups(data: Dataset) -> pd.Series:
    if data.groups is not None:
        return data.groups
    return pd.Series(data.data_ids, pd.Index(data.data_ids, name="data_id"), dtype=object)


def read_as_trained(
    data: Dataset,
    model: DepressionModel,
    *,
    is_train: bool,
    jobs: int,
    cache: str | Path | None,
    reporter: Reporter,
) -> Part:
    """Return recordings as a model reads them, and which of them it was trained on, by the content of their files.

    An old model does not store this content: then these are all recordings that are given as training recordings.
    """
    extraction = model.extract(data, jobs=jobs, cache=cache, reporter=reporter)
    features = extraction.require_features()
    check_comparable(extraction, model.feature_names_, model.metadata_, False, reporter)
    stored = model.metadata_.get("content_hashes")
    known = {copy.data_id for copy in find_overlap(extraction, stored)}
    if stored is None and is_train:
        known = set(data.data_ids)
    in_training = pd.Series([data_id in known for data_id in features.index], features.index)
    status = data.status if data.labels is not None else None
    return Part(
        data,
        features.reindex(columns=model.feature_names_),
        _groups(data).loc[features.index],
        None if status is None else status.loc[features.index],
        read_exclusions(model.metadata_),
        in_training,
    )


def join_parts(parts: Sequence[Part]) -> Part:
    """Return the recordings of all parts as one, the index telling the parts apart."""
    if len(parts) == 1:
        return parts[0]
    statuses = [part.status for part in parts]
    return Part(
        parts[-1].data,
        concatenate([part.features for part in parts]),
        concatenate([part.groups for part in parts]),
        None if any(status is None for status in statuses) else concatenate(statuses),
        in_training=concatenate([part.in_training for part in parts]),
    )


def concatenate(tables: Sequence[Any]) -> Any:
    """Return the rows of several tables, the index telling them apart; a single table unchanged."""
    return tables[0] if len(tables) == 1 else pd.concat(tables, keys=range(len(tables)))


def join_column(parts: Sequence[Part], name: str) -> pd.Series:
    """Return a label column of all parts; empty where a part does not have it."""
    columns = [part.labels.get(name, pd.Series("", part.features.index)) for part in parts]
    column: pd.Series = concatenate(columns)
    return column
