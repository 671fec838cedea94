"""Where `extract` writes: one file, or a store with one file per thousand recordings."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.features.feature_table import check_table_writable, write_features
from pdmr_classic.features.store.folder import check_store_writable, means_store
from pdmr_classic.features.store.write import StoredFeatures, extract_store
from pdmr_classic.features.table_facts import describe_table
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.storage.location import refuse_url


def check_output(out: str) -> Path:
    """Check before long work that a table or store can be written, and return its path.

    Parameters
    ----------
    out : str
        A name that ends in a slash, an existing store or an empty folder means a store.

    Raises
    ------
    ConfigError, TargetError
        As `check_table_writable` or `check_store_writable`.
    """
    refuse_url(out)
    target = Path(out)
    # The lock has the name of the target, and ./ has none.
    target = target if target.name not in ("", "..") else target.resolve()
    (check_store_writable if means_store(out) else check_table_writable)(target)
    return target


def extract_to(
    out: str, extractor: FeatureExtractor, dataset: Dataset, labels: pd.DataFrame | None = None
) -> Extraction | StoredFeatures:
    """Compute the features of a data set and write them to the table or store of that name.

    Parameters
    ----------
    out : str
        As for `check_output`.
    extractor : FeatureExtractor
    dataset : Dataset
    labels : DataFrame of str, optional
        Columns to write before the features, see `collect_label_columns`.

    Raises
    ------
    DataError
        Lists every file that could not be used.
    TargetError
    """
    target = Path(out)
    if means_store(out):
        return extract_store(extractor, dataset, target, labels)
    extraction = extractor.extract(dataset)
    facts = describe_table(extractor.settings or Settings())
    features = extraction.require_features()
    write_features(features, target, labels, facts, extraction.records, synthetic=dataset.is_synthetic)
    return extraction
