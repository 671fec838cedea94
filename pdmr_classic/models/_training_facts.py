"""What the manifest tells about the training data as a whole; it names no recording and no subject."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pdmr_classic.io.dataset import Dataset
from pdmr_classic.models.feature_ranges import summarise_ranges
from pdmr_classic.models.participant_flow import RowCounter, describe_selection, extend_to_training
from pdmr_classic.models.targets import Targets
from pdmr_classic.subjects.overlap import hash_contents


def describe_training_data(
    data: Dataset, training: Dataset, features: pd.DataFrame, targets: Targets, content_hashes: pd.DataFrame
) -> dict[str, Any]:
    """Return the entries of the manifest on the training data, JSON-serialisable.

    Parameters
    ----------
    data, training : Dataset
        As passed by the user, and its training split.
    features : DataFrame, shape [n, F]
        Of the labelled recordings.
    targets : Targets
    content_hashes : DataFrame of str, shape [recordings, 2]
        See `Extraction.content_hashes`.
    """
    labelled = training.subset(pd.Series({data_id: data_id in features.index for data_id in training.data_ids}))
    owners = labelled.owners if any(recording.events for recording in labelled.recordings) else None
    counter = RowCounter(targets.groups, owners, labelled.groups_source != "recording")
    flow = describe_selection(data, labelled, training=training)
    return {
        "synthetic": data.is_synthetic,
        "flow": list(extend_to_training(flow, features, targets, counter)),
        "feature_ranges": summarise_ranges(features),
        "content_hashes": hash_contents(content_hashes),
    }
