"""Read the audio vector of one recording from CSV (by default NetVLAD over log-Mel: 16 clusters x 48 bands)."""

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
    """Audio vector of one recording.

    Attributes
    ----------
    values : ndarray of float64, shape [D]
        NaN if missing or infinite.
    content : str
        Hash of the file's bytes.
    findings : tuple of Finding
    names : tuple of str, length D, or empty
        Names of the components; empty if the file has none.
    tracker : str
        Program that wrote the file, as far as its columns tell; "" if they do not.
    """

    values: Floats
    content: str = ""
    findings: tuple[Finding, ...] = ()
    names: tuple[str, ...] = ()
    tracker: str = ""


def read_embedding(path: str | Path) -> Embedding:
    """Read one audio vector of any length D: [1, D] unchanged, [D, 1] transposed, [T, D] averaged over T.

    Raises
    ------
    DataError
        The file is not a table of numbers.
    """
    table = read_table(path)
    if not table.columns:
        raise no_numbers_error(table.path, "only columns with row numbers, identifiers or labels")
    matrix = np.column_stack(list(table.columns.values()))
    findings = list(table.findings)
    if matrix.shape[1] == 1 and matrix.shape[0] > 1:
        findings.append(Finding("transposed", "the vector is stored as a column and was transposed", file=table.path))
        matrix = matrix.T
    elif matrix.shape[0] > 1:
        what = f"{matrix.shape[0]} vectors of width {matrix.shape[1]} were averaged"
        findings.append(Finding("mean-pooled", what, file=table.path))
    finite = np.isfinite(matrix)
    n_finite = finite.sum(axis=0)
    total = np.where(finite, matrix, 0.0).sum(axis=0)
    values = np.full(matrix.shape[1], np.nan)
    np.divide(total, n_finite, out=values, where=n_finite > 0)
    return Embedding(values, table.content, tuple(findings))


def find_odd_widths(widths: Sequence[tuple[Path, int]], trained_width: int | None = None) -> dict[Path, Finding]:
    """Return a finding for each vector whose width differs from that in training, or from the most frequent width.

    Examples
    --------
    >>> list(find_odd_widths([(Path("1.csv"), 768), (Path("2.csv"), 768), (Path("3.csv"), 512)]))
    [PosixPath('3.csv')]
    """
    if not widths:
        return {}
    width_expected, n_files = Counter(width for _, width in widths).most_common(1)[0]
    expected = f"{width_expected} values, as in {n_files} files"
    if trained_width is not None:
        width_expected, expected = trained_width, f"{trained_width} values, as in training"
    return {
        path: Finding(
            "odd-width",
            "the audio vector has the wrong length",
            file=path,
            expected=expected,
            found=f"{width} values",
            hint="compute all embeddings with the same model",
        )
        for path, width in widths
        if width != width_expected
    }
