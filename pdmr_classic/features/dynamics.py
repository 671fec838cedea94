"""How fast a channel changes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.features.registry import channel_family
from pdmr_classic.features.signal import Floats, Signal


@channel_family("dynamics", kinds=("pose", "gaze", "au_intensity", "other"))
def dynamics(signal: Signal) -> Mapping[str, Floats]:
    """Velocity and acceleration of each channel, from neighbouring frames without a gap.

    Formula: v = (x[t] - x[t-1]) * rate, a = (x[t] - 2 x[t-1] + x[t-2]) * rate^2;
    mean of |v| and |a|, root of the mean of v^2 and a^2

    Unit: the channel's per second; per second squared

    Source: Alghowinem et al. 2013; Girard et al. 2014

    NaN where there are no two (three) neighbouring frames.
    """
    return {
        "velocity_mean": mean_or_nan(np.abs(signal.velocity)),
        "velocity_rms": np.sqrt(mean_or_nan(signal.velocity**2)),
        "acceleration_mean": mean_or_nan(np.abs(signal.acceleration)),
        "acceleration_rms": np.sqrt(mean_or_nan(signal.acceleration**2)),
    }


def mean_or_nan(rows: Floats) -> Floats:
    """Mean over the first axis; NaN, without a warning, where it is empty."""
    return rows.mean(axis=0) if len(rows) else np.full(rows.shape[1:], np.nan)
