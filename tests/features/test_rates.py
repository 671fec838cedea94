"""Features do not depend on the frame rate: one minute at 30 Hz and every second frame of it agree.

Movement below 2 Hz is the same at 15 Hz, up to the error of a difference over one frame: samples 1/rate apart differ
by sin(pi f / rate) / (pi f / rate) of the derivative, that is, at 2 Hz by .993 at 30 Hz and .971 at 15 Hz, and by the
square of that for acceleration. "Measured" is the largest difference over five seeds, in the unit of the feature unless
given in percent; the channels have a standard deviation of 1 (action units: 1.0, landmarks in px: 2).

| family | quantity | measured | tolerance |
|---|---|---|---|
| distribution | mean, std, iqr, mad, p05 to p95, skewness, kurtosis | .083 | .12 |
| distribution | min, max, range | .16 | .25 |
| distribution | slope per s; shares | .0001; .011 | .001; .015 |
| dynamics | velocity; acceleration | 1.7%; 3.4% | 2.5%; 4.5% |
| dynamics | zero crossings and turns per s | .07 | .15 |
| dynamics | autocorrelation at 1, 2 and 5 s; decay s | .0014; .0011 | .005; .005 |
| dynamics | autocorrelation at .5 s: 7.5 frames at 15 Hz, interpolated | .019 | .03 |
| au_activation | share; durations s; onsets per min; active mean | .008; .034; .023; .015 | .015; 1/15; .1; .03 |
| au_together | shares; count; entropy | .0033; .015; .0003 | .015; .03; .001 |
| eyes | blinks per min; durations s; opening | 0; .013; .001 | .1; 1/15; .003 |
| eyes | shares; deviation | .0045; .0006 | .015; .002 |
| eyes | fixations and shifts per min; fixation s | 1 (the last one of the minute); .033 | 1.1; 1/15 |
| movement | speeds and path; acceleration; amplitude | 1.4%; 3.0%; .07% | 2.5%; 4.5%; .2% |
| movement | shares | .008 | .015 |
| movement, spectral | log10 power from .1 to 3 Hz | .00001 | .001 |
| spectral | relative power; shape from .3 to 7 Hz, in Hz; amplitudes above .1 Hz | .00001 | .001 |
| coordination | log eigenvalues above -6; entropy | .023; .0007 | .05; .002 |
| multiscale | mean, std, range; active | .092; .013 | .15; .02 |
| multiscale | velocity rms: mean; std, as a share of that mean | 1.6%; .9% | 2.5%; 2% |

Features that do not agree, and why:

- Velocity, acceleration and spectrum of signals with jumps, such as gaze: jumps are not band-limited, and as fast as
  the frame rate (at 15 Hz, velocity_rms of such a gaze is 29% lower, acceleration 65%). Shares, rates and durations of
  fixations do agree.
- Power in bands without signal, which consists of rounding errors and window side lobes.
- Onsets and bouts shorter than a frame of the slower stream: if a bout is missed, its neighbours are merged.
- Eigenvalues below e^-6 of the total, which depend on the sampling of smooth signals (.1 of the logarithm).
- n_frames and frame_rate_hz of the family quality, by definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from streams import AU_C, AU_R, GAZE, POSE, RATE, features, make_stream

from pdmr_classic.io.video.stream import Stream

N = 1800
SEEDS = (0, 1, 2)


def make_slow_signal(rng: np.random.Generator, highest_hz: float = 1.9) -> NDArray[np.float64]:
    """Return one minute of a sum of twelve sines below a frequency, with a standard deviation of 1."""
    hz, weight = rng.uniform(0.12, highest_hz, 12), rng.uniform(0.2, 1.0, 12)
    phase = 2 * np.pi * (hz * np.arange(N)[:, None] / RATE + rng.random(12))
    return (np.sin(phase) * weight).sum(axis=1) / np.sqrt((weight**2).sum() / 2)


def make_waves(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return 8 to 41 waves that are never synchronous with the frames."""
    clock = 2 * np.pi * np.arange(N) / N
    return np.cos(rng.integers(8, 42) * clock + rng.uniform(1, 2, 3) @ np.sin([clock, 2 * clock, 3 * clock]))


