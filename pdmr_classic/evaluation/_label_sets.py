"""Abstention with the label sets of the model, from the results of the outer folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pdmr_classic.evaluation.join_folds import join_folds
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.run_fold import LABEL_SET, MODEL
from pdmr_classic.evaluation.severity.abstention import summarise_abstention
from pdmr_classic.evaluation.table import EvaluationTable


def summarise_label_sets(
    table: EvaluationTable, outer: Sequence[OuterFold], results: Sequence[Mapping[str, Any]], level: float
) -> dict[str, Any]:
    """Return how many recordings the model answers, and how well; see `summarise_abstention`."""
    records = [result["systems"][MODEL] for result in results]
    sets = [labels for record in records for labels in record.get(LABEL_SET, ())]
    predictions = join_folds(table, outer, records)
    is_complete = len(sets) == len(predictions)
    return summarise_abstention(predictions, np.array(sets, dtype=bool) if is_complete else None, level)
