"""The columns that contributions are given for: those of the feature table, and those that are fitted in training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.features.catalog import find_families
from pdmr_classic.features.families.kinemes import N_KINEMES
from pdmr_classic.features.fold_fitted import FoldFittedFeatures
from pdmr_classic.features.names import AUDIO, VIDEO, feature_name, parse_name
from pdmr_classic.models.compiled.fitted_features import FittedFeatures, Joined, Tangent
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.ensemble.joining import JOINED_VIEW
from pdmr_classic.models.ensemble.view_stack import ViewStack
from pdmr_classic.models.learners.canonical import N_PAIRS

AUDIO_COMPONENTS = feature_name(AUDIO, "components", "all")
"""All principal components of the audio vector together."""
_FITTED_FAMILIES = {"kineme": "kinemes", "tangent": "au_tangent"}
_KINDS = ("first", "second", "product", "difference")


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of a stack: those of the table, then those fitted in training, and last the principal components.

    Attributes
    ----------
    names : tuple of str
    n_table : int
        Number of columns of the table.
    places : dict of str to ndarray of int
        The fitted columns of each source.
    """

    names: tuple[str, ...]
    n_table: int
    places: dict[str, Ints]

    @property
    def components(self) -> int:
        """The column of the principal components of the audio vector."""
        return len(self.names) - 1

    @cached_property
    def families(self) -> tuple[str, ...]:
        """Family of each column."""
        families = find_families(self.names)
        for place in (place for places in self.places.values() for place in places):
            view, channel, _ = parse_name(self.names[place])
            families[place] = _FITTED_FAMILIES.get(channel, view)
        return tuple(families)


def list_columns(stack: ViewStack | CompiledStack, table_names: Sequence[str]) -> Columns:
    """Return the columns of a fitted stack for a table with these names."""
    sources = _name_compiled(stack) if isinstance(stack, CompiledStack) else _name_sources(stack, table_names)
    names, places = list(table_names), {}
    for source, own in sources.items():
        places[source] = len(names) + np.arange(len(own))
        names += own
    return Columns((*names, AUDIO_COMPONENTS), len(table_names), places)


def extend_table(stack: ViewStack | CompiledStack, table: Floats) -> Floats:
    """Return the table with the columns that are fitted in training, shape [n, F + G]."""
    if isinstance(stack, CompiledStack):
        parts = [step.apply(table) for step in stack.fitted_]
    else:
        parts = [np.asarray(stack.fold_fitted_[name].transform(table)) for name in _used_sources(stack)]
    return np.hstack([table, *parts])


def _used_sources(stack: ViewStack) -> list[str]:
    return list(dict.fromkeys(name for view in stack.views_.values() for name in view.sources))


def _name_sources(stack: ViewStack, table_names: Sequence[str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for source in _used_sources(stack):
        fitted = stack.fold_fitted_[source]
        if isinstance(fitted, FoldFittedFeatures):
            names[source] = [
                name for columns in fitted.columns.values() for name in _name_fitted([table_names[k] for k in columns])
            ]
        else:
            names[source] = _name_variates(source)
    return names


def _name_fitted(material: Sequence[str]) -> list[str]:
    """Return the names of the features that are fitted on some material columns."""
    if parse_name(material[0]).channel == "kineme":
        return [feature_name(VIDEO, "kineme", f"{k:02d}") for k in range(N_KINEMES)]
    return [feature_name(VIDEO, "tangent", parse_name(name).functional) for name in material]


def _name_variates(view: str) -> list[str]:
    return [feature_name(view, f"variate_{kind}", f"{k + 1}") for kind in _KINDS for k in range(N_PAIRS)]


def _name_compiled(stack: CompiledStack) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for number, step in enumerate(stack.fitted_):
        names[str(number)] = _name_compiled_step(step, number)
    return names


def _name_compiled_step(step: FittedFeatures, number: int) -> list[str]:
    if isinstance(step, Joined):
        return _name_variates(JOINED_VIEW if number == 0 else f"{JOINED_VIEW}_{number}")
    channel = "tangent" if isinstance(step, Tangent) else "kineme"
    return [feature_name(VIDEO, channel, f"{k:02d}") for k in range(step.width)]


def find_reference(
    columns: Columns, centers: Iterable[tuple[Ints, Floats]], ranges: Mapping[str, Any] | None
) -> Floats:
    """Return the training median of each column; NaN where the model does not know it.

    Parameters
    ----------
    columns : Columns
    centers : iterable of (ndarray of int, ndarray)
        Columns that a base learner scales, and their medians.
    ranges : mapping of str to list of float, or None
        Percentiles in the manifest.
    """
    reference = np.full(len(columns.names), np.nan)
    for k, name in enumerate(columns.names):
        if ranges and name in ranges:
            reference[k] = ranges[name][len(ranges[name]) // 2]
    for own, medians in centers:
        reference[own] = medians
    return reference
