"""Resting-face normalisation: action units relative to the resting level of the face in the same recording."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream

_RESTING_QUANTILE = 10


def subtract_resting_face(stream: Stream) -> Stream:
    """Subtract from each AU intensity its own 10th percentile over the valid frames; what is below it becomes 0.

    A tracker without a neutral face of the person takes wrinkles and anatomy for activity of some units, which differs
    between people but not within a recording. A unit that is active nearly all the time loses that level, too.

    References
    ----------
    Baltrušaitis, Mahmoud and Robinson 2015 (person-specific normalisation of AU intensities by the median face).

    Examples
    --------
    >>> values = np.array([[1.0, 5.0], [1.0, 5.0], [3.0, 5.0]], dtype=np.float32)
    >>> stream = Stream(values, ("AU04_r", "pose_Tz"), np.arange(3) / 30, 30.0, np.ones(3, dtype=bool))
    >>> subtract_resting_face(stream).values[:, 0].tolist()
    [0.0, 0.0, 2.0]
    """
    units = [row for row, name in enumerate(stream.channels) if channel_kind(name) == "au_intensity"]
    if not units or not stream.valid.any():
        return stream
    values = stream.values.T.copy()
    for row in units:
        usable = values[row, stream.valid]
        usable = usable[np.isfinite(usable)]
        if len(usable):
            values[row] = np.maximum(values[row] - np.percentile(usable, _RESTING_QUANTILE).astype(np.float32), 0.0)
    return replace(stream, values=values.T)
