"""One CSV of one recording's audio: a single vector (by default log-Mel, NetVLAD: 16 clusters x 48 bands)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.errors import Finding
from pdmr_classic.io.table import read_table

NETVLAD_WIDTH = 16 * 48


@dataclass(frozen=True, eq=False)
class Embedding:
    """One vector of a recording.

    Attributes
    ----------
    values : ndarray of float64, shape [D]
        NaN where the file has no finite number.
    content : str
        Hash of the file's bytes.
    findings : tuple of Finding
    """

    values: NDArray[np.float64]
    content: str = ""
    findings: tuple[Finding, ...] = ()


def read_embedding(path: str | Path) -> Embedding:
    """Read one audio vector: [1, D] as it is, [D, 1] transposed, [T, D] averaged over T; any D.

    Raises
    ------
    DataError
        The file is no table of numbers.
    """
    table = read_table(path)
    matrix = np.column_stack(list(table.columns.values()))
    findings = list(table.findings)
    if matrix.shape[1] == 1 and matrix.shape[0] > 1:
        findings.append(Finding("transposed", "the vector stands as a column; it was turned", file=table.path))
        matrix = matrix.T
    elif matrix.shape[0] > 1:
        what = f"{matrix.shape[0]} vectors of width {matrix.shape[1]}; their mean was taken"
        findings.append(Finding("mean-pooled", what, file=table.path))
    known = np.isfinite(matrix)
    n_known = known.sum(axis=0)
    total = np.where(known, matrix, 0.0).sum(axis=0)
    values = np.full(matrix.shape[1], np.nan)
    np.divide(total, n_known, out=values, where=n_known > 0)
    return Embedding(values, table.content, tuple(findings))
