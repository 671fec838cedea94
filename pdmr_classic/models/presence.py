"""`Presence`: predicts the class of a recording, with a stack and a decision rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.config import LearningSettings
from pdmr_classic.errors import Finding
from pdmr_classic.models._view_gate import ViewGate
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.decision.decision import Decision
from pdmr_classic.models.ensemble.fold_data import FoldData
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.experts.stacks import ExpertStacks
from pdmr_classic.models.severity.auxiliary import SeverityColumns
from pdmr_classic.progress import Reporter
from pdmr_classic.workers import use_one_thread


@dataclass(frozen=True, eq=False)
class Presence:
    """What predicts the class: a fitted stack and its decision rule.

    Attributes
    ----------
    stacker : GroupedStacker or None
        None in a saved lite model.
    decision : Decision
    experts : ExpertStacks or None
        Stacks of single conditions.
    severity_columns : SeverityColumns or None
        Predicted scores that help to predict the class.
    oof : DataFrame
        Index `data_id`: true `status`, `predicted`, and the out-of-fold `probability` (or one column per class) of
        each training recording.
    metadata : dict
        Content of the manifest, JSON-serialisable.
    lite : CompiledStack or None
        Predicts instead of the stacker.
    gate : ViewGate or None
        Weighs the modalities of each recording.
    """

    stacker: GroupedStacker | None
    decision: Decision
    experts: ExpertStacks | None
    severity_columns: SeverityColumns | None
    oof: pd.DataFrame
    metadata: dict[str, Any]
    lite: CompiledStack | None = None
    gate: ViewGate | None = None

    @property
    def uses_severity(self) -> bool:
        """Whether predicted scores help to predict the class."""
        return self.severity_columns is not None and bool(self.severity_columns.kept_)

    @property
    def uses_gate(self) -> bool:
        """Whether the modalities of each recording are weighed."""
        return self.gate is not None and self.gate.is_kept_

    @property
    def stack(self) -> GroupedStacker | CompiledStack:
        """What predicts: the lite stack, if there is one."""
        stack = self.stacker if self.lite is None else self.lite
        if stack is None:
            raise ValueError("there must be a stacker or a lite stack, got neither")
        return stack

    def predict_proba(
        self, table: pd.DataFrame, severity: Mapping[str, Floats] | None, conditions: pd.Series | None
    ) -> Floats:
        """Return probabilities of the classes, shape [n, K]; NaN for rows without a usable modality.

        Parameters
        ----------
        table : DataFrame, shape [n, F]
            With the columns of the training table.
        severity : mapping of str to ndarray, shape [n], optional
            Predicted scores, as in training.
        conditions : Series of str, optional
            See `ExpertStacks.predict`.
        """
        probability = self.stack.predict_proba(table)
        if self.gate is not None and self.uses_gate and self.stacker is not None:
            probability = self.gate.combine(probability, self.stacker.predict_modalities(table), table)
        if self.experts is not None:
            probability = self.experts.predict(table, probability, conditions)
        if self.severity_columns is None or severity is None:
            return probability
        return self.severity_columns.combine(probability, severity)

    def anonymise(self) -> Presence:
        """Return a copy without the rows that could be traced to a recording by their id or their order."""
        columns = None if self.severity_columns is None else self.severity_columns.drop_training_rows()
        return replace(
            self,
            stacker=None if self.stacker is None or self.lite is not None else self.stacker.drop_training_rows(),
            experts=None if self.experts is None else self.experts.drop_training_rows(),
            severity_columns=columns,
            gate=None if self.gate is None else self.gate.drop_training_rows(),
            oof=self.oof.iloc[:0],
            metadata={},
        )


def make_gate(fold_data: FoldData, learning: LearningSettings, reporter: Reporter) -> ViewGate | None:
    """Return an unfitted gate, if there are several modalities; None for a lite model, which only has a stack."""
    if not learning.join_views or len(fold_data.columns) < 2:
        return None
    if learning.lite:
        reporter.note(Finding("no-view-gate", "a lite model does not weigh the modalities of each recording"))
        return None
    return ViewGate()


@use_one_thread()
def fit_refinements(
    stacker: GroupedStacker,
    fold_data: FoldData,
    conditions: pd.Series | None,
    severity: Mapping[str, Floats] | None,
    *,
    gate: ViewGate | None = None,
    jobs: int,
) -> tuple[ExpertStacks | None, SeverityColumns | None, Floats]:
    """Fit what refines the stack of classes: the gate, experts by condition, and then columns of predicted scores.

    Parameters
    ----------
    stacker : GroupedStacker
        Fitted on `fold_data`.
    fold_data : FoldData
    conditions : Series of str, optional
        Of the training rows.
    severity : mapping of str to ndarray, shape [n], optional
        Out-of-fold predicted scores of the training rows.
    gate : ViewGate, optional
        Fitted in place.
    jobs : int
        Number of processes.

    Returns
    -------
    ExpertStacks or None
    SeverityColumns or None
    ndarray, shape [n, K]
        Out-of-fold probabilities with all of them.
    """
    probability, experts, columns = stacker.oof_probability_, None, None
    if gate is not None:
        probability = gate.fit(probability, stacker.oof_modalities(), fold_data).oof_
    if conditions is not None:
        experts = ExpertStacks(seed=stacker.random_state)
        probability = experts.fit(stacker, fold_data, probability, conditions.to_numpy(dtype=object), jobs=jobs).oof_
    if severity is not None:
        columns = SeverityColumns().fit(
            probability, severity, fold_data.y, fold_data.groups, fold_data.weights, fold_data.folds
        )
        probability = columns.oof_
    return experts, columns, probability
