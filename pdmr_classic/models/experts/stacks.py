"""One stack per condition, trained on weighted rows, and combined with the common stack."""

from __future__ import annotations

from copy import copy
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.models.ensemble.calibration import to_logits
from pdmr_classic.models.ensemble.fold_data import FoldData
from pdmr_classic.models.ensemble.oof_scores import compute_oof_scores
from pdmr_classic.models.ensemble.view_stack import ViewStack
from pdmr_classic.models.experts._combination import ConditionExperts
from pdmr_classic.models.experts._likelihood import PRESENCE, SEVERITY
from pdmr_classic.models.experts.training_rows import choose_experts, expert_weights
from pdmr_classic.models.learners.learners import log_odds
from pdmr_classic.workers import use_one_thread


class ExpertStacks:
    """A mixture of experts: the common stack, and one stack for each condition with enough subjects.

    An expert has the tuned members of the common stack, and is trained on all rows, where those of other conditions
    weigh less (see `expert_weights`). With one condition there is no expert, and nothing changes.

    Parameters
    ----------
    seed : int

    Attributes
    ----------
    experts_ : dict of str to ViewStack
        By condition.
    combination_ : ConditionExperts
    oof_ : ndarray, shape [n, W]
        Cross-fitted outputs of the training rows: probabilities, or scores in one column.

    References
    ----------
    Zhang et al. 2025 (uncertainty-weighted mixture of experts over interviewers).
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    @use_one_thread()
    def fit(self, common: ViewStack, fold_data: FoldData, oof: Floats, conditions: NDArray[Any], *, jobs: int) -> Self:
        """Train the experts and combine them.

        Parameters
        ----------
        common : ViewStack
            Fitted on `fold_data`.
        fold_data : FoldData
        oof : ndarray, shape [n, W]
            Out-of-fold outputs of the common stack.
        conditions : ndarray of str, shape [n]
            "" if unknown.
        jobs : int
            Number of processes. The result does not depend on it.
        """
        self.is_numeric_ = all(data.is_numeric for data in fold_data.view_data.values())
        self.gate_columns_ = np.sort(np.concatenate([*fold_data.columns.values()]))
        codes = None if self.is_numeric_ else fold_data.y
        names, _ = choose_experts(conditions, fold_data.groups, codes, fold_data.weights)
        self.experts_ = {
            name: common.refit(
                weighted := fold_data.replace_weights(
                    fold_data.weights * expert_weights(conditions, fold_data.groups, name, fold_data.weights)
                ),
                compute_oof_scores(common.members_, weighted, self.seed, jobs=jobs).scores,
            )
            for name in names
        }
        self.combination_ = ConditionExperts(SEVERITY if self.is_numeric_ else PRESENCE, seed=self.seed).fit(
            self._to_columns(oof),
            {name: self._to_columns(expert.oof_) for name, expert in self.experts_.items()},
            conditions,
            fold_data.y,
            fold_data.groups,
            fold_data.weights,
            fold_data.folds,
            fold_data.X[:, self.gate_columns_],
        )
        self.oof_ = self._to_outputs(self.combination_.oof_) if self.experts_ else oof
        return self

    @property
    def findings(self) -> list[Finding]:
        """Conditions without an expert, and why."""
        return self.combination_.findings_

    @property
    def conditions(self) -> list[str]:
        """The conditions of the training recordings."""
        return sorted(self.combination_.n_subjects_)

    def find_unseen(self, conditions: pd.Series) -> list[Finding]:
        """Return a finding if there are conditions that training never saw."""
        return self.combination_.find_unseen(conditions.to_numpy(dtype=object))

    def predict(self, table: pd.DataFrame, outputs: Floats, conditions: pd.Series | None) -> Floats:
        """Return the combined outputs, shape [n, W].

        Parameters
        ----------
        table : DataFrame, shape [n, F]
        outputs : ndarray, shape [n, W]
            Of the common stack.
        conditions : Series of str, optional
            By index of the table. Where a condition is "", absent or was not seen in training, the gate decides.
        """
        if not self.experts_:
            return outputs
        return self._to_outputs(self.combination_.combine(*self._collect(table, outputs, conditions)))

    def weigh(self, table: pd.DataFrame, outputs: Floats, conditions: pd.Series | None) -> dict[str, Floats]:
        """Return the weight of each expert in each row, shape [n]; parameters are those of `predict`."""
        return self.combination_.weigh(*self._collect(table, outputs, conditions)) if self.experts_ else {}

    def _collect(
        self, table: pd.DataFrame, outputs: Floats, conditions: pd.Series | None
    ) -> tuple[Floats, dict[str, Floats], NDArray[Any] | None, Floats]:
        """Return what is combined: columns of the common stack and of the experts, conditions, and gate features."""
        known = None if conditions is None else conditions.reindex(table.index, fill_value="").to_numpy(dtype=object)
        columns = {name: self._to_columns(expert.predict_outputs(table)) for name, expert in self.experts_.items()}
        return self._to_columns(outputs), columns, known, table.to_numpy(dtype=np.float64)[:, self.gate_columns_]

    def describe(self) -> dict[str, Any]:
        """Return for each expert its subjects, its weight, and the errors without and with it, JSON-serialisable."""
        combination = self.combination_
        return {
            name: {
                "n_subjects": combination.n_subjects_[name],
                "weight": combination.weights_[name],
                "common_error": combination.errors_[name][0],
                "error": combination.errors_[name][1],
            }
            for name in self.experts_
        }

    def drop_training_rows(self) -> Self:
        """Return a copy without anything that is in the order of the training rows."""
        anonymous = copy(self)
        anonymous.experts_ = {name: expert.drop_training_rows() for name, expert in self.experts_.items()}
        anonymous.combination_ = copy(self.combination_)
        anonymous.combination_.__dict__.pop("oof_", None)
        anonymous.__dict__.pop("oof_", None)
        return anonymous

    def _to_columns(self, outputs: Floats) -> Floats:
        return outputs if self.is_numeric_ else log_odds(outputs)

    def _to_outputs(self, columns: Floats) -> Floats:
        return columns if self.is_numeric_ else np.asarray(softmax(to_logits(columns), axis=1))
