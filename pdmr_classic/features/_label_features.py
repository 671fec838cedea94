"""Features from the label table, as far as the settings name columns of it: classes and scores are never among them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features._baseline_change import add_baseline_change
from pdmr_classic.features._covariates import add_covariates
from pdmr_classic.io.dataset import Dataset


def add_label_features(
    features: pd.DataFrame, dataset: Dataset, settings: Settings, trained_names: Sequence[str] | None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the features with those that need `dataset.labels` or `dataset.groups`, and what to tell.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        Of the recordings of the data set, in their order.
    dataset : Dataset
    settings : Settings
    trained_names : sequence of str or None
        Names of the features of a model that predicts the recordings; None in training.

    Raises
    ------
    ConfigError
        In training: a column is not in the label table.
    DataError
        A mark of a baseline cannot be read.
    """
    features, findings = add_covariates(features, dataset.labels, settings.data.covariates, trained_names)
    features, more = add_baseline_change(features, dataset, settings, trained_names)
    return features, [*findings, *more]
