"""Formats of the pages: numbers, shares and intervals as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MISSING = "-"
_MINUS = "\N{MINUS SIGN}"


def format_number(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """Return a number with fixed decimals; a dash if there is none.

    Examples
    --------
    >>> format_number(0.80645), format_number(None), format_number(0.1, 1, signed=True)
    ('0.806', '-', '+0.1')
    """
    if value is None:
        return MISSING
    return f"{value:{'+' if signed else ''}z.{digits}f}".replace("-", _MINUS)


def format_compact(value: float | None, digits: int = 3) -> str:
    """Return a number with significant digits, such as a measurement of any size.

    Examples
    --------
    >>> format_compact(1234.5), format_compact(0.01234), format_compact(12)
    ('1234', '0.0123', '12')
    """
    if value is None:
        return MISSING
    if abs(value) >= 10**digits:
        return f"{value:.0f}".replace("-", _MINUS)
    return f"{value:.{digits}g}".replace("-", _MINUS)


def format_percent(value: float | None, digits: int = 0) -> str:
    """Return a share as a percentage.

    Examples
    --------
    >>> format_percent(0.286), format_percent(None)
    ('29%', '-')
    """
    return MISSING if value is None else f"{value:.{digits}%}".replace("-", _MINUS)


def format_range(part: Mapping[str, Any] | None, digits: int = 2, *, signed: bool = False) -> str:
    """Return the limits of an interval; "" without an interval.

    Examples
    --------
    >>> format_range({"low": 0.6591, "high": 0.8998}), format_range({"low": None, "high": None})
    ('0.66 to 0.90', '')
    """
    if part is None or part.get("low") is None or part.get("high") is None:
        return ""
    return " to ".join(format_number(part[name], digits, signed=signed) for name in ("low", "high"))


def format_score(part: Mapping[str, Any] | None, digits: int = 3, *, signed: bool = False) -> str:
    """Return a score with its interval; the reason, or a dash, if there is none.

    Examples
    --------
    >>> format_score({"mean": 0.80645, "low": 0.6591, "high": 0.8998})
    '0.806 (0.66 to 0.90)'
    >>> format_score({"mean": None, "reason": "one class only"})
    '- (one class only)'
    """
    if part is None:
        return MISSING
    value = format_number(part.get("mean"), digits, signed=signed)
    extra = format_range(part, signed=signed) or (part.get("reason") if part.get("mean") is None else None)
    return f"{value} ({extra})" if extra else value


def format_sentence(text: str) -> str:
    """Return text of messages, which start with a small letter and end without a full stop, as a sentence.

    Examples
    --------
    >>> format_sentence("2 recordings have no label"), format_sentence("all is well: look below!"), format_sentence("")
    ('2 recordings have no label.', 'All is well: look below!', '')
    """
    text = text.strip()
    end = "" if not text or text[-1] in ".!?:" else "."
    return text[:1].upper() + text[1:] + end
