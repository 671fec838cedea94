"""Geometry of a strip chart: paths and rectangles in the units of its drawing area, which the page stretches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

WIDTH, HEIGHT = 1000, 100
_MASK_HEIGHT = 12
_PAD = 4
# Steps of the time axis, in s; the first that gives at most so many ticks is used.
_TICK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MAX_TICKS = 7
_ACTIVE = 1.0
_LOWEST_RANGE = {"action unit": (0.0, 1.0)}

_Part = Mapping[str, Any]


def plan_strip(strip: _Part) -> dict[str, Any]:
    """Return what the template draws: ticks, the mask, the effects of windows, and the lanes.

    Parameters
    ----------
    strip : dict
        As `make_strip` returns it, with lanes.
    """
    start_s, end_s = strip["start_s"], strip["end_s"]
    span = max(end_s - start_s, 1e-9)

    def place(time_s: float) -> float:
        return _round(WIDTH * min(max((time_s - start_s) / span, 0.0), 1.0))

    return {
        "width": WIDTH,
        "height": HEIGHT,
        "mask_height": _MASK_HEIGHT,
        "invalid": _find_invalid(strip["valid"]),
        "ticks": _list_ticks(start_s, end_s),
        "whole": _plan_whole(strip, place),
        "lanes": [_plan_lane(lane, place) for lane in strip["lanes"]],
    }


def _find_invalid(valid: Sequence[float | None]) -> list[tuple[float, float]]:
    """Return start and width of each stretch in which most frames are missing or invalid."""
    stretches: list[tuple[int, int]] = []
    for place, share in enumerate(valid):
        if share is not None and share >= 0.5:
            continue
        if stretches and stretches[-1][1] == place:
            stretches[-1] = (stretches[-1][0], place + 1)
        else:
            stretches.append((place, place + 1))
    scale = WIDTH / max(len(valid), 1)
    return [(_round(first * scale), _round((last - first) * scale)) for first, last in stretches]


def _list_ticks(start_s: float, end_s: float) -> list[dict[str, Any]]:
    """Return the place of each tick as a percentage of the width, and its label."""
    step = next((step for step in _TICK_STEPS if (end_s - start_s) / step <= _MAX_TICKS), _TICK_STEPS[-1])
    first = -(-start_s // step)
    times = [step * (first + number) for number in range(int((end_s - step * first) // step) + 1)]
    return [
        {"place": _round(100 * (time - start_s) / (end_s - start_s)), "label": _format_tick(time)} for time in times
    ]


def _format_tick(time_s: float) -> str:
    minutes, seconds = divmod(int(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _plan_whole(strip: _Part, place: Any) -> dict[str, Any]:
    """Return a bar for each window: up if it adds to the answer, down if it lowers it."""
    whole = strip["whole"]
    largest = max((abs(effect) for effect in whole["effects"] if effect is not None), default=0.0)
    bars = []
    for (start_s, end_s), effect in zip(strip["windows"], whole["effects"], strict=True):
        if effect is None:
            continue
        height = (HEIGHT / 2 - _PAD) * abs(effect) / (largest or 1.0)
        top = HEIGHT / 2 - height if effect > 0 else HEIGHT / 2
        x, right = place(start_s), place(end_s)
        bars.append({"x": x, "width": _round(right - x), "y": _round(top), "height": _round(height), "up": effect > 0})
    return {"sentence": whole["sentence"], "largest": largest, "bars": bars, "marked": _plan_marks(whole, place)}


def _plan_marks(part: _Part, place: Any) -> list[dict[str, Any]]:
    return [
        {
            "x": place(mark["start_s"]),
            "width": _round(place(mark["end_s"]) - place(mark["start_s"])),
            "up": mark["effect"] > 0,
        }
        for mark in part["marks"]
    ]


def _plan_lane(lane: _Part, place: Any) -> dict[str, Any]:
    low, high = _find_range(lane)

    def level(value: float) -> float:
        return _round(HEIGHT - _PAD - (HEIGHT - 2 * _PAD) * (value - low) / (high - low))

    xs = [_round(WIDTH * (number + 0.5) / len(lane["mean"])) for number in range(len(lane["mean"]))]
    return {
        **{name: lane[name] for name in ("name", "label", "unit", "kind", "contribution", "sentence")},
        "low": low,
        "high": high,
        "line": _draw_line(xs, lane["mean"], level),
        "band": _draw_band(xs, lane["low"], lane["high"], level) if lane["low"] != lane["high"] else "",
        "active": level(_ACTIVE) if lane["kind"] == "action unit" and low < _ACTIVE < high else None,
        "marked": _plan_marks(lane, place),
    }


def _find_range(lane: _Part) -> tuple[float, float]:
    values = [value for name in ("low", "high") for value in lane[name] if value is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    if usual := _LOWEST_RANGE.get(lane["kind"]):
        low, high = min(low, usual[0]), max(high, usual[1])
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _list_runs(xs: Sequence[float], *series: Sequence[float | None]) -> list[list[tuple[float, ...]]]:
    """Return the points of each run without a gap."""
    runs: list[list[tuple[float, ...]]] = [[]]
    for x, *values in zip(xs, *series, strict=True):
        if any(value is None for value in values):
            runs.append([])
        else:
            runs[-1].append((x, *values))
    return [run for run in runs if run]


def _draw_line(xs: Sequence[float], values: Sequence[float | None], level: Any) -> str:
    """Return the path of a line with a gap wherever a value is missing; a single point is a short dash."""
    half = max(WIDTH / max(len(xs), 1) / 2, 1.0)
    parts = []
    for run in _list_runs(xs, values):
        points = [(x, level(value)) for x, value in run]
        (x, y), is_single = points[0], len(points) == 1
        parts.append(_draw_path([(x - half, y), (x + half, y)] if is_single else points))
    return "".join(parts)


def _draw_band(xs: Sequence[float], low: Sequence[float | None], high: Sequence[float | None], level: Any) -> str:
    """Return the path of the area between two series."""
    parts = []
    for run in _list_runs(xs, low, high):
        upper = [(x, level(top)) for x, _, top in run]
        lower = [(x, level(bottom)) for x, bottom, _ in reversed(run)]
        parts.append(f"{_draw_path([*upper, *lower])}Z")
    return "".join(parts)


def _draw_path(points: Sequence[tuple[float, float]]) -> str:
    """Return a path of relative steps in whole units, which takes half the characters of absolute coordinates."""
    whole = [(round(x), round(y)) for x, y in points]
    steps = [f"{x - last_x}{y - last_y: d}" for (last_x, last_y), (x, y) in pairwise(whole)]
    return f"M{whole[0][0]} {whole[0][1]}l{' '.join(steps)}"


def _round(value: float) -> float:
    return round(value, 1)
