"""The components of an audio file, from reading its columns to averaging its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding


@dataclass(frozen=True, eq=False)
class Components:
    """Components of an audio file.

    Attributes
    ----------
    matrix : ndarray of float64, shape [T, D]
        NaN if missing.
    names : tuple of str, length D, or empty
        Empty if the columns have no names, or names that only count them.
    """

    path: Path
    matrix: Floats
    content: str
    names: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def add(self, *findings: Finding, **changes: object) -> Components:
        """Return the components with further findings."""
        return replace(self, findings=(*self.findings, *findings), **changes)  # type: ignore[arg-type]
