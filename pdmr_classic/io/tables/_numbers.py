"""Spellings of numbers, missing values, truth values and clock times in the cells of a table."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# Spellings of NaN by C++ runtimes, which OpenFace inherits, and by other tools.
NAN_TOKENS = (
    *("", "nan", "NaN", "NAN", "NA", "N/A", "null", "None"),
    *("-nan", "-nan(ind)", "nan(ind)", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND", "1.#INF", "-1.#INF"),
)
# pyarrow also accepts the spellings of C's strtod: -nan(snan), nan(0x7ff).
_PAYLOAD_NAN = re.compile(r"-?nan\([0-9A-Za-z_]*\)", re.IGNORECASE)
_NAN_TOKENS = frozenset(token.lower() for token in NAN_TOKENS)

# Words for a missing value: Praat, iMotions, Excel, SPSS and SAS, ARFF, pandas, R.
_MISSING_WORDS = frozenset(
    (
        *("--undefined--", "undefined", "fit_failed", "find_failed", "missing", "<na>", "nat", "n.a.", "n.a"),
        *("-", "--", "---", "?", ".", "*", "#n/a", "#n/a n/a", "#na", "#div/0!", "#num!"),
    )
)
# printf("%.3f") of the older Microsoft runtimes pads with zeros: -1.#IND00.
_PADDED_NAN = re.compile(r"[-+]?1\.#(?:inf|ind|qnan|snan)\d*", re.IGNORECASE)
_TRUTH_VALUES = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
# 00:01:02.033, 01:02.033 and `0 days 00:01:02.033` of pandas.
_CLOCK = re.compile(r"(?:(?:(\d+) days? )?(\d+):([0-5]?\d)|(\d+)):([0-5]?\d(?:[.,]\d+)?)")


def parse_number(text: str) -> float:
    """Return the value of a field: NaN if it is missing; raise ValueError for text."""
    if text.lower() in _NAN_TOKENS or _PAYLOAD_NAN.fullmatch(text):
        return float("nan")
    if "_" in text:
        raise ValueError(text)
    return float(text)


def is_number(text: str) -> bool:
    """Return whether a field is a number or a missing value."""
    try:
        parse_number(text)
    except ValueError:
        return False
    return True


def to_decimal_point(text: str, delimiter: str) -> str:
    """Replace a decimal comma by a point, unless the comma is the delimiter."""
    return text if delimiter == "," else text.replace(",", ".")


def is_missing_word(text: str) -> bool:
    """Return whether a text is a known word for a missing value.

    Examples
    --------
    >>> [is_missing_word(text) for text in ("--undefined--", "FIT_FAILED", "-1.#IND00", "x")]
    [True, True, True, False]
    """
    return text.lower() in _MISSING_WORDS or _PADDED_NAN.fullmatch(text) is not None


def parse_truth_value(text: str) -> float | None:
    """Return 1 for true and yes, 0 for false and no, in any case; None for other text."""
    return _TRUTH_VALUES.get(text.lower())


def parse_clock(text: str) -> float | None:
    """Return the seconds of a clock time or an ISO date with a time; None for other text.

    Examples
    --------
    >>> [parse_clock(text) for text in ("00:01:02.500", "1:02,5", "0 days 00:00:01", "12:00:00:07", "1.5")]
    [62.5, 62.5, 1.0, None, None]
    """
    if match := _CLOCK.fullmatch(text):
        days, hours, minutes, only_minutes, seconds = match.groups()
        whole = (int(days or 0) * 24 + int(hours or 0)) * 3600 + int(minutes or only_minutes) * 60
        return whole + float(seconds.replace(",", "."))
    if ":" not in text or "-" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        # Without a time zone, only differences matter; UTC has no summer time.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
