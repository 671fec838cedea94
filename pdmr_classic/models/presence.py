"""`Presence`: predicts the class of a recording, with a stack and a decision rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.models.decision.decision import Decision
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.severity.auxiliary import SeverityColumns


@dataclass(frozen=True, eq=False)
class Presence:
    """What predicts the class: a fitted stack and its decision rule.

    Attributes
    ----------
    stacker : GroupedStacker
    decision : Decision
    severity_columns : SeverityColumns or None
        Predicted scores that help to predict the class.
    oof : DataFrame
        Index `data_id`: true `status`, `predicted`, and the out-of-fold `probability` (or one column per class) of
        each training recording.
    metadata : dict
        Content of the manifest, JSON-serialisable.
    """

    stacker: GroupedStacker
    decision: Decision
    severity_columns: SeverityColumns | None
    oof: pd.DataFrame
    metadata: dict[str, Any]

    @property
    def uses_severity(self) -> bool:
        """Whether predicted scores help to predict the class."""
        return self.severity_columns is not None and bool(self.severity_columns.kept_)

    def predict_proba(self, table: pd.DataFrame, severity: Mapping[str, Floats] | None) -> Floats:
        """Return probabilities of the classes, shape [n, K]; NaN for rows without a usable modality.

        Parameters
        ----------
        table : DataFrame, shape [n, F]
            With the columns of the training table.
        severity : mapping of str to ndarray, shape [n], optional
            Predicted scores, as in training.
        """
        probability = self.stacker.predict_proba(table)
        if self.severity_columns is None or severity is None:
            return probability
        return self.severity_columns.combine(probability, severity)

    def anonymise(self) -> Presence:
        """Return a copy without the rows that could be traced to a recording by their id or their order."""
        columns = None if self.severity_columns is None else self.severity_columns.drop_training_rows()
        stacker = self.stacker.drop_training_rows()
        return replace(self, stacker=stacker, severity_columns=columns, oof=self.oof.iloc[:0], metadata={})
