"""Short names for the NumPy array types in annotations, and numbers for JSON."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]


def finite_or_none(value: float | None) -> float | None:
    """Return a float for JSON: None instead of NaN and infinity."""
    return None if value is None or not np.isfinite(value) else float(value)
