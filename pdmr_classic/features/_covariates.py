"""Covariates as features: columns of the label table that the user names, such as age and gender, form a view."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import ConfigError, Finding
from pdmr_classic.features.names import COVARIATES, feature_name, is_model_input, parse_name
from pdmr_classic.io.labels.covariates import parse_covariate, select_covariate
from pdmr_classic.text import format_count, format_list, format_quoted

_NUMBER = "value"


def add_covariates(
    features: pd.DataFrame,
    labels: pd.DataFrame | None,
    columns: Sequence[str],
    trained_names: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, list[Finding]]:
    """Append the covariates to the features of recordings.

    A number is one feature, `covariates__age__value`; text is one feature per category, `covariates__gender__f`, which
    is 1 or 0. A value that is not known is NaN in all features of the covariate, and so is a category that training
    never saw. Recordings without any other feature get no covariates either: age alone is no recording.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        Index `data_id`.
    labels : DataFrame of str, or None
        Label table of the same recordings.
    columns : sequence of str
        Names of the covariates.
    trained_names : sequence of str, optional
        Names of the features that a model was trained on: they say what is a number, and which categories there are.
        Columns that are missing are then not known.

    Returns
    -------
    DataFrame, shape [n, F + C]
    list of Finding

    Raises
    ------
    ConfigError
        In training: there is no label table, or it lacks a column.

    Examples
    --------
    >>> features = pd.DataFrame({"video__AU12_r__mean": [0.1, 0.2]}, index=["a", "b"])
    >>> labels = pd.DataFrame({"age": ["31", ""], "gender": ["f", "m"]}, index=["a", "b"])
    >>> add_covariates(features, labels, ["age", "gender"])[0].iloc[:, 1:].to_numpy().tolist()
    [[31.0, 1.0, 0.0], [nan, 0.0, 1.0]]
    """
    if not columns:
        return features, []
    trained = _list_trained(trained_names)
    parts: dict[str, Floats] = {}
    findings: list[Finding] = []
    missing = []
    for column in columns:
        cells = _find_cells(labels, column, features.index, is_required=trained is None)
        if cells is None:
            missing.append(column)
            cells = pd.Series("", index=features.index, dtype=object)
        encoded, unknown = _encode(column, cells, None if trained is None else trained.get(column, []))
        parts |= encoded
        findings += unknown
    if missing:
        findings.append(_missing_finding(missing))
    is_recorded = features[[name for name in features.columns if is_model_input(str(name))]].notna().any(axis=1)
    added = pd.DataFrame(parts, index=features.index)
    added[~is_recorded] = np.nan
    return pd.concat([features, added], axis=1), findings


def _list_trained(names: Sequence[str] | None) -> dict[str, list[str]] | None:
    """Return the functionals of each covariate in the features of a model; None in training."""
    if names is None:
        return None
    trained: dict[str, list[str]] = {}
    for parsed in map(parse_name, names):
        if parsed.view == COVARIATES:
            trained.setdefault(parsed.channel, []).append(parsed.functional)
    return trained


def _find_cells(labels: pd.DataFrame | None, column: str, index: pd.Index, *, is_required: bool) -> pd.Series | None:
    try:
        return select_covariate(labels, column).reindex(index).fillna("")
    except ConfigError:
        if is_required:
            raise
        return None


def _encode(column: str, cells: pd.Series, trained: list[str] | None) -> tuple[dict[str, Floats], list[Finding]]:
    """Return the features of one covariate by name, and what is not known about it although there is a cell."""
    is_number = None if trained is None else _NUMBER in trained
    values = parse_covariate(cells, trained or (), is_number=is_number)
    if values.numbers is not None:
        text = cells[values.numbers.isna() & (parse_covariate(cells, is_number=False).categories != "")]
        findings = [] if trained is None else _tell_unseen(column, text, "a number")
        return {feature_name(COVARIATES, column, _NUMBER): values.numbers.to_numpy(dtype=np.float64)}, findings
    names = {category: _name_category(category) for category in values.names}
    known = list(dict.fromkeys(names.values())) if trained is None else trained
    cells = values.categories.map(lambda category: names.get(category, ""))
    is_known = cells.isin(known).to_numpy()
    unseen = values.categories[(cells != "") & ~is_known]
    encoded = {
        feature_name(COVARIATES, column, name): np.where(is_known, (cells == name).to_numpy(dtype=np.float64), np.nan)
        for name in known
    }
    return encoded, _tell_unseen(column, unseen, format_list(known))


def _name_category(category: str) -> str:
    """Return a category as the last part of a feature's name: without the separator, and not that of numbers.

    Examples
    --------
    >>> _name_category("not__said_"), _name_category("value")
    ('not_said', 'value_')
    """
    name = re.sub("__+", "_", category).strip("_") or "other"
    return f"{name}_" if name == _NUMBER else name


def _tell_unseen(column: str, cells: pd.Series, expected: str) -> list[Finding]:
    if not len(cells):
        return []
    what = (
        f"{format_count(len(cells), 'recording has', 'recordings have')} a value of the covariate {column!r} that "
        "training never saw; it counts as not known"
    )
    found = format_quoted(sorted({*map(str, cells)}))
    return [Finding("unseen-covariate", what, column=column, expected=expected, found=found)]


def _missing_finding(columns: Sequence[str]) -> Finding:
    return Finding(
        "missing-covariates",
        f"covariates are not known for these recordings, and the model predicts without them: {format_list(columns)}",
        expected=f"a label table with data_id,{','.join(columns)}",
        hint="add labels.csv (it needs no status), or pass --labels FILE",
    )
