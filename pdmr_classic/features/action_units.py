"""When action units are active: rates and bouts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.features.registry import channel_family
from pdmr_classic.features.signal import Floats, Signal
from pdmr_classic.io.openface import channel_kind

ACTIVE_INTENSITY = 1.0
"""OpenFace's intensity 1 is FACS level A, the least that a coder would call present."""


@channel_family("au_activation", kinds=("au_intensity", "au_presence"))
def au_activation(signal: Signal) -> Mapping[str, Floats]:
    """How often and for how long each action unit is active.

    Formula: active = AU_c is 1, or AU_r >= 1; share_active; onsets_per_min = rises between neighbouring frames / time;
    bout = unbroken run of active frames: bout_mean_s, bout_max_s; active_mean = mean AU_r while active

    Unit: share; per minute; s; intensity 0..5

    Source: Girard et al. 2014 (AU12, AU14, AU15); Alghowinem et al. 2013 (AU45: blink duration)

    A bout ends where a gap begins. Without a bout, durations and active_mean are NaN; without a frame, all are.
    """
    is_intensity = np.array([channel_kind(name) == "au_intensity" for name in signal.channels])
    active = signal.values >= np.where(is_intensity, ACTIVE_INTENSITY, 0.5)
    n_active = active.sum(axis=0)
    bout_count, bout_longest = _bouts(active, signal.follows)
    rises = (active[1:] & ~active[:-1])[signal.follows[1:]].sum(axis=0)
    minutes = signal.n_frames / signal.frame_rate_hz / 60
    with np.errstate(divide="ignore", invalid="ignore"):
        active_mean = np.where(is_intensity, (signal.values * active).sum(axis=0) / n_active, np.nan)
        return {
            "share_active": n_active / np.float64(signal.n_frames),
            "onsets_per_min": rises / np.float64(minutes),
            "bout_mean_s": n_active / bout_count / signal.frame_rate_hz,
            "bout_max_s": np.where(bout_count > 0, bout_longest, np.nan) / signal.frame_rate_hz,
            "active_mean": active_mean,
        }


def _bouts(active: NDArray[np.bool_], follows: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the number of bouts and the frames of the longest one, each of shape [C]."""
    n_channels = active.shape[1]
    count = np.zeros(n_channels, dtype=np.intp)
    longest = np.zeros(n_channels, dtype=np.intp)
    if not len(active):
        return count, longest
    # All channels as one line, each followed by an inactive frame that keeps them apart.
    line = np.zeros((n_channels, len(active) + 1), dtype=bool)
    line[:, :-1] = active.T
    goes_on = np.append(follows, False)
    flat = line.ravel()
    starts = (line & ~(np.roll(line, 1, axis=1) & goes_on)).ravel()
    stops = (line & ~(np.roll(line & goes_on, -1, axis=1))).ravel()
    first = np.flatnonzero(starts & flat)
    lengths = np.flatnonzero(stops & flat) - first + 1
    channel = first // line.shape[1]
    np.add.at(count, channel, 1)
    np.maximum.at(longest, channel, lengths)
    return count, longest
