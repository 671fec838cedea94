"""Scales of the rows of dots and bars in tables, in per cent of the width of the cell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pdmr_classic.reporting.page._formats import format_compact

_N_STEPS = 4
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """A linear scale with its ticks; the first and the last tick are its limits.

    Examples
    --------
    >>> scale = Scale((0, 0.5, 1))
    >>> scale.at(0.25), scale.at(7), scale.label(0.5)
    (25.0, 100.0, '0.5')
    """

    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Return a position in per cent; values beyond the limits are at the limits."""
        low, high = self.ticks[0], self.ticks[-1]
        return round(100 * min(max((value - low) / (high - low), 0.0), 1.0), 2)

    def label(self, tick: float) -> str:
        """Return a tick as text."""
        return format_compact(tick)


UNIT_SCALE = Scale((0.0, 0.25, 0.5, 0.75, 1.0))


def fit_scale(values: Iterable[float | None], *include: float) -> Scale:
    """Return a scale with round ticks that contains all values that are not None, and those to include.

    Examples
    --------
    >>> fit_scale([0.012, None, 0.31], 0).ticks
    (0.0, 0.1, 0.2, 0.3, 0.4)
    >>> fit_scale([]).ticks
    (0.0, 0.25, 0.5, 0.75, 1.0)
    """
    numbers = [value for value in (*values, *include) if value is not None]
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-300):
        low, high = min(low, 0.0), max(high, 0.0) or 1.0
    step = _round_step((high - low) / _N_STEPS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(tuple(float(f"{k * step:.12g}") for k in range(first, max(last, first + 1) + 1)))


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return power * next(part for part in _STEPS if part * power >= step * (1 - 1e-9))
