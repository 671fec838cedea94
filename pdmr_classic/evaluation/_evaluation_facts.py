"""What an evaluation tells about its data as a whole: fingerprints, and which rows can be predicted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.evaluation.table import EvaluationFacts
from pdmr_classic.io.flow import start_flow
from pdmr_classic.io.labels.id_tables import SPLIT_COLUMN, TRAIN, split_name
from pdmr_classic.io.labels.labels import read_weights
from pdmr_classic.models.participant_flow import RowCounter, extend_to_usable
from pdmr_classic.models.targets import Targets, fingerprint_data
from pdmr_classic.models.training import RecordingTable


def collect_facts(
    features: pd.DataFrame,
    targets: Targets,
    labels: pd.DataFrame,
    recordings: RecordingTable | None,
    settings: Settings,
) -> EvaluationFacts:
    """Return the facts about all rows of a feature table; parameters are those of `evaluate_features`."""
    weights = read_weights(labels, settings.data.weights)
    known = None if weights is None else weights.to_numpy()
    counter = RowCounter(targets.groups, None if recordings is None else recordings.persons)
    flow = start_flow("with a label", *counter.count(np.ones(len(features), dtype=bool)))
    splits = labels.get(SPLIT_COLUMN, pd.Series("", features.index))
    is_train = np.array([split_name(value) == TRAIN for value in splits])
    has_split = is_train.any() and not is_train.all() and settings.evaluation.leave is None
    return EvaluationFacts(
        fingerprint_data(features, targets, known),
        fingerprint_data(features, targets, known, is_train) if has_split else "",
        extend_to_usable(flow, features, counter),
    )
