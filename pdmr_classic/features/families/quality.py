"""Recording quality: computed for every recording, but never shown to learners."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.registry import stream_family
from pdmr_classic.io.video.stream import Stream


@stream_family("quality", view="quality")
def quality(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Quality of the recording; hidden from learners, because it can reveal the label.

    Formula: duration_s; frame_rate_hz; n_frames; coverage = valid frames / number of frames expected from the duration;
    longest_gap_s, n_gaps = maximum duration and number of gaps (runs of invalid or missing frames); nan_share = share
    of NaN values in valid frames; face_switches = number of changes of the face id; frozen_s = total duration of frozen
    frames

    Unit: s; Hz; share; count

    Source: OpenFace's confidence and success (Baltrušaitis et al. 2018)
    """
    duration = float(stream.time_s[-1] - stream.time_s[0]) + 1 / stream.frame_rate_hz if stream.n_frames else 0.0
    expected = max(round(duration * stream.frame_rate_hz), stream.n_frames, 1)
    gaps = _gap_durations_s(stream, duration)
    values = stream.values[stream.valid]
    features = {
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
    return {("stream", name): float(value) for name, value in features.items()}


def _gap_durations_s(stream: Stream, duration: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the duration of each gap between valid frames, including gaps at the start and the end."""
    interval = 1 / stream.frame_rate_hz
    times = stream.time_s[stream.valid] - (stream.time_s[0] if stream.n_frames else 0.0)
    edges = np.concatenate([[-interval], times, [duration]])
    gaps = np.diff(edges) - interval
    return gaps[gaps > 0.5 * interval]
