"""A table file of any format: its column names, and its columns once they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.io.tables._csv_layout import positional_names

MustBeNumeric = Callable[[str], bool]
Parsed = tuple[dict[str, Floats], list[Finding]]


class Source(Protocol):
    """A table whose names are known, and whose columns are not parsed yet.

    Attributes
    ----------
    names : list of str
        In file order.
    has_header : bool
    findings : list of Finding
        What is known before the columns are read.
    text_columns : list of str
        Columns that the file declares as text.
    unnamed_last : str
        Name of a last column without a name in the header, or "".
    first_row : int
        Line of the first row.
    """

    names: list[str]
    has_header: bool
    findings: list[Finding]
    text_columns: list[str]
    unnamed_last: str
    first_row: int

    def read_numbers(self, names: list[str], must_be_numeric: MustBeNumeric) -> Parsed:
        """Return columns as numbers, and the findings about them."""

    def read_text(self, names: list[str]) -> dict[str, list[str]]:
        """Return columns as text; "" where nothing is known."""


@dataclass
class MemorySource:
    """Columns of numbers in memory, as a NumPy file holds them.

    Parameters
    ----------
    path : Path
    columns : dict of str to ndarray, shape [T]
    has_header : bool
    findings : list of Finding
    """

    path: Path
    columns: dict[str, Floats]
    has_header: bool
    findings: list[Finding] = field(default_factory=list)
    text_columns: list[str] = field(default_factory=list)
    unnamed_last: str = ""
    first_row: int = 1
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = list(self.columns)

    @classmethod
    def from_matrix(cls, path: Path, matrix: Floats, names: list[str] | None, findings: list[Finding]) -> MemorySource:
        """Return the columns of a matrix, named by position unless there are names."""
        columns = dict(zip(names or positional_names(matrix.shape[1]), matrix.T.copy(), strict=True))
        return cls(path, columns, names is not None, findings)

    def read_numbers(self, names: list[str], must_be_numeric: MustBeNumeric) -> Parsed:
        """Return the selected columns."""
        return {name: self.columns[name] for name in names}, []

    def read_text(self, names: list[str]) -> dict[str, list[str]]:
        """Return numbers as text."""
        return {name: list(map(repr, self.columns[name].tolist())) for name in names}
