"""Learning on persons with events against pooling the predictions for their single recordings, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.evaluation.differences import compare_main_scores
from pdmr_classic.evaluation.intervals import NO_INTERVAL
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import summarise_scores
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.features.events import describe_parts
from pdmr_classic.features.names import list_events
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.progress import CollectingReporter

POOLED_RECORDINGS = "pooled recordings"
_LABELS = {"auc": "AUC", "f1": "F1", "macro_f1": "macro F1"}


def predict_pooled_recordings(table: EvaluationTable, settings: Settings, outer: OuterFold) -> pd.DataFrame | None:
    """Train on the single recordings of the training persons, and pool the predictions for those held out.

    Returns
    -------
    DataFrame or None
        As `DepressionModel.predict_features`, one row per held-out person, in order; None without events.
    """
    if table.recordings is None:
        return None
    persons = table.features.index
    train = table.recordings.select(persons[outer.train])
    rows, ids = persons.get_indexer(pd.Index(train.persons)), train.features.index
    model = DepressionModel(settings).fit(
        train.features,
        table.status.iloc[rows].set_axis(ids),
        table.groups.iloc[rows].set_axis(ids),
        conditions=None if table.conditions is None else table.conditions.iloc[rows].set_axis(ids),
        sample_weight=None if table.weights is None else table.weights[rows],
        reporter=CollectingReporter(),
    )
    test = table.recordings.select(persons[outer.test])
    rows = persons.get_indexer(pd.Index(test.persons))
    conditions = None if table.conditions is None else table.conditions.iloc[rows].set_axis(test.features.index)
    predictions = model.predict_features(
        test.features, pool_subjects=test.persons, conditions=conditions, reporter=CollectingReporter()
    )
    return predictions.groupby(test.persons).first().reindex(persons[outer.test])


def summarise_events(
    table: EvaluationTable, model: Predictions, systems: Mapping[str, Predictions], seed: int
) -> dict[str, Any]:
    """Return the scores of pooled recordings, and what learning on persons changes.

    Returns
    -------
    dict
        `names` of the events, `computed` (in words), `n_persons`, `n_recordings`, `n_incomplete` (persons who lack an
        event), `pooled_recordings` (see `summarise_scores`) and `differences`: for the main score and the AUC
        `difference` (persons minus pooled recordings), `low` and `high` of its 95% interval, which draws subjects.
        Empty without events.
    """
    pooled = systems.get(POOLED_RECORDINGS)
    if table.recordings is None or pooled is None:
        return {}
    names = list_events(map(str, table.features.columns))
    counts = table.recordings.persons.value_counts()
    return {
        "names": names,
        "computed": describe_parts(names),
        "n_persons": len(table.features),
        "n_recordings": len(table.recordings.persons),
        "n_incomplete": int((counts < len(names)).sum()),
        "pooled_recordings": summarise_scores(pooled, seed),
        "differences": compare_main_scores(model, pooled, seed),
    }


def conclude_events(events: Mapping[str, Any]) -> list[str]:
    """Return the sentence on events against pooling; none without events."""
    if not events:
        return []
    parts = [f"{_LABELS[name]} {_describe(part)}" for name, part in events["differences"].items()]
    verdicts = " and ".join(reversed(parts))
    return [f"Learning on persons with their events, instead of pooling predictions for single recordings: {verdicts}"]


def _describe(part: Mapping[str, float | None]) -> str:
    difference, low, high = part["difference"], part["low"], part["high"]
    if difference is None:
        return "cannot be compared"
    if low is None or high is None:
        return f"differs by {difference:+z.2f} ({NO_INTERVAL})"
    verdict = "is higher:" if low > 0 else "is lower:" if high < 0 else "cannot be distinguished:"
    return f"{verdict} {difference:+z.2f} ({low:+z.2f} to {high:+z.2f})"
