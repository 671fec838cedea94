"""The members of the ensemble: an algorithm on a view, and the rows and columns that it sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.models.spaces import defaults

# How well a recording could be seen, not how the person behaved; and what fitted families make features of.
_NOT_LEARNED = frozenset({"quality", "material"})
BOTH = "both"

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Member:
    """One base learner on one view, with its parameters."""

    view: str
    learner: str
    params: Params = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return f"{self.view}/{self.learner}"


@dataclass(frozen=True, eq=False)
class View:
    """The columns that a base learner sees, and the rows that have them.

    Attributes
    ----------
    name : str
        A modality, or "both" for all modalities together.
    needs : frozenset of str
        The modalities that a row must have.
    columns : ndarray of int
    """

    name: str
    needs: frozenset[str]
    columns: NDArray[np.intp]

    def rows(self, present: dict[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Return which rows have every modality that the view needs, shape [n]."""
        return np.asarray(np.stack([present[modality] for modality in self.needs]).all(axis=0))


def modality_columns(names: Sequence[str]) -> dict[str, NDArray[np.intp]]:
    """Return the places of each modality's columns, by the part of their name before `__`; quality is no modality.

    Columns without such a name (a plain array) are one modality, "all".
    """
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        modality = name.split("__", 1)[0] if "__" in name else "all"
        if modality not in _NOT_LEARNED:
            found.setdefault(modality, []).append(place)
    return {modality: np.array(places, dtype=np.intp) for modality, places in found.items()}


def presence(X: NDArray[np.float64], columns: dict[str, NDArray[np.intp]]) -> dict[str, NDArray[np.bool_]]:
    """Return for each modality which rows have any value of it, shape [n]."""
    known = np.isfinite(X)
    return {modality: np.asarray(known[:, places].any(axis=1)) for modality, places in columns.items()}


def views_of(columns: dict[str, NDArray[np.intp]], present: dict[str, NDArray[np.bool_]]) -> list[View]:
    """Return one view a modality that has rows, and the joint one if several have rows in common."""
    modalities = [name for name in columns if present[name].any()]
    views = [View(name, frozenset({name}), columns[name]) for name in modalities]
    if len(views) > 1:
        joint = View(BOTH, frozenset(modalities), np.sort(np.concatenate([columns[name] for name in modalities])))
        if joint.rows(present).any():
            views.append(joint)
    return views


def default_members(views: Iterable[str], learners: Iterable[str]) -> list[Member]:
    """Return every learner on every view, with the parameters that its study begins with."""
    learners = list(learners)
    return [Member(view, learner, defaults(learner, has_audio=False)) for view in views for learner in learners]
