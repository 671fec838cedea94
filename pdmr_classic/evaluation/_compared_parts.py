"""What the model gains from its views over covariates alone, and from events over pooled recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdmr_classic.errors import Finding
from pdmr_classic.evaluation._added_value import conclude_added_value, summarise_added_value
from pdmr_classic.evaluation.events import conclude_events, summarise_events
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.table import EvaluationTable


def compare_parts(
    table: EvaluationTable, model: Predictions, systems: Mapping[str, Predictions], seed: int
) -> tuple[dict[str, Any], list[str], list[Finding]]:
    """Return the paired differences that apply (`added_value`, `events`), sentences about them, and warnings."""
    added = summarise_added_value(model, systems, seed)
    events = summarise_events(table, model, systems, seed)
    sentence = conclude_added_value(added)
    sentences = [] if sentence is None else [sentence[0].what]
    warnings = [] if sentence is None or not sentence[1] else [sentence[0]]
    parts = {name: part for name, part in (("added_value", added), ("events", events)) if part}
    return parts, [*sentences, *conclude_events(events)], warnings
