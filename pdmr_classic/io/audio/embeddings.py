"""Read the audio vector of one recording from CSV (by default NetVLAD over log-Mel: 16 clusters x 48 bands)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.io.audio._columns import read_components
from pdmr_classic.io.audio._rows import (
    drop_placeholder_rows,
    drop_unvoiced,
    find_voicing,
    name_covarep,
    recognise_program,
)

NETVLAD_CLUSTERS = 16
NETVLAD_WIDTH = NETVLAD_CLUSTERS * 48
_N_FIRST_ROWS = 20


@dataclass(frozen=True, eq=False)
class Embedding:
    """Audio vector of one recording.

    Attributes
    ----------
    values : ndarray of float64, shape [D]
        NaN if missing or infinite.
    content : str
        Hash of the file's bytes.
    findings : tuple of Finding
    names : tuple of str, length D, or empty
        Names of the components; empty if the file has none, or names that only count columns (`feat_0`, `V1`). They can
        end the name of a feature: without `__`, and never a number.
    tracker : {"opensmile", "covarep", ""}
        Program that wrote the file, as far as its columns tell; "" if they do not.
    evidence : str
        What tells it.
    n_rows : int
        Number of rows that were averaged.
    constant : tuple of int
        Indices of the components that are equal in all of at least two rows.
    """

    values: Floats
    content: str = ""
    findings: tuple[Finding, ...] = ()
    names: tuple[str, ...] = ()
    tracker: str = ""
    evidence: str = ""
    n_rows: int = 1
    constant: tuple[int, ...] = ()


def read_embedding(path: str | Path) -> Embedding:
    """Read one audio vector of any length D: [1, D] unchanged, [D, 1] transposed, [T, D] averaged over T.

    Columns with names keep them. Identifiers, labels and clocks are left out, as are rows that are no measurement:
    unvoiced rows of COVAREP, and rows in which every value is -1, 0 or 100.

    Raises
    ------
    DataError
        The file is not a table of numbers, or its rows are several recordings.
    """
    components = drop_placeholder_rows(drop_unvoiced(name_covarep(read_components(path))))
    matrix = components.matrix
    if matrix.shape[0] > 1:
        what = f"{matrix.shape[0]} vectors of width {matrix.shape[1]} were averaged"
        components = components.add(Finding("mean-pooled", what, file=components.path))
    tracker, evidence = recognise_program(components.names)
    return Embedding(
        _average(matrix),
        components.content,
        components.findings,
        components.names,
        tracker,
        evidence,
        n_rows=len(matrix),
        constant=_find_constant(matrix, components.names),
    )


def _find_constant(matrix: Floats, names: tuple[str, ...]) -> tuple[int, ...]:
    if len(matrix) < 2:
        return ()
    # In most components, the first rows already differ.
    candidates = np.flatnonzero(_is_constant(matrix[:_N_FIRST_ROWS]))
    constant = candidates[_is_constant(matrix[:, candidates]) & (np.isfinite(matrix[:, candidates]).sum(axis=0) > 1)]
    # The share of voiced rows describes the file as a whole.
    voicing = find_voicing(names) if names else None
    return tuple(index for index in constant.tolist() if index != voicing)


def _is_constant(rows: Floats) -> NDArray[np.bool_]:
    """Return whether the finite values of each column are equal; true without any."""
    finite = np.isfinite(rows)
    low, high = np.where(finite, rows, np.inf).min(axis=0), np.where(finite, rows, -np.inf).max(axis=0)
    return np.asarray(low >= high)


def _average(matrix: Floats) -> Floats:
    """Return the mean of each column over its finite values; NaN if there are none."""
    finite = np.isfinite(matrix)
    n_finite = finite.sum(axis=0)
    total = np.where(finite, matrix, 0.0).sum(axis=0)
    values = np.full(matrix.shape[1], np.nan)
    np.divide(total, n_finite, out=values, where=n_finite > 0)
    return values
