"""One CSV of one recording's audio: a single vector (by default log-Mel, NetVLAD: 16 clusters x 48 bands)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.io._csv_parse import no_numbers_error
from pdmr_classic.io.csv_table import read_table

NETVLAD_CLUSTERS = 16
NETVLAD_WIDTH = NETVLAD_CLUSTERS * 48


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

    values: Floats
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
    if not table.columns:
        raise no_numbers_error(table.path, "no column but bookkeeping")
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


def find_odd_widths(widths: Sequence[tuple[Path, int]], trained: int | None = None) -> dict[Path, Finding]:
    """Return a finding for each vector whose width is not that of training, or of most: two embeddings do not compare.

    Examples
    --------
    >>> list(find_odd_widths([(Path("1.csv"), 768), (Path("2.csv"), 768), (Path("3.csv"), 512)]))
    [PosixPath('3.csv')]
    """
    if not widths:
        return {}
    usual, n_usual = Counter(width for _, width in widths).most_common(1)[0]
    expected = f"{usual} values, as in {n_usual} files"
    if trained is not None:
        usual, expected = trained, f"{trained} values, as in training"
    return {
        path: Finding(
            "odd-width",
            "the audio vector has another width than the others",
            file=path,
            expected=expected,
            found=f"{width} values",
            hint="embed every recording with the same model",
        )
        for path, width in widths
        if width != usual
    }
