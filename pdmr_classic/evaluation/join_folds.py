"""Join the held-out predictions of one system over all outer folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pdmr_classic.evaluation.outer_folds import OuterFold, are_one_way
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.table import EvaluationTable


def join_folds(
    table: EvaluationTable, outer: Sequence[OuterFold], records: Sequence[Mapping[str, Any] | None]
) -> Predictions:
    """Return the predictions of one system over all outer folds.

    Parameters
    ----------
    table : EvaluationTable
    outer : sequence of OuterFold
    records : sequence of dict or None
        The system's record of each fold (`rows`, `predicted`, `probability`, see `run_fold`); None if it has none.
    """
    pairs = [(fold, record) for fold, record in zip(outer, records, strict=True) if record and record["rows"]]
    rows = np.array([row for _, record in pairs for row in record["rows"]], dtype=np.intp)
    subject = np.unique(table.groups.to_numpy(dtype=object), return_inverse=True)[1]
    return Predictions(
        recording=table.features.index.to_numpy(dtype=object)[rows],
        subject=subject[rows],
        repeat=np.array([fold.repeat for fold, record in pairs for _ in record["rows"]], dtype=np.intp),
        fold=np.array([fold.fold for fold, record in pairs for _ in record["rows"]], dtype=np.intp),
        truth=table.codes[rows],
        predicted=np.array([code for _, record in pairs for code in record["predicted"]], dtype=np.intp),
        probability=np.array([p for _, record in pairs for p in record["probability"]], dtype=np.float64),
        classes=table.classes,
        positive=table.positive,
        is_one_way=are_one_way(outer),
    )
