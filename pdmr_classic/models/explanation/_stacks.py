"""Contributions to the output of a fitted stack: those to its members' scores, joined by the meta-learner."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.models.compiled.stack import CompiledCombiner, CompiledStack
from pdmr_classic.models.ensemble.view_stack import ViewStack
from pdmr_classic.models.ensemble.views import find_modalities
from pdmr_classic.models.explanation._columns import Columns, extend_table, find_reference, list_columns
from pdmr_classic.models.explanation._members import (
    SplitMember,
    find_centers,
    split_compiled,
    split_pipeline,
    sum_by_column,
)
from pdmr_classic.models.severity.stacker import SeverityStacker


@dataclass(frozen=True, eq=False)
class OutputParts:
    """The output of a stack, split into a base and contributions.

    Attributes
    ----------
    base : ndarray, shape [n, S]
        NaN for rows without a usable modality.
    values : ndarray, shape [n, columns, S]
    variance : ndarray, shape [n, families, S]
        Squared standard error of the sampled contributions, by family.
    exact, sampled : ndarray, shape [n]
        Sum of the absolute contributions of members with and without an exact method.
    members : dict of str to (float, ndarray of shape [n, families, S])
        Weight of each member, and what it says about each family in its own calibrated log-odds; NaN for families that
        it does not use, and for rows that do not use it.
    """

    base: Floats
    values: Floats
    variance: Floats
    exact: Floats
    sampled: Floats
    members: dict[str, tuple[float, Floats]]

    def scale(self, factor: Floats) -> OutputParts:
        """Return the parts times a factor of each row, shape [n]."""
        column, table = factor[:, None], factor[:, None, None]
        return OutputParts(
            self.base * column,
            self.values * table,
            self.variance * table**2,
            self.exact * np.abs(factor),
            self.sampled * np.abs(factor),
            self.members,
        )

    def add(self, other: OutputParts) -> OutputParts:
        """Return the sum of two outputs, member by member where a name is not yet known."""
        return OutputParts(
            self.base + other.base,
            self.values + other.values,
            self.variance + other.variance,
            self.exact + other.exact,
            self.sampled + other.sampled,
            other.members | self.members,
        )


@dataclass(frozen=True, eq=False)
class StackExplainer:
    """A fitted stack, prepared to explain its outputs.

    Attributes
    ----------
    stack : ViewStack or CompiledStack
    columns : Columns
    families : tuple of str
        Names of the families, in the order of the columns.
    members : dict of int to SplitMember
    combiners : dict of frozenset of str to CompiledCombiner
        Best first.
    medians : ndarray, shape [columns]
    """

    stack: ViewStack | CompiledStack
    columns: Columns
    families: tuple[str, ...]
    members: dict[int, SplitMember]
    combiners: dict[frozenset[str], CompiledCombiner]
    medians: Floats

    def explain(
        self, table: Floats, *, n_permutations: int, seed: int, only: str | None = None
    ) -> tuple[OutputParts, dict[str, str]]:
        """Split the outputs of rows [n, F], and tell the method of each member; `only`: from one modality alone."""
        present = find_modalities(table, self.stack.columns_)
        extended, n_outputs = extend_table(self.stack, table), self._n_outputs
        parts = self._make_empty(len(table), n_outputs)
        methods: dict[str, str] = {}
        for rows, combiner in self._assign_rows(present, only):
            parts.base[rows] = 0.0
            for place, k in enumerate(combiner.members):
                methods[self.members[k].name] = self._add_member(
                    parts, rows, extended[rows], combiner, place, n_permutations=n_permutations, seed=seed
                )
            parts.base[rows] = parts.base[rows] + combiner.final_bias
        return parts, methods

    def _add_member(
        self,
        parts: OutputParts,
        rows: Mask,
        table: Floats,
        combiner: CompiledCombiner,
        place: int,
        *,
        n_permutations: int,
        seed: int,
    ) -> str:
        """Add what one member contributes to some rows; return its method."""
        member = self.members[combiner.members[place]]
        scores = member.explain(table, self.medians, self.columns.families, n_permutations=n_permutations, seed=seed)
        slope, share = float(combiner.slopes[place]), float(combiner.final_slope * combiner.weights[place])
        factor = share * slope
        own = sum_by_column(scores.values, member.origins, len(self.columns.names))
        parts.values[rows] += factor * own
        parts.base[rows] += factor * scores.base + share * combiner.biases[place]
        size = np.abs(factor * own).sum(axis=(1, 2))
        (parts.exact if scores.squared_errors is None else parts.sampled)[rows] += size
        places = self._find_families(member)
        if scores.squared_errors is not None:
            parts.variance[np.ix_(rows, places)] += factor**2 * scores.squared_errors
        self._remember(parts, rows, member, float(combiner.weights[place]), slope * self._sum_by_family(own), places)
        return scores.method

    def _find_families(self, member: SplitMember) -> Ints:
        """Return the places of a member's families, in the order of its columns."""
        own = np.asarray(self.columns.families, dtype=object)[member.origins]
        return np.array([self.families.index(name) for name in dict.fromkeys(own.tolist())])

    def _remember(
        self, parts: OutputParts, rows: Mask, member: SplitMember, weight: float, by_family: Floats, places: Ints
    ) -> None:
        """Note what a member says about its families."""
        shape = (len(rows), *by_family.shape[1:])
        largest, known = parts.members.get(member.name, (0.0, np.full(shape, np.nan)))
        known[np.ix_(rows, places)] = by_family[:, places]
        parts.members[member.name] = (max(largest, weight), known)

    def _sum_by_family(self, values: Floats) -> Floats:
        is_of = np.asarray(self.columns.families, dtype=object)[:, None] == np.asarray(self.families, dtype=object)
        return np.asarray(np.tensordot(values, is_of.astype(np.float64), axes=(1, 0)).transpose(0, 2, 1))

    @property
    def _n_outputs(self) -> int:
        return len(next(iter(self.combiners.values())).final_bias)

    def _make_empty(self, n_rows: int, n_outputs: int) -> OutputParts:
        return OutputParts(
            np.full((n_rows, n_outputs), np.nan),
            np.zeros((n_rows, len(self.columns.names), n_outputs)),
            np.zeros((n_rows, len(self.families), n_outputs)),
            np.zeros(n_rows),
            np.zeros(n_rows),
            {},
        )

    def _assign_rows(self, present: Mapping[str, Mask], only: str | None) -> Iterator[tuple[Mask, CompiledCombiner]]:
        """Yield the rows that use each meta-learner."""
        free = np.ones(len(next(iter(present.values()))), dtype=bool)
        for modalities, combiner in self.combiners.items():
            if only is not None and modalities != {only}:
                continue
            rows = free & np.stack([present[name] for name in modalities]).all(axis=0)
            free = free & ~rows
            if rows.any():
                yield rows, combiner


