"""What `--confounds` found before the models are trained, and what their features are repaired with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pdmr_classic.evaluation.confounds.groups import NuisanceGroup
from pdmr_classic.storage.fingerprint import table_bytes


@dataclass(frozen=True, eq=False)
class ConfoundPlan:
    """Nuisance groups, their predictions, and the groups to repair.

    Attributes
    ----------
    groups : mapping of str to NuisanceGroup
    records : mapping of str to dict
        For each group that can be looked at: the record of each outer fold, by (repeat, fold).
    p_values : mapping of str to float
        Permutation p of each group's AUC, corrected for the number of groups (Holm).
    found : tuple of str
        Groups that predict the label better than chance, the strongest first.
    repaired : mapping of str to DataFrame, shape [n, F]
        Features after the rules of all found groups (""), and of the strongest alone.
    rules : mapping of str to str
        What the rule of a found group does; groups without a rule are not in it.
    """

    groups: Mapping[str, NuisanceGroup]
    records: Mapping[str, Mapping[tuple[int, int], Mapping[str, Any]]]
    p_values: Mapping[str, float]
    found: tuple[str, ...] = ()
    repaired: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)

    def fingerprint_parts(self) -> list[bytes]:
        """Return what the results of the folds depend on."""
        tables = [*(group.columns for group in self.groups.values()), *self.repaired.values()]
        return [" ".join(self.found).encode(), *(part for table in tables for part in table_bytes(table))]
