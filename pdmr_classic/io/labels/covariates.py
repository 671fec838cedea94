"""Covariates in label tables, such as age and gender: their values, and columns that must not be covariates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.errors import ConfigError, Finding
from pdmr_classic.io.labels._columns import fold_name, is_label_name, is_subject_name, match_column
from pdmr_classic.io.labels.classes import is_no_label, parse_number
from pdmr_classic.io.labels.condition_values import clean_conditions
from pdmr_classic.io.tables.bookkeeping import strip_name
from pdmr_classic.text import format_count, format_list

MAX_CATEGORIES = 20
_OPTION = "--covariates"
_MIN_SUBJECTS = 8
_MIN_CORRELATION = 0.999
_OTHER_USES = ("status", "data_id", "split", "session", "event", "baseline", "severity")
# Totals and items of questionnaires on depression, and diagnoses: words of a column name that start so. Of the short
# ones, only the whole word, because others start so, too.
_CLINICAL = re.compile(
    r"(?:^|_)(?:phq|bdi|ham_d(?:_|$)|hamd(?!a)|hdrs|madr_?s|ces_d(?:_|$)|cesd|qids|hads|epds|zung|mdd"
    r"|(?<!anti_)depress|severity|diagnos|remission|disorder|[sg]ds(?:score|sum|total)?(?:_|$))"
)
_TREATMENT = re.compile(r"(?:^|_)(?:medication|meds(?:_|$)|anti_?depress|ssri|snri)")


@dataclass(frozen=True, eq=False)
class Covariate:
    """The values of one covariate.

    Attributes
    ----------
    numbers : Series of float, or None
        NaN where the value is not known; None for categories.
    categories : Series of str
        One spelling for each category, "" where it is not known.
    codes : tuple of str
        Numbers such as -1 that were taken for missing values.
    """

    numbers: pd.Series | None
    categories: pd.Series
    codes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The categories, sorted; empty for numbers."""
        return [] if self.numbers is not None else sorted({*self.categories} - {""})

    @property
    def is_known(self) -> pd.Series:
        """Whether each recording has a value (bool)."""
        return self.categories != "" if self.numbers is None else self.numbers.notna()


def parse_covariate(cells: pd.Series, known: Sequence[str] = (), *, is_number: bool | None = None) -> Covariate:
    """Return the values of a covariate: numbers if every cell with a value is a number, otherwise categories.

    Parameters
    ----------
    cells : Series of str
        Empty cells, and cells such as nan, are not known. Numbers that usually mean a missing value, such as -1, are
        not known either, unless there are other negative numbers, or hardly any other number.
    known : sequence of str
        Spelling of categories that were trained.
    is_number : bool, optional
        What the covariate was in training; text is then not known.

    Examples
    --------
    >>> parse_covariate(pd.Series(["31", "-1", "45.5", "n/a"])).numbers.tolist()
    [31.0, nan, 45.5, nan]
    >>> parse_covariate(pd.Series(["-1", "-0.3", "1.2"])).numbers.tolist()
    [-1.0, -0.3, 1.2]
    >>> parse_covariate(pd.Series(["F", "m", "f", "f", ""])).names
    ['f', 'm']
    """
    cells = cells.astype(str).str.strip()
    numbers = cells.map(_parse_number)
    is_text = numbers.isna() & ~cells.map(is_no_label)
    if is_number is None:
        is_number = bool(numbers.notna().any() and not is_text.any())
    if not is_number:
        return Covariate(None, clean_conditions(cells, known))
    is_code = numbers.notna() & cells.map(is_no_label)
    others = numbers[~is_code].dropna()
    if not is_code.any() or (others < 0).any() or others.nunique() < 2:
        return Covariate(numbers, cells)
    return Covariate(numbers.mask(is_code), cells, tuple(sorted({*cells[is_code]})))


def _parse_number(cell: str) -> float:
    number = parse_number(cell)
    return float("nan") if number is None else number


def select_covariate(labels: pd.DataFrame | None, column: str) -> pd.Series:
    """Return the cells of a covariate, as in the label table.

    Raises
    ------
    ConfigError
        There is no table, or no such column.
    """
    table = pd.DataFrame() if labels is None else labels
    return table[match_column(column, [str(name) for name in table.columns], _OPTION)]


