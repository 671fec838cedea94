"""Geometry of bars: contributions beside their names, and the way from the base to the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 200.0
_MAX_STEPS = 12

_Bar = dict[str, Any]


def plan_bars(items: Sequence[tuple[str, float, float]]) -> list[_Bar]:
    """Return a bar from the middle for each item, on a common scale.

    Parameters
    ----------
    items : sequence of (label, value, error)
        The error is drawn if it is not 0.
    """
    largest = max((abs(value) + error for _, value, error in items), default=0.0) or 1.0

    def place(value: float) -> float:
        return round(WIDTH / 2 * (1 + value / largest), 2)

    return [_make_bar(label, value, error, 0.0, value, place) | {"zero": place(0.0)} for label, value, error in items]


def plan_waterfall(
    base: float, steps: Sequence[tuple[str, float, float]], threshold: float | None = None
) -> dict[str, Any]:
    """Return the bars from the base to the answer; each step starts where the last one ended.

    The largest steps come first; those beyond a dozen are one step.

    Parameters
    ----------
    base : float
        In log-odds.
    steps : sequence of (label, value, error)
    threshold : float, optional
        Probability from which the answer is the positive class.
    """
    ordered = _merge_small(sorted(steps, key=lambda step: -abs(step[1])))
    levels = [base]
    for _, value, _ in ordered:
        levels.append(levels[-1] + value)
    limit = None if threshold is None or not 0 < threshold < 1 else math.log(threshold / (1 - threshold))
    marks = [0.0, *levels, *([] if limit is None else [limit])]
    low, high = min(marks), max(marks)
    margin = 0.04 * (high - low) or 1.0

    def place(value: float) -> float:
        return round(WIDTH * (value - low + margin) / (high - low + 2 * margin), 2)

    bars = [
        _make_bar(label, value, error, start, end, place)
        for (label, value, error), start, end in zip(ordered, levels, levels[1:], strict=False)
    ]
    ends = {"zero": place(0.0), "limit": None if limit is None else place(limit), "limit_value": limit}
    first = _make_bar("", base, 0.0, 0.0, base, place)
    last = _make_bar("", levels[-1], 0.0, 0.0, levels[-1], place)
    return {"bars": bars, "base": first, "answer": last, **ends}


def _merge_small(steps: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    if len(steps) <= _MAX_STEPS:
        return list(steps)
    rest = steps[_MAX_STEPS - 1 :]
    error = math.sqrt(sum(error**2 for _, _, error in rest))
    return [*steps[: _MAX_STEPS - 1], (f"{len(rest)} others", sum(value for _, value, _ in rest), error)]


def _make_bar(label: str, value: float, error: float, start: float, end: float, place: Any) -> _Bar:
    left, right = sorted((place(start), place(end)))
    return {
        "label": label,
        "value": value,
        "error": error,
        "x": left,
        "width": round(max(right - left, 0.6), 2),
        "up": value > 0,
        "whisker": (place(end - error), place(end + error)) if error else None,
    }


def list_contributions(parts: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Return label, value and error of contributions, the largest first; they are numbers, or dicts with both.

    Those that are 0, as of a modality that the recording lacks, are left out.
    """
    items = [
        (name, part["value"], part.get("error")) if isinstance(part, Mapping) else (name, part, None)
        for name, part in parts.items()
    ]
    known = [(name, float(value), float(error or 0.0)) for name, value, error in items if _is_number(value)]
    return sorted((item for item in known if item[1]), key=lambda item: -abs(item[1]))


def _is_number(value: float | None) -> bool:
    """Return whether a value is a finite number."""
    return value is not None and math.isfinite(value)
