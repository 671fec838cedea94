"""Timestamps in whole seconds, several frames each: the frame numbers tell the time between them."""

from __future__ import annotations

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.io.video._timestamps import round_rate
from pdmr_classic.io.video._tracking import Tracking


def is_coarse(tracking: Tracking, stamps: Floats) -> bool:
    """Return whether frame numbers count between timestamps in whole seconds, as py-feat writes them."""
    frames = tracking.meta.get("frame")
    if frames is None or tracking.time_is_ms or (stamps != np.rint(stamps)).any():
        return False
    steps, frame_steps = np.diff(stamps), np.diff(frames)
    if (steps < 0).any() or not (frame_steps > 0).all() or np.ptp(steps / frame_steps) == 0:
        return False
    # Timestamps in ms rise faster than frame numbers.
    return bool(np.ptp(frames) > np.ptp(stamps))


def count_per_second(tracking: Tracking, stamps: Floats) -> float | None:
    """Return the number of frames per second of coarse timestamps; None unless they rise twice."""
    frames = tracking.meta["frame"]
    # The first frame of a second is nearest to its timestamp.
    rises = np.flatnonzero(np.diff(stamps) > 0) + 1
    if len(rises) < 2:
        return None
    first, last = rises[0], rises[-1]
    return round_rate(float((frames[last] - frames[first]) / (stamps[last] - stamps[first])))


def describe_coarse_time(tracking: Tracking, rate: float) -> Finding:
    """Return the finding that says where the time was taken from."""
    return Finding(
        "coarse-time",
        "the timestamps are whole seconds: the time was taken from the frame numbers, the frame rate from their number "
        "per second",
        file=tracking.path,
        column=tracking.name_in_file("timestamp"),
        found=f"{rate:g} frames per second",
        hint="if this is not the frame rate of the video, pass --fps",
    )
