"""Rows of training recordings that a model file stores: who can be found in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.evaluation.identity._representations import member_inputs, member_rows
from pdmr_classic.evaluation.identity._rows import Rows, find_usable
from pdmr_classic.models.model import DepressionModel

_MAX_STORED = 400
# Relative to the length of a row: stored rows are copies.
_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class StoredRows:
    """The member of a model that stores most rows, such as the support vectors of an SVM.

    Attributes
    ----------
    member : str
    rows : ndarray, shape [m, D]
        In the space of the inputs of the member; a sample if there are many.
    n_rows : int
        Number of all of them.
    """

    member: str
    rows: Floats
    n_rows: int


def find_stored_rows(model: DepressionModel, table: pd.DataFrame) -> StoredRows | None:
    """Return the rows that a model stores; None if it stores none. Any table with its columns will do."""
    found = [
        (name, np.asarray(pipeline[-1].support_vectors_, dtype=np.float64))
        for name, _, _, pipeline in member_rows(table, model)
        if hasattr(pipeline[-1], "support_vectors_")
    ]
    if not found:
        return None
    name, rows = max(found, key=lambda part: part[1].shape[0])
    return StoredRows(name, rows[:: -(-len(rows) // _MAX_STORED)], len(rows))


def distances(stored: StoredRows, model: DepressionModel, table: pd.DataFrame) -> Floats:
    """Return the relative distance of each recording to each stored row, shape [n, m]; NaN without the view."""
    for name, rows, X, pipeline in member_rows(table, model):
        if name == stored.member:
            inputs = member_inputs(pipeline, X)
            squared = (inputs**2).sum(axis=1)[:, None] + (stored.rows**2).sum(axis=1) - 2 * inputs @ stored.rows.T
            size = max(float((stored.rows**2).sum(axis=1).mean()), 1e-12)
            filled = np.full((len(table), len(stored.rows)), np.nan)
            # Differences of squares of equal rows are not exactly 0.
            filled[rows] = np.sqrt(np.maximum(squared / size, 0.0))
            return filled
    return np.full((len(table), len(stored.rows)), np.nan)


def identify_from_stored(distance: Floats, rows: Rows) -> tuple[Ints, Floats, Floats, float]:
    """Find training subjects by other recordings of theirs: the nearest stored row of the same label.

    Parameters
    ----------
    distance : ndarray, shape [n, m]
        Of the training recordings to the stored rows.
    rows : Rows
        Of the training recordings.

    Returns
    -------
    subject, hits, chance : ndarray, shape [probes]
        A probe is a recording whose subject has another stored recording of the same label.
    share : float
        Of the stored rows, those that equal a recording, so that it can be linked.
    """
    usable = find_usable(distance)
    distance, rows = distance[usable], rows.select(usable)
    if not len(distance):
        return np.zeros(0, dtype=np.intp), np.zeros(0), np.zeros(0), 0.0
    source = distance.argmin(axis=0)
    linked = distance.min(axis=0) < _TOLERANCE**0.5
    others = linked & (source != np.arange(len(distance))[:, None]) & (rows.label[source] == rows.label[:, None])
    owner = np.where(others, rows.subject[source], -1)
    is_probe = (owner == rows.subject[:, None]).any(axis=1) & np.array([_count(part) > 1 for part in owner], dtype=bool)
    nearest = np.where(others, distance, np.inf).argmin(axis=1)
    hits = (rows.subject[source[nearest]] == rows.subject).astype(float)
    chance = np.array([1.0 / max(_count(part), 1) for part in owner])
    return rows.subject[is_probe], hits[is_probe], chance[is_probe], float(linked.mean())


def _count(owner: NDArray[np.intp]) -> int:
    return len(np.unique(owner[owner >= 0]))


def nearness(distance: Floats) -> Floats:
    """Return how near each recording is to a stored row, shape [n]; 0 for a copy, otherwise negative."""
    known = find_usable(distance)
    nearest = np.full(len(distance), np.nan)
    nearest[known] = -distance[known].min(axis=1)
    return np.where(nearest > -(_TOLERANCE**0.5), 0.0, nearest)