def check_covariates(
    labels: pd.DataFrame,
    columns: Sequence[str],
    groups: pd.Series,
    targets: Mapping[str, pd.Series],
    reserved: Mapping[str, str | None],
) -> list[Finding]:
    """Refuse columns that are no covariates, above all those that give the target away; return what to tell.

    Parameters
    ----------
    labels : DataFrame of str
        Index `data_id`.
    columns : sequence of str
        As given with `--covariates`.
    groups : Series of str
        Subject of each recording.
    targets : mapping of str to Series
        What is learned, by name: classes ("" if unknown) or scores (NaN).
    reserved : mapping of str to str
        Columns that have another use, by the option that names them.

    Raises
    ------
    ConfigError
        A column does not exist, has another use, holds a target or a questionnaire on depression, tells the target by
        its values, is free text, or stands for single subjects.
    """
    findings = []
    for requested in columns:
        column = match_column(requested, [str(name) for name in labels.columns], _OPTION)
        _check_name(column, targets, reserved)
        values = parse_covariate(labels[column].reindex(groups.index, fill_value=""))
        for name, target in targets.items():
            _check_values(column, values, name, target.reindex(groups.index), groups)
        _check_identity(column, values, groups)
        findings += _describe_values(column, values)
    return [*findings, _describe_use(columns)] if columns else []


def _check_name(column: str, targets: Mapping[str, pd.Series], reserved: Mapping[str, str | None]) -> None:
    key = fold_name(column)
    uses = {fold_name(name): f"the column of {option}" for option, name in reserved.items() if name}
    if key in uses:
        raise _refusal(column, uses[key])
    if key in map(fold_name, (*targets, *_OTHER_USES)) or is_subject_name(column) or is_label_name(column):
        raise _refusal(column, "a target, a subject, or another column with a use of its own")
    if _CLINICAL.search(_split_words(column)):
        raise _refusal(column, "a questionnaire on depression, or a diagnosis")


def _split_words(column: str) -> str:
    """Return the words of a column name in lower case, with "_" between words and between letters and digits."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", "_", strip_name(column))
    return re.sub(r"[\W_]+", "_", words).casefold()


def _check_values(column: str, values: Covariate, name: str, target: pd.Series, groups: pd.Series) -> None:
    """Refuse a column whose values tell the target of every recording."""
    is_score = target.dtype.kind == "f"
    codes = target.map(repr).where(target.notna(), "") if is_score else target.fillna("").astype(str)
    rows = codes != ""
    # An empty cell is a value, too: it may be empty in one class only.
    cells = values.categories if values.numbers is None else values.numbers.map(repr)
    cells = cells.where(values.is_known, "")[rows]
    per_value = codes[rows].groupby(cells)
    is_few = 1 < cells.nunique() <= groups[rows].nunique() / 2
    if codes[rows].nunique() > 1 and is_few and bool((per_value.nunique() == 1).all()):
        raise _refusal(column, f"values that tell {name}: each stands for one class or score")
    if values.numbers is None:
        return
    known = rows & values.is_known
    numbers, subjects = values.numbers[known], groups[known]
    if is_score and subjects.nunique() >= _MIN_SUBJECTS:
        if abs(numbers.corr(target[known].astype(float), method="spearman")) >= _MIN_CORRELATION:
            raise _refusal(column, f"numbers in the order of {name}")
    elif not is_score and _are_separated(numbers, codes[known], subjects):
        raise _refusal(column, f"numbers that separate the classes of {name} without overlap")


def _are_separated(numbers: pd.Series, classes: pd.Series, subjects: pd.Series) -> bool:
    """Return whether the classes have ranges of numbers that do not overlap; with few subjects, that may be chance."""
    if classes.nunique() < 2 or subjects.groupby(classes).nunique().min() < _MIN_SUBJECTS:
        return False
    ranges = numbers.groupby(classes).agg(["min", "max"]).sort_values("min")
    return bool((ranges["min"].iloc[1:].to_numpy() > ranges["max"].iloc[:-1].to_numpy()).all())


def _check_identity(column: str, values: Covariate, groups: pd.Series) -> None:
    """Refuse free text, and values that stand for single subjects."""
    known = values.is_known
    if not known.any():
        raise _refusal(column, "no value in any recording")
    subjects = groups[known]
    if values.numbers is None:
        per_category = subjects.groupby(values.categories[known]).nunique()
        if len(per_category) > MAX_CATEGORIES:
            raise _refusal(column, f"{len(per_category)} different texts: free text, or names")
        if len(per_category) > 2 and (per_category == 1).mean() > 0.5:
            raise _refusal(column, "texts that mostly stand for a single subject each")
        return
    if _count_subjects(values.numbers[known], subjects) or _number_in_id(values.numbers[known], subjects):
        raise _refusal(column, "numbers that count the subjects")


def _count_subjects(numbers: pd.Series, subjects: pd.Series) -> bool:
    """Return whether each subject has its own number, and these are consecutive."""
    per_subject = numbers.groupby(subjects).agg(["min", "max"])
    own = np.sort(per_subject["min"].to_numpy())
    is_constant = bool((per_subject["min"] == per_subject["max"]).all())
    return is_constant and len(own) >= _MIN_SUBJECTS and bool((np.diff(own) == 1).all())


def _number_in_id(numbers: pd.Series, subjects: pd.Series) -> bool:
    """Return whether each subject's number is that in its id."""
    digits = subjects.astype(str).str.replace(r"\D", "", regex=True).map(_parse_number)
    return bool(subjects.nunique() > 2 and (digits == numbers).all())


