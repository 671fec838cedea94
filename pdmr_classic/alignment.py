"""Alignment of labelled things that belong together, such as labels and predictions: by index, never by position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.errors import DataError
from pdmr_classic.text import format_count, format_quoted


def align_rows(**arguments: Any) -> list[Any]:
    """Return arguments with the rows of all pandas objects in the order of the first one.

    Anything else, such as an array or None, has no labels and is returned unchanged: it is matched by position. If the
    pandas objects differ in their order, it is not clear which of them an array belongs to, and it is refused.

    Parameters
    ----------
    **arguments
        Series, DataFrames or other objects, by the names that a message would use.

    Raises
    ------
    DataError
        Two pandas objects have different labels, labels that repeat, or another order, next to an array.

    Examples
    --------
    >>> truth = pd.Series(["yes", "no"], index=["001", "002"])
    >>> predicted = pd.Series(["no", "yes"], index=["002", "001"])
    >>> truth, predicted = align_rows(truth=truth, predicted=predicted)
    >>> predicted.tolist()
    ['yes', 'no']
    """
    labelled = {name: value for name, value in arguments.items() if isinstance(value, pd.Series | pd.DataFrame)}
    if len(labelled) < 2:
        return list(arguments.values())
    first = next(iter(labelled))
    aligned = {name: _align(value, labelled[first], name, first) for name, value in labelled.items()}
    arrays = [name for name, value in arguments.items() if name not in labelled and value is not None]
    moved = [name for name, value in labelled.items() if aligned[name] is not value]
    if arrays and moved:
        raise _unclear_order_error(first, moved[0], arrays[0])
    return list((arguments | aligned).values())


def check_unique_index(table: pd.Series | pd.DataFrame, name: str) -> None:
    """Raise an error if labels of a table to look rows up in are repeated.

    Raises
    ------
    DataError
    """
    if not table.index.is_unique:
        repeated = table.index[table.index.duplicated()].unique()
        raise DataError(
            f"{format_count(len(repeated), 'label is', 'labels are')} repeated in the index of {name}",
            code="repeated-rows",
            expected="one row for each label",
            found=format_quoted(repeated),
            hint="remove the repeated rows",
        )


def _align(value: Any, reference: Any, name: str, reference_name: str) -> Any:
    # Columns of one table share their index, so that each row is matched with itself.
    if value.index.is_(reference.index):
        return value
    check_unique_index(reference, reference_name)
    check_unique_index(value, name)
    if value.index.equals(reference.index):
        return value
    positions = value.index.get_indexer(reference.index)
    if len(value) != len(reference) or (positions < 0).any():
        raise _different_rows_error(value.index, reference.index, name, reference_name)
    return value.iloc[np.asarray(positions)]


def _unclear_order_error(reference_name: str, name: str, array_name: str) -> DataError:
    return DataError(
        f"{reference_name} and {name} have their rows in different orders, and {array_name} has no labels",
        code="different-rows",
        expected=f"a Series or DataFrame as {array_name}, or the same order in all",
        found=f"an array, whose order may be that of {reference_name} or of {name}",
        hint=f"pass {array_name} with the index of its rows",
    )


def _different_rows_error(index: pd.Index, reference: pd.Index, name: str, reference_name: str) -> DataError:
    missing, additional = reference.difference(index, sort=False), index.difference(reference, sort=False)
    differences = [
        f"{format_count(len(labels), 'label')} only in {owner}, such as {format_quoted(labels, 3)}"
        for labels, owner in ((missing, reference_name), (additional, name))
        if len(labels)
    ]
    return DataError(
        f"{reference_name} and {name} describe different rows",
        code="different-rows",
        expected="the same labels in both indexes, in any order",
        found="; ".join(differences),
        hint="select the same rows of both, or pass arrays (.to_numpy()) to match them by position",
    )
