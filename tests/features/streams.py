"""Helpers for feature tests: streams from given channels, and their features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.file_features import compute_stream_features
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.trackers.channels import GAZE, POSE
from pdmr_classic.io.video.stream import Stream

RATE = 30.0


NAN = float("nan")


AU_R = tuple(f"AU{number:02d}_r" for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45))


AU_C = (*(f"{name[:4]}_c" for name in AU_R[:-1]), "AU28_c", "AU45_c")


# The channels of PDMR: 49, besides frame, timestamp, confidence and success.
FULL = (*GAZE, *POSE, *AU_R, *AU_C)


LANDMARKS = tuple(f"{axis}_{point}" for axis in "xy" for point in range(68))


def make_stream(
    channels: Mapping[str, ArrayLike],
    rate: float = RATE,
    valid: ArrayLike | None = None,
    time_s: ArrayLike | None = None,
) -> Stream:
    """Return a stream of these channels; by default, all frames are valid and there are no gaps."""
    values = np.array(list(channels.values()), dtype=np.float32).T
    n = len(values)
    return Stream(
        values=values,
        channels=tuple(channels),
        time_s=np.arange(n) / rate if time_s is None else np.asarray(time_s, dtype=np.float64),
        frame_rate_hz=rate,
        valid=np.ones(n, dtype=bool) if valid is None else np.asarray(valid, dtype=bool),
    )


def features(stream: Stream, *names: str, **settings: Any) -> dict[str, float]:
    """Return the features of the named families (default: all default families of video), by name."""
    families = load_families()
    defaults = tuple(name for name, family in families.items() if family.is_default and family.view != "audio")
    selected = tuple(families[name] for name in names or defaults)
    keys, values = compute_stream_features(stream, selected, FeatureSettings(**settings))
    assert len(keys) == len(values) == len(set(keys))
    return dict(zip(keys, values.tolist(), strict=True))


def channel_features(stream: Stream, family: str, channel: str = "ch000", **settings: Any) -> dict[str, float]:
    """Return the features of one family and channel, by functional."""
    prefix = f"video__{channel}__"
    result = features(stream, family, **settings)
    return {name.removeprefix(prefix): value for name, value in result.items() if name.startswith(prefix)}


def sine(hz: float, seconds: float, amplitude: float = 1.0, level: float = 0.0, rate: float = RATE) -> NDArray[Any]:
    """Return a sine that is never sampled at its zeros."""
    return level + amplitude * np.sin(2 * np.pi * hz * (np.arange(round(seconds * rate)) + 0.25) / rate)


def drop_features(result: Mapping[str, float], *prefixes: str) -> dict[str, float]:
    """Return the features whose names do not start with any of the prefixes."""
    return {name: value for name, value in result.items() if not name.startswith(prefixes)}


def assert_same(result: Mapping[str, float], expected: Mapping[str, float]) -> None:
    """Assert that two rows have the same feature names and identical values, including NaN."""
    assert result.keys() == expected.keys()
    differences = {
        k: (result[k], expected[k]) for k in result if not np.array_equal(result[k], expected[k], equal_nan=True)
    }
    assert not differences