def _refusal(column: str, found: str) -> ConfigError:
    return ConfigError(
        f"the column {column!r} cannot be a covariate ({_OPTION})",
        code="bad-covariate",
        column=column,
        expected=f"numbers, or up to {MAX_CATEGORIES} categories, known without the diagnosis, such as age or gender",
        found=found,
        hint="choose another column",
    )


def _describe_values(column: str, values: Covariate) -> list[Finding]:
    findings = []
    if _TREATMENT.search(_split_words(column)):
        what = f"the covariate {column!r} may follow from the diagnosis"
        hint = "is it known without the diagnosis? If not, leave it out"
        findings.append(Finding("treatment-covariate", what, column=column, hint=hint))
    n_unknown = int((~values.is_known).sum())
    if n_unknown:
        what = f"{format_count(n_unknown, 'recording has', 'recordings have')} no value of the covariate {column!r}"
        found = f"empty, or {format_list(values.codes)}" if values.codes else None
        findings.append(Finding("no-covariate", what, column=column, found=found))
    known = values.categories[values.is_known] if values.numbers is None else values.numbers.dropna()
    if known.nunique() < 2:
        what = f"the covariate {column!r} has the same value in all recordings, and tells nothing"
        findings.append(Finding("constant-covariate", what, column=column))
    return findings


def _describe_use(columns: Sequence[str]) -> Finding:
    what = (
        f"covariates are inputs of the model: {format_list(columns)}. People who differ only in these, such as in "
        "gender, can get different predictions"
    )
    return Finding("covariates", what, hint="compare the scores of subgroups: evaluate --by COLUMN")


def summarise_covariates(labels: pd.DataFrame, columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return kind, number of known values and distribution of each covariate that the table has.

    Returns
    -------
    dict
        By column: `kind` ("number" or "category"), `known`, `n`, and `min`, `median` and `max`, or `values` (counts).
    """
    summary: dict[str, dict[str, Any]] = {}
    for requested in columns:
        try:
            column = match_column(requested, [str(name) for name in labels.columns], _OPTION)
        except ConfigError:
            continue
        values = parse_covariate(labels[column])
        part: dict[str, Any] = {"known": int(values.is_known.sum()), "n": len(labels)}
        if values.numbers is not None and values.is_known.any():
            spread = {name: float(getattr(values.numbers, name)()) for name in ("min", "median", "max")}
            summary[requested] = {"kind": "number", **part, **spread}
        else:
            counts = values.categories[values.is_known].value_counts().head(MAX_CATEGORIES)
            summary[requested] = {"kind": "category", **part, "values": {str(k): int(v) for k, v in counts.items()}}
    return summary
