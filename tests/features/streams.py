"""Streams made for the tests of features, and what is computed on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.file_features import compute_stream_features
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.channels import GAZE, POSE
from pdmr_classic.io.stream import Stream

RATE = 30.0


NAN = float("nan")


AU_R = tuple(f"AU{number:02d}_r" for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45))


AU_C = (*(f"{name[:4]}_c" for name in AU_R[:-1]), "AU28_c", "AU45_c")


# What PDMR hands out: 49 channels beside frame, timestamp, confidence and success.
FULL = (*GAZE, *POSE, *AU_R, *AU_C)


LANDMARKS = tuple(f"{axis}_{point}" for axis in "xy" for point in range(68))


def make_stream(
    channels: Mapping[str, ArrayLike],
    rate: float = RATE,
    valid: ArrayLike | None = None,
    time_s: ArrayLike | None = None,
) -> Stream:
    """Return a stream of these channels, all frames valid and without a gap unless told otherwise."""
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
    """Return the features of some families (default: those of the video that are on by default), by name."""
    known = load_families()
    usual = tuple(name for name, family in known.items() if family.is_default and family.view != "audio")
    chosen = tuple(known[name] for name in names or usual)
    keys, values = compute_stream_features(stream, chosen, FeatureSettings(**settings))
    assert len(keys) == len(values) == len(set(keys))
    return dict(zip(keys, values.tolist(), strict=True))


def channel_features(stream: Stream, family: str, channel: str = "ch000", **settings: Any) -> dict[str, float]:
    """Return one family's features of one channel, by functional."""
    start = f"video__{channel}__"
    result = features(stream, family, **settings)
    return {name.removeprefix(start): value for name, value in result.items() if name.startswith(start)}


def sine(hz: float, seconds: float, amplitude: float = 1.0, level: float = 0.0, rate: float = RATE) -> NDArray[Any]:
    """Return a sine whose samples lie between its zeros."""
    return level + amplitude * np.sin(2 * np.pi * hz * (np.arange(round(seconds * rate)) + 0.25) / rate)


def without(result: Mapping[str, float], *starts: str) -> dict[str, float]:
    """Return features whose names do not start so."""
    return {name: value for name, value in result.items() if not name.startswith(starts)}


def assert_same(result: Mapping[str, float], expected: Mapping[str, float]) -> None:
    """Hold two rows of features to the same names and the very same values, NaN where NaN."""
    assert result.keys() == expected.keys()
    differ = {k: (result[k], expected[k]) for k in result if not np.array_equal(result[k], expected[k], equal_nan=True)}
    assert not differ
