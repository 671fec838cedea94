"""The members of the ensemble: an algorithm on a view, and the rows and columns that it sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask

_BOTH = "both"


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
    columns: Ints

    def rows(self, present: dict[str, Mask]) -> Mask:
        """Return which rows have every modality that the view needs, shape [n]."""
        return np.asarray(np.stack([present[modality] for modality in self.needs]).all(axis=0))


def find_modalities(X: Floats, columns: dict[str, Ints]) -> dict[str, Mask]:
    """Return for each modality which rows have any value of it, shape [n]."""
    known = np.isfinite(X)
    return {modality: np.asarray(known[:, places].any(axis=1)) for modality, places in columns.items()}


def make_views(columns: dict[str, Ints], present: dict[str, Mask]) -> list[View]:
    """Return one view a modality that has rows, and the joint one if several have rows in common."""
    modalities = [name for name in columns if present[name].any()]
    views = [View(name, frozenset({name}), columns[name]) for name in modalities]
    if len(views) > 1:
        joint = View(_BOTH, frozenset(modalities), np.sort(np.concatenate([columns[name] for name in modalities])))
        if joint.rows(present).any():
            views.append(joint)
    return views
