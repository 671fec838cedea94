"""How much of a recording could be seen: told for every recording, and kept apart from behaviour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.registry import stream_family
from pdmr_classic.io.stream import Stream


@stream_family("quality", view="quality")
def quality(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """How much of the recording is usable. Learners do not see it: it can give a label away.

    Formula: duration_s; frame_rate_hz; n_frames; coverage = valid frames / frames that the duration should have;
    longest_gap_s and n_gaps of frames that are invalid or missing; nan_share among valid frames; face_switches;
    frozen_s

    Unit: s; Hz; share; counts

    Source: OpenFace's confidence and success (Baltrušaitis et al. 2018)
    """
    duration = float(stream.time_s[-1] - stream.time_s[0]) + 1 / stream.frame_rate_hz if stream.n_frames else 0.0
    expected = max(round(duration * stream.frame_rate_hz), stream.n_frames, 1)
    gaps = _gaps_s(stream, duration)
    values = stream.values[stream.valid]
    found = {
        "duration_s": duration,
        "frame_rate_hz": stream.frame_rate_hz,
        "n_frames": stream.n_frames,
        "coverage": np.count_nonzero(stream.valid) / expected,
        "longest_gap_s": gaps.max(initial=0.0),
        "n_gaps": len(gaps),
        "nan_share": float(np.isnan(values).mean()) if values.size else np.nan,
        "face_switches": stream.face_switches,
        "frozen_s": stream.frozen_s,
    }
    return {("stream", name): float(value) for name, value in found.items()}


def _gaps_s(stream: Stream, duration: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the length of each gap: the time between neighbouring valid frames beyond one interval, and the ends."""
    interval = 1 / stream.frame_rate_hz
    times = stream.time_s[stream.valid] - (stream.time_s[0] if stream.n_frames else 0.0)
    edges = np.concatenate([[-interval], times, [duration]])
    gaps = np.diff(edges) - interval
    return gaps[gaps > 0.5 * interval]