def prepare_stack(
    stack: ViewStack | CompiledStack, table_names: Sequence[str], ranges: Mapping[str, Any] | None
) -> StackExplainer:
    """Prepare a fitted stack: split its members, and find the training medians.

    Parameters
    ----------
    stack : ViewStack or CompiledStack
    table_names : sequence of str
        Names of the columns of its table.
    ranges : mapping of str to list of float, or None
        Percentiles of training features, from the manifest.
    """
    columns = list_columns(stack, table_names)
    families = tuple(dict.fromkeys(columns.families))
    combiners = _list_combiners(stack)
    used = sorted({k for combiner in combiners.values() for k in combiner.members})
    members = _split_members(stack, columns, used)
    medians = find_reference(columns, find_centers(members), ranges)
    return StackExplainer(stack, columns, families, members, combiners, medians)


def _list_combiners(stack: ViewStack | CompiledStack) -> dict[frozenset[str], CompiledCombiner]:
    if isinstance(stack, CompiledStack):
        return stack.combiners_
    convert = _convert_blend if isinstance(stack, SeverityStacker) else CompiledCombiner.from_combiner
    return {modalities: convert(combiner, members) for modalities, combiner, members in stack.list_combiners()}


def _convert_blend(blend: Any, members: Sequence[int]) -> CompiledCombiner:
    """Return the meta-learner of scores in the form of that of classes, without calibration of single members."""
    used = np.flatnonzero(blend.weights_ > 0)
    return CompiledCombiner(
        members=tuple(members[int(k)] for k in used),
        slopes=np.ones(len(used)),
        biases=np.zeros((len(used), 1)),
        weights=blend.weights_[used],
        final_slope=float(blend.slope_),
        final_bias=np.array([float(blend.intercept_)]),
    )


def _split_members(stack: ViewStack | CompiledStack, columns: Columns, used: Collection[int]) -> dict[int, SplitMember]:
    if isinstance(stack, CompiledStack):
        return _split_compiled(stack, columns, used)
    members = {}
    for k in used:
        fitted = stack.members_[k]
        view = stack.views_[fitted.view]
        own = np.concatenate([view.columns, *(columns.places[name] for name in view.sources)])
        members[k] = split_pipeline(fitted.name, stack.models_[fitted.name], own, columns.components)
    return members


def _split_compiled(stack: CompiledStack, columns: Columns, used: Collection[int]) -> dict[int, SplitMember]:
    width = len(columns.names) - 1
    return {k: split_compiled(stack.members_[k], width, columns.components) for k in used}
