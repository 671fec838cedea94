"""Find the components of an audio vector among the columns of its file.

Identifiers, labels and clocks are no components: they are left out, by name and by value, with a finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.io.audio._clocks import drop_clocks, refuse_several_runs
from pdmr_classic.io.audio._components import Components
from pdmr_classic.io.audio._names import drop_numbered_row, name_by_header
from pdmr_classic.io.tables.bookkeeping import column_role
from pdmr_classic.io.tables.table import Table, read_table
from pdmr_classic.io.tables.text_cells import dropped_columns_finding, no_numbers_error

_IDENTIFIERS = frozenset({"face", "id", "label"})
_CLOCKS = frozenset({"frame", "time", "time_ms"})


def read_components(path: str | Path) -> Components:
    """Read the components of an audio file.

    Raises
    ------
    DataError
        The file is not a table of numbers, none of its columns is a component, or its rows are several recordings.
    """
    identifiers: list[str] = []

    def select(names: Sequence[str]) -> list[str]:
        # Before parsing, because text makes parsing slow.
        identifiers.extend(_names_with_role(tuple(names), _IDENTIFIERS))
        return [name for name in names if name not in identifiers] if identifiers else list(names)

    table = read_table(path, select)
    findings = list(table.findings)
    columns = table.columns
    clocks: tuple[str, ...] = ()
    if table.has_header:
        columns, clocks = _separate_clocks(table)
        dropped = [*identifiers, *clocks]
        if dropped:
            findings.append(dropped_columns_finding(table.path, dropped, "clocks, counters, identifiers or labels"))
    if not columns:
        raise no_numbers_error(table.path, "only columns with row numbers, clocks, identifiers or labels")
    matrix = np.column_stack(list(columns.values()))
    components = Components(table.path, matrix, table.content, findings=tuple(findings))
    components = name_by_header(components, list(columns)) if table.has_header else drop_numbered_row(components)
    return drop_clocks(components if clocks else _transpose_column(components))


def _transpose_column(components: Components) -> Components:
    """Take a single column for a vector; one descriptor over time has a name, or a clock beside it."""
    if components.names or components.matrix.shape[1] > 1 or len(components.matrix) < 2:
        return components
    finding = Finding("transposed", "the vector is stored as a column and was transposed", file=components.path)
    return components.add(finding, matrix=components.matrix.T)


# Files of one data set share their header.
@lru_cache(maxsize=64)
def _names_with_role(names: tuple[str, ...], roles: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in names if column_role(name) in roles)


def _separate_clocks(table: Table) -> tuple[dict[str, Floats], tuple[str, ...]]:
    clocks = _names_with_role(tuple(table.columns), _CLOCKS)
    for name in clocks:
        refuse_several_runs(table, name)
    if not clocks:
        return table.columns, ()
    return {name: values for name, values in table.columns.items() if name not in clocks}, clocks
