"""Views: the feature columns of one modality or of several, and the rows that have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.features.names import VIDEO, is_derived
from pdmr_classic.models.learners.large_table import LargeTable, map_batches
from pdmr_classic.models.learners.member import joint_view_name

MATERIAL_MODALITY = VIDEO
"""Modality of the features that are fitted within folds from material columns."""
MATERIAL_SOURCE = "material"
MAX_FOR_ALL_SETS = 4
"""With more modalities, there are few joint views and few sets of modalities."""


@dataclass(frozen=True, eq=False)
class View:
    """The feature columns of a base learner, and the modalities that a row needs to have.

    Attributes
    ----------
    name : str
        A modality, or the name of a joint or joined view.
    needs : frozenset of str
        The required modalities of a row.
    columns : ndarray of int
        In the table.
    sources : tuple of str
        Names of what computes further columns, fitted within each fold.
    """

    name: str
    needs: frozenset[str]
    columns: Ints
    sources: tuple[str, ...] = ()

    def rows(self, present: dict[str, Mask]) -> Mask:
        """Return a mask of the rows that have all required modalities, shape [n]."""
        return np.asarray(np.stack([present[modality] for modality in self.needs]).all(axis=0))


def find_modalities(X: Floats | LargeTable, columns: dict[str, Ints]) -> dict[str, Mask]:
    """Return for each modality a mask of the rows with at least one finite value of it, shape [n]."""

    def find(rows: Floats) -> Mask:
        is_finite = np.isfinite(rows)
        return np.array([is_finite[:, indices].any(axis=1) for indices in columns.values()]).reshape(-1, len(rows)).T

    return dict(zip(columns, np.ascontiguousarray(map_batches(find, X).T), strict=True))


def make_views(columns: dict[str, Ints], present: dict[str, Mask], *, has_material: bool = False) -> list[View]:
    """Return one view per modality, and the joint views that some rows have.

    Two modalities have one joint view, "both". Three or four have the view of all together and of all but one, such as
    "audio+text+video" and "audio+video". More have only the view of all together, because the number of views, each
    with its own base learners, would grow faster than the information in them. Covariates and changes from baseline do
    not count: they only add one joint view, of everything together.
    """
    modalities = [name for name in columns if present[name].any()]
    parts: list[tuple[str, tuple[str, ...]]] = [(name, (name,)) for name in modalities]
    parts += [(joint_view_name(names, len(modalities)), names) for names in _joint_sets(modalities)]
    views = []
    for name, names in parts:
        sources = (MATERIAL_SOURCE,) if has_material and MATERIAL_MODALITY in names else ()
        view = View(name, frozenset(names), np.sort(np.concatenate([columns[one] for one in names])), sources)
        if view.rows(present).any():
            views.append(view)
    return views


def _joint_sets(modalities: list[str]) -> list[tuple[str, ...]]:
    """Return the sets of modalities that have a joint view."""
    measured = [name for name in modalities if not is_derived(name)]
    n = len(measured)
    all_but_one = list(combinations(measured, n - 1)) if 2 < n <= MAX_FOR_ALL_SETS else []
    together = dict.fromkeys((tuple(measured), tuple(modalities)))
    return [*all_but_one, *(names for names in together if len(names) > 1)]


def modality_sets(modalities: Iterable[str], present: dict[str, Mask]) -> list[frozenset[str]]:
    """Return the sets of modalities that get a meta-learner, smaller ones first.

    Up to four modalities: all sets. More: each alone, and the sets that occur in the training rows, also without
    covariates and changes from baseline, and each of these without any one of its modalities.
    """
    names = sorted(modalities)
    if len(names) <= MAX_FOR_ALL_SETS:
        return [frozenset(chosen) for size in range(1, len(names) + 1) for chosen in combinations(names, size)]
    patterns = np.unique(np.column_stack([present[name] for name in names]), axis=0)
    whole = {frozenset(name for name, is_in in zip(names, row, strict=True) if is_in) for row in patterns}
    whole |= {frozenset(name for name in chosen if not is_derived(name)) for chosen in whole}
    sets = {frozenset({name}) for name in names} | whole | {chosen - {name} for chosen in whole for name in chosen}
    return sorted(sets - {frozenset()}, key=lambda chosen: (len(chosen), sorted(chosen)))
