"""Base learners of a stack, split into preprocessing and learner, so that contributions lead back to the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.pipeline import Pipeline

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.models.compiled.compile import compile_pipeline
from pdmr_classic.models.compiled.forest import Forest, read_sklearn_forest
from pdmr_classic.models.compiled.stack import CompiledMember
from pdmr_classic.models.compiled.steps import AudioVector, Columns, Linear, LogOdds, RbfKernel, Scale, Step
from pdmr_classic.models.explanation._learners import Sampling, ScoreParts, apply_steps, explain_learner

_FINAL_STEPS = (Forest, Linear, RbfKernel)


@dataclass(frozen=True, eq=False)
class SplitMember:
    """A base learner: its name, preprocessing, the column each preprocessed column comes from, and the learner.

    Attributes
    ----------
    name : str
    steps : tuple of Step
        From the table with fitted columns to preprocessed rows.
    origins : ndarray of int
        Column of each preprocessed column; a principal component has the column of all components, and a column
        from which habits were removed still counts as that column.
    learner : fitted estimator, or tuple of Step
    """

    name: str
    steps: tuple[Step, ...]
    origins: Ints
    learner: Any

    def prepare(self, table: Floats) -> Floats:
        """Return preprocessed rows."""
        return apply_steps(self.steps, table)

    def prepare_reference(self, medians: Floats) -> Floats:
        """Return the preprocessed training median: 0 once columns are scaled, whatever is known of the raw values."""
        row: Floats = medians[None, :]
        for step in self.steps:
            row = np.asarray(step.apply(row))
            if isinstance(step, Scale):
                row = np.zeros_like(row)
        return np.asarray(row[0])

    @property
    def centers(self) -> tuple[Ints, Floats] | None:
        """Columns and medians, if columns are scaled without being normalised first."""
        for step, scale in zip(self.steps, self.steps[1:], strict=False):
            if isinstance(step, Columns) and isinstance(scale, Scale):
                return step.indices, scale.center
        return None

    def explain(
        self, table: Floats, medians: Floats, families: Sequence[str], *, n_permutations: int, seed: int
    ) -> ScoreParts:
        """Split the scores of rows over the preprocessed columns."""
        X, own = self.prepare(table), np.asarray(families, dtype=object)[self.origins]
        groups = [np.flatnonzero(own == name) for name in dict.fromkeys(own.tolist())]
        sampling = Sampling(groups, n_permutations, seed)
        return explain_learner(self.learner, X, self.prepare_reference(medians), sampling)


def split_pipeline(name: str, pipeline: Pipeline, columns: Ints, components: int) -> SplitMember:
    """Split a fitted base learner on some columns of the table; `components` is the column of audio components."""
    steps = compile_pipeline(pipeline[:-1], Columns(columns))
    return SplitMember(name, steps, _trace(steps, components), _read_forest(pipeline[-1]))


def _read_forest(learner: Any) -> Any:
    """Return the compiled steps of a forest, which is read only once, and any other learner as it is."""
    if isinstance(learner, ExtraTreesRegressor):
        return (read_sklearn_forest(learner),)
    if isinstance(learner, ExtraTreesClassifier):
        forest = read_sklearn_forest(learner)
        return (forest, LogOdds(len(forest.base) == 1))
    return learner


def split_compiled(member: CompiledMember, n_columns: int, components: int) -> SplitMember:
    """Split a compiled base learner."""
    place = next(k for k, step in enumerate(member.steps) if isinstance(step, _FINAL_STEPS))
    steps = (Columns(np.arange(n_columns)), *member.steps[:place])
    return SplitMember(member.name, steps, _trace(steps, components), member.steps[place:])


def _trace(steps: Sequence[Step], components: int) -> Ints:
    """Return the column that each preprocessed column comes from."""
    origins: Ints | None = None
    for step in steps:
        if isinstance(step, Columns):
            origins = step.indices if origins is None else origins[step.indices]
        elif isinstance(step, AudioVector) and origins is not None:
            vector = origins[step.is_audio]
            if step.projection is not None:
                vector = np.full(step.projection.axes.shape[1], components)
            origins = np.concatenate([origins[~step.is_audio], vector])
    if origins is None:
        raise ValueError("the first step must select columns")
    return origins


def sum_by_column(values: Floats, origins: Ints, n_columns: int) -> Floats:
    """Return values [n, preprocessed columns, S] added up for the column that they come from, shape [n, columns, S]."""
    total = np.zeros((len(values), n_columns, values.shape[2]))
    if len(np.unique(origins)) == len(origins):
        total[:, origins] = values
    else:
        for k, column in enumerate(origins):
            total[:, column] += values[:, k]
    return total


def find_centers(members: Mapping[int, SplitMember]) -> list[tuple[Ints, Floats]]:
    """Return the columns and medians that the members know, the last one first."""
    centers = (member.centers for member in reversed(list(members.values())))
    return [known for known in centers if known is not None]