def make_minute(seed: int) -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    channels = {name: make_slow_signal(rng) * (20.0 if name[5] == "T" else 1.0) for name in POSE}
    channels |= {name: make_slow_signal(rng) for name in GAZE}
    # Units are active for more than a few frames at a time, and inactive at both ends.
    channels |= {name: 1.2 - 1.4 * make_waves(rng) for name in AU_R}
    channels |= {name: (-make_waves(rng) > 0.3).astype(float) for name in AU_C}
    channels["AU45_c"] = ((np.arange(N) + 7) % 90 < 8 + np.arange(N) // 90 % 5).astype(float)
    # Fixations of 0.5 to 2 s, with jumps between them.
    stops = np.cumsum(rng.integers(15, 60, 200))
    channels["gaze_angle_x"] = rng.choice([-0.4, -0.1, 0.2, 0.5], 201)[
        np.searchsorted(stops, np.arange(N), side="right")
    ]
    channels["gaze_angle_y"] = 0.15 * make_slow_signal(rng, 0.2)
    for axis, name in ((320, "x"), (240, "y")):
        channels |= {f"{name}_{point}": axis + rng.normal(0, 50) + 2 * make_slow_signal(rng) for point in range(68)}
    lids = 4.0 + make_slow_signal(rng, 1.0)
    for first in (36, 42):
        # Eye corners 30 px apart, with the upper lids above the lower lids.
        for place, (x, y) in enumerate([(0, 0), (10, 1), (20, 1), (30, 0), (20, -1), (10, -1)]):
            channels[f"x_{first + place}"] = np.full(N, 270.0 + 2 * first + x)
            channels[f"y_{first + place}"] = 220.0 + y * lids
    return channels


def make_both_rates(seed: int) -> tuple[Stream, Stream]:
    channels = make_minute(seed)
    return make_stream(channels), make_stream({name: x[::2] for name, x in channels.items()}, rate=RATE / 2)


@pytest.fixture(scope="module", params=SEEDS)
def pairs(request: pytest.FixtureRequest) -> dict[str, tuple[float, float]]:
    """Return every feature at 30 Hz and at 15 Hz."""
    full, half = (features(stream) for stream in make_both_rates(request.param))
    assert full.keys() == half.keys()
    return {name: (full[name], half[name]) for name in full}


def select_pairs(pairs: dict[str, tuple[float, float]], pattern: str) -> Iterator[tuple[str, float, float]]:
    names = [name for name in pairs if re.fullmatch(rf"video__({pattern})", name)]
    assert names, pattern
    for name in names:
        yield name, *pairs[name]


CHANNEL = r"(?:pose_R\w|gaze_\d_\w|AU\d\d_r)__"
UNIT = r"AU\d\d_[rc]__"

# Pattern of the names, absolute tolerance, tolerance relative to the value at 30 Hz.
TOLERANCES = {
    "levels": (CHANNEL + r"(mean|std|iqr|mad|p\d\d|skewness|kurtosis)", 0.12, 0.0),
    "extremes": (CHANNEL + "(min|max|range)", 0.25, 0.0),
    "slope": (CHANNEL + "slope", 1e-3, 0.0),
    "shares": (CHANNEL + r"share_\w+_mean", 0.015, 0.0),
    "velocity": (r"(?:pose_R\w|AU\d\d_r)__velocity_(mean|rms)", 0.0, 0.025),
    "acceleration": (r"(?:pose_R\w|AU\d\d_r)__acceleration_(mean|rms)", 0.0, 0.045),
    "crossings and turns": (r"(?:pose_R\w|AU\d\d_r)__(zero_crossings|turns)_per_s", 0.15, 0.0),
    "autocorrelation": (r"(?:pose_R\w|AU\d\d_r)__autocorrelation_[125]s", 5e-3, 0.0),
    "autocorrelation between frames": (r"(?:pose_R\w|AU\d\d_r)__autocorrelation_0.5s", 0.03, 0.0),
    "decay": (r"(?:pose_R\w|AU\d\d_r)__decay_s", 0.005, 0.0),
    "activity": (UNIT + "share_active", 0.015, 0.0),
    "onsets": (UNIT + "onsets_per_min", 0.1, 0.0),
    "bouts": (UNIT + r"bout_\w+_s", 1 / 15, 0.0),
    "intensity while active": (UNIT + "active_mean", 0.03, 0.0),
    "pairs": (r"AU\d\d_AU\d\d__share_\w+", 0.015, 0.0),
    "units together": ("AU__n_active", 0.03, 0.0),
    "entropy of units": ("AU__entropy", 1e-3, 0.0),
    "blinks": ("blink__per_min", 0.1, 0.0),
    "blink durations": (r"blink__duration_\w+_s", 1 / 15, 0.0),
    "eyelids": (r"eyelid__opening_\w+", 3e-3, 0.0),
    "looks": (r"(gaze__\w*share\w*|blink__closed_share)", 0.015, 0.0),
    "deviation": ("gaze__deviation", 2e-3, 0.0),
    "fixations": ("gaze__(fixations|shifts)_per_min", 1.1, 0.0),
    "fixation durations": ("gaze__fixation_mean_s", 1 / 15, 0.0),
    "speed": (r"(head_\w+|face\w*)__(speed_mean|speed_rms|path_per_min)", 0.0, 0.025),
    "acceleration of bodies": (r"(head_\w+|face\w*)__acceleration_rms", 0.0, 0.045),
    "amplitude of bodies": (r"(head_\w+|face\w*)__amplitude_rms", 0.0, 2e-3),
    "stillness and lean": (r"\w+__share_(still|forward|back)", 0.015, 0.0),
    "gestures": (r"head__\w+_power", 0.001, 0.0),
    "power": (r"pose_R\w__power_(0.1_0.3|0.3_1|1_3)hz", 0.001, 0.0),
    "relative power": (r"(?:pose_R\w|AU\d\d_r)__relative_\S+", 0.001, 0.0),
    "shape of the spectrum": (r"pose_R\w__(centroid_hz|spread_hz|entropy|edge85_hz|peak_hz)", 0.001, 0.0),
    "slow amplitudes": (r"(?:pose_R\w|AU\d\d_r)__amplitude_0.(15|2|25)hz", 0.001, 0.0),
    "entropy of coordination": (r"\w+_coordination__entropy_\S+", 2e-3, 0.0),
    "windows": (r"(?:pose_R\w|AU\d\d_r)__(mean|std|range)_\d+s_(mean|std)", 0.15, 0.0),
    "active windows": (UNIT + r"active_\d+s_(mean|std)", 0.02, 0.0),
    "velocity of windows": (r"(?:pose_R\w|AU\d\d_r)__velocity_rms_\d+s_mean", 0.0, 0.025),
}


@pytest.mark.parametrize("quantity", TOLERANCES)
def test_both_rates_agree(pairs: dict[str, tuple[float, float]], quantity: str) -> None:
    pattern, absolute, relative = TOLERANCES[quantity]
    for name, full, half in select_pairs(pairs, pattern):
        assert half == pytest.approx(full, abs=absolute, rel=relative), name


def test_the_variation_of_velocity_agrees_within_a_share_of_its_mean(pairs: dict[str, tuple[float, float]]) -> None:
    for name, full, half in select_pairs(pairs, r"(?:pose_R\w|AU\d\d_r)__velocity_rms_\d+s_std"):
        assert half == pytest.approx(full, abs=0.02 * pairs[name.replace("s_std", "s_mean")][0]), name


def test_large_eigenvalues_agree(pairs: dict[str, tuple[float, float]]) -> None:
    large = [part for part in select_pairs(pairs, r"\w+_coordination__eigenvalue\d\d_\S+") if part[1] > -6]
    assert len(large) > 20
    for name, full, half in large:
        assert half == pytest.approx(full, abs=0.05), name


def test_quality_features_of_time_agree(pairs: dict[str, tuple[float, float]]) -> None:
    for name in ("duration_s", "coverage", "longest_gap_s", "n_gaps"):
        full, half = pairs[f"quality__stream__{name}"]
        assert half == pytest.approx(full, abs=1e-6), name
    assert pairs["quality__stream__frame_rate_hz"] == (30.0, 15.0)


def test_the_same_features_are_finite_at_both_rates(pairs: dict[str, tuple[float, float]]) -> None:
    assert [name for name, (full, half) in pairs.items() if np.isnan(full) != np.isnan(half)] == []
