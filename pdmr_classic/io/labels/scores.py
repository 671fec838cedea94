"""Scores in label tables: the column that holds them, its numbers, and whether they fit their scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.config import BOTH, DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.labels._columns import fold_name, match_score_column
from pdmr_classic.io.labels.classes import count_labels, find_score_columns, is_no_label, parse_number
from pdmr_classic.io.labels.scales import SCALES, Scale, describe_range
from pdmr_classic.text import format_count, format_list, format_quoted

_DEFAULT_COLUMN = "severity"
# Scores that use less than this share of the scale's range may be of another scale.
_MIN_SHARE_USED = 0.4


def find_score_column(labels: pd.DataFrame, settings: DataSettings) -> str:
    """Return the column of the scores to learn.

    With `--target COLUMN` this column, also by a short name such as phq8 for PHQ8_Score; with `--target both` the one
    given by `--score-column`, otherwise `severity` or the only column with a known name.

    Raises
    ------
    ConfigError
        There is no such column, or several.

    Examples
    --------
    >>> labels = pd.DataFrame(columns=["status", "gender", "PHQ8_Score"])
    >>> find_score_column(labels, DataSettings(target="both"))
    'PHQ8_Score'
    """
    columns = [str(name) for name in labels.columns]
    if settings.target != BOTH:
        return match_score_column(settings.target, columns, option="--target")
    if settings.score_column is not None:
        return match_score_column(settings.score_column, columns, option="--score-column")
    named = [name for name in columns if fold_name(name) == _DEFAULT_COLUMN] or find_score_columns(columns)
    if len(named) == 1:
        return named[0]
    raise ConfigError(
        "several columns may hold the score" if named else "no column of the label table is recognised as a score",
        code="which-column",
        expected="severity, or one column such as PHQ8_Score",
        found=format_quoted(named) if named else format_list(columns, 20),
        hint="pass --score-column COLUMN",
    )


def find_scored(labels: pd.DataFrame, settings: DataSettings) -> pd.Series | None:
    """Return whether each recording has a cell in the column of scores (bool); None without such a column.

    Examples
    --------
    >>> labels = pd.DataFrame({"severity": ["4", "", "nan"]}, index=list("abc"))
    >>> find_scored(labels, DataSettings(target="severity")).tolist()
    [True, False, False]
    """
    try:
        column = find_score_column(labels, settings)
    except ConfigError:
        return None
    return ~labels[column].map(is_no_label).astype(bool)


def summarise_scores(labels: pd.DataFrame, settings: DataSettings) -> dict[str, Any] | None:
    """Return name, number, median and range of the scores; None if there are none that can be read.

    Examples
    --------
    >>> labels = pd.DataFrame({"severity": ["4", "9", ""]}, index=list("abc"))
    >>> summarise_scores(labels, DataSettings(target="severity"))
    {'column': 'severity', 'n': 2, 'median': 6.5, 'min': 4.0, 'max': 9.0}
    """
    try:
        column = find_score_column(labels, settings)
        scores = read_scores(labels, column)[0].dropna()
    except (ConfigError, DataError):
        return None
    measures = {"median": scores.median(), "min": scores.min(), "max": scores.max()}
    return {"column": column, "n": len(scores), **{name: float(value) for name, value in measures.items()}}


def read_scores(labels: pd.DataFrame, column: str, low: float | None = None) -> tuple[pd.Series, list[Finding]]:
    """Return the numbers in a column of scores, and what to tell.

    Parameters
    ----------
    labels : DataFrame of str
        Index `data_id`.
    column : str
    low : float, optional
        Lowest possible score. Numbers that usually mean a missing label, such as -1, are missing if they are lower.
        Without it, they are missing unless other scores are negative, too.

    Returns
    -------
    Series of float
        NaN where the cell is empty or means that there is no label.
    list of Finding

    Raises
    ------
    DataError
        Cells are text (all are listed), no cell is a number, or it is not certain whether a number is a score.

    Examples
    --------
    >>> labels = pd.DataFrame({"PHQ8_Score": ["4", "17", "-1", "nan"]}, index=list("abcd"))
    >>> scores, findings = read_scores(labels, "PHQ8_Score")
    >>> scores.tolist(), findings[0].what
    ([4.0, 17.0, nan, nan], '2 recordings have no score')
    """
    cells = labels[column].astype(str)
    numbers = cells.map(_parse_score)
    is_code = numbers.notna() & cells.map(is_no_label)
    _refuse_doubtful(cells, numbers, is_code, column, low)
    is_missing = cells.map(is_no_label) & (numbers.isna() | (numbers < (0.0 if low is None else low)))
    _refuse_text(cells[numbers.isna() & ~is_missing], column)
    if is_missing.all():
        raise DataError(
            "no recording has a score",
            code="no-scores",
            column=column,
            expected="a number for each recording",
            found=_format_missing(cells) or "no recordings",
            hint="fill in the cells, or pass another column",
        )
    what = f"{format_count(int(is_missing.sum()), 'recording has', 'recordings have')} no score"
    finding = Finding("no-score", what, column=column, found=_format_missing(cells[is_missing]))
    return numbers.mask(is_missing).rename(column), [finding] if is_missing.any() else []


def _parse_score(cell: str) -> float:
    number = parse_number(cell) if "," not in cell else None
    return np.nan if number is None else number


def _refuse_doubtful(cells: pd.Series, numbers: pd.Series, is_code: pd.Series, column: str, low: float | None) -> None:
    """Refuse numbers such as -1 if other scores are negative and the range is not known."""
    negative = numbers[(numbers < 0) & ~is_code]
    if low is not None or not is_code.any() or not len(negative):
        return
    raise DataError(
        f"{cells[is_code].iloc[0]!r} may be a score, or may mean that there is none",
        code="doubtful-score",
        column=column,
        expected="a range of scores",
        found=f"also {format_list(f'{number:g}' for number in negative)}",
        hint="pass --scale MIN:MAX; numbers such as -1 are scores if they are in this range",
    )


def _refuse_text(text: pd.Series, column: str) -> None:
    if not len(text):
        return
    has_comma = all("," in cell and parse_number(cell) is not None for cell in text)
    hint = "write decimal points" if has_comma else "correct the cells, leave them empty, or pass another column"
    raise DataError(
        f"{format_count(len(text), 'score is', 'scores are')} not a number",
        code="bad-score",
        column=column,
        expected="numbers, or empty cells",
        found=format_list((f"{cell[:60]!r} for {data_id!r}" for data_id, cell in text.items()), 20),
        hint=hint,
    )


def _format_missing(cells: Sequence[str] | pd.Series) -> str:
    names = [repr(cell) if cell.strip() else "empty" for cell in cells]
    return format_list(f"{name} {count}" for name, count in count_labels(names).items())


# -------------------------------------------------------------------------------------------------- checks


def check_scores(scores: pd.Series, scale: Scale, column: str) -> list[Finding]:
    """Refuse scores outside their scale, and return findings about scores that may be of another scale.

    Parameters
    ----------
    scores : Series of float
        Index `data_id`; NaN is ignored.

    Raises
    ------
    DataError
        Scores are outside the scale.

    Examples
    --------
    >>> check_scores(pd.Series([3.0, 17.0, 30.0], index=list("abc")), SCALES["phq8"], "PHQ8_Score")
    Traceback (most recent call last):
    ...
    pdmr_classic.errors.DataError: 1 recording has a score outside the scale
      where:    column 'PHQ8_Score'
      expected: phq8, 0 to 24
      found:    30 for 'c'
      hint:     correct the scores, or pass another --scale: they fit bdi2, hamd17
    """
    known = scores.dropna()
    outside = known[(known < scale.low) | (known > scale.high)]
    if len(outside):
        fitting = format_list(name for name, other in SCALES.items() if known.between(other.low, other.high).all())
        raise DataError(
            f"{format_count(len(outside), 'recording has', 'recordings have')} a score outside the scale",
            code="score-outside-scale",
            column=column,
            expected=describe_range(scale.name, scale.low, scale.high),
            found=format_list(f"{score:g} for {data_id!r}" for data_id, score in outside.items()),
            hint="correct the scores, or pass another --scale: "
            + (f"they fit {fitting}" if fitting else f"MIN:MAX, such as {known.min():g}:{known.max():g}"),
        )
    return [*_warn_of_narrow_scores(known, scale, column), *_warn_of_fractions(known, scale, column)]


def _warn_of_narrow_scores(scores: pd.Series, scale: Scale, column: str) -> list[Finding]:
    width = scale.high - scale.low
    if not len(scores) or scores.max() - scale.low >= _MIN_SHARE_USED * width:
        return []
    shorter = [
        name
        for name, other in SCALES.items()
        if other.high - other.low < width and scores.between(other.low, other.high).all()
    ]
    return [
        Finding(
            "narrow-scores",
            f"the highest score is {scores.max():g}, far below the end of the scale {scale.name}",
            column=column,
            expected=f"{scale.low:g} to {scale.high:g}",
            hint="check the column and --scale" + (f": the scores also fit {format_list(shorter)}" if shorter else ""),
        )
    ]


def _warn_of_fractions(scores: pd.Series, scale: Scale, column: str) -> list[Finding]:
    fractions = scores[scores != scale.round(scores)]
    if not len(fractions):
        return []
    return [
        Finding(
            "fractional-scores",
            format_count(len(fractions), "score is not a whole number", "scores are not whole numbers"),
            column=column,
            expected=f"sums of items, as in {scale.name}",
            found=format_list(f"{score:g} for {data_id!r}" for data_id, score in fractions.items()),
            hint="check the column; classes are those of the rounded scores",
        )
    ]
