"""Views: the feature columns of one modality or of all modalities, and the rows that have them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.models.learners.member import JOINT_VIEW


@dataclass(frozen=True, eq=False)
class View:
    """The feature columns of a base learner, and the modalities that a row needs to have.

    Attributes
    ----------
    name : str
        A modality, or "both" for all modalities together.
    needs : frozenset of str
        The required modalities of a row.
    columns : ndarray of int
    """

    name: str
    needs: frozenset[str]
    columns: Ints

    def rows(self, present: dict[str, Mask]) -> Mask:
        """Return a mask of the rows that have all required modalities, shape [n]."""
        return np.asarray(np.stack([present[modality] for modality in self.needs]).all(axis=0))


def find_modalities(X: Floats, columns: dict[str, Ints]) -> dict[str, Mask]:
    """Return for each modality a mask of the rows with at least one finite value of it, shape [n]."""
    is_finite = np.isfinite(X)
    return {modality: np.asarray(is_finite[:, indices].any(axis=1)) for modality, indices in columns.items()}


def make_views(columns: dict[str, Ints], present: dict[str, Mask]) -> list[View]:
    """Return one view per modality, and the joint view if some rows have all modalities."""
    modalities = [name for name in columns if present[name].any()]
    views = [View(name, frozenset({name}), columns[name]) for name in modalities]
    if len(views) > 1:
        joint = View(JOINT_VIEW, frozenset(modalities), np.sort(np.concatenate([columns[name] for name in modalities])))
        if joint.rows(present).any():
            views.append(joint)
    return views
