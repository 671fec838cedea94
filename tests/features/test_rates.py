"""Time is real time: a minute at 30 frames a second and every second frame of it say the same.

What moves below 2 Hz is the same at 15 frames a second, up to what a difference over one frame loses. Two samples
1/rate apart differ by sin(pi f / rate) / (pi f / rate) of the derivative: at 2 Hz, .993 of it at 30 and .971 at 15
frames a second, and the square of that for acceleration. Measured is the largest difference over five seeds, in the
feature's own unit where there is no percent sign; channels have an sd of 1 (units: 1.0, px of landmarks: 2).

| family | quantity | measured | held |
|---|---|---|---|
| distribution | mean, std, iqr, mad, p05 to p95, skewness, kurtosis | .083 | .12 |
| distribution | min, max, range | .16 | .25 |
| distribution | slope per s; shares | .0001; .011 | .001; .015 |
| dynamics | velocity; acceleration | 1.7%; 3.4% | 2.5%; 4.5% |
| dynamics | zero crossings and turns per s | .07 | .15 |
| dynamics | autocorrelation at 1, 2 and 5 s; decay s | .0014; .0011 | .005; .005 |
| dynamics | autocorrelation at .5 s: 7.5 frames at 15 Hz, a line between two | .019 | .03 |
| au_activation | share; durations s; onsets per min; mean while active | .008; .034; .023; .015 | .015; 1/15; .1; .03 |
| au_together | shares; count; entropy | .0033; .015; .0003 | .015; .03; .001 |
| eyes | blinks per min; durations s; opening | 0; .013; .001 | .1; 1/15; .003 |
| eyes | shares; deviation | .0045; .0006 | .015; .002 |
| eyes | fixations and shifts per min; fixation s | 1 (the last of the minute); .033 | 1.1; 1/15 |
| movement | speeds and path; acceleration; amplitude | 1.4%; 3.0%; .07% | 2.5%; 4.5%; .2% |
| movement | shares | .008 | .015 |
| movement, spectral | log10 power from .1 to 3 Hz | .00001 | .001 |
| spectral | relative power; shape from .3 to 7 Hz, in Hz; amplitudes above .1 Hz | .00001 | .001 |
| coordination | log eigenvalues above -6; entropy | .023; .0007 | .05; .002 |
| multiscale | mean, std, range; active | .092; .013 | .15; .02 |
| multiscale | velocity rms: mean; std, as a part of that mean | 1.6%; .9% | 2.5%; 2% |

These do not agree, and why:

- Velocity, acceleration and the spectrum of what jumps, such as a gaze: a jump is not band-limited, and is as fast as
  the frames are (velocity_rms of such a gaze is 29% less at 15 frames a second, acceleration 65%). Its shares, rates
  and durations of fixations do agree.
- The power of bands that hold nothing: what is there is rounding, and the window's sides.
- Onsets and bouts of activity that is over within a frame of the slower stream: one bout less joins its neighbours.
- Eigenvalues below e^-6 of the whole: what smoothness leaves of them is a matter of the clock (.1 of the logarithm).
- n_frames and frame_rate_hz of quality, which are what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from streams import AU_C, AU_R, GAZE, POSE, RATE, features, make_stream

from pdmr_classic.io.stream import Stream

N = 1800
SEEDS = (0, 1, 2)


def slow(rng: np.random.Generator, highest_hz: float = 1.9) -> NDArray[np.float64]:
    """Return a minute of a sum of twelve sines below a frequency, of sd 1."""
    hz, weight = rng.uniform(0.12, highest_hz, 12), rng.uniform(0.2, 1.0, 12)
    phase = 2 * np.pi * (hz * np.arange(N)[:, None] / RATE + rng.random(12))
    return (np.sin(phase) * weight).sum(axis=1) / np.sqrt((weight**2).sum() / 2)


def waves(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return 8 to 41 waves that are never in step with the frames."""
    clock = 2 * np.pi * np.arange(N) / N
    return np.cos(rng.integers(8, 42) * clock + rng.uniform(1, 2, 3) @ np.sin([clock, 2 * clock, 3 * clock]))


def minute(seed: int) -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    result = {name: slow(rng) * (20.0 if name[5] == "T" else 1.0) for name in POSE}
    result |= {name: slow(rng) for name in GAZE}
    # Units come and go whole times, each time for longer than a few frames, and rest at both ends.
    result |= {name: 1.2 - 1.4 * waves(rng) for name in AU_R}
    result |= {name: (-waves(rng) > 0.3).astype(float) for name in AU_C}
    result["AU45_c"] = ((np.arange(N) + 7) % 90 < 8 + np.arange(N) // 90 % 5).astype(float)
    # Looks here and there for half a second to two, with jumps between.
    stops = np.cumsum(rng.integers(15, 60, 200))
    result["gaze_angle_x"] = rng.choice([-0.4, -0.1, 0.2, 0.5], 201)[np.searchsorted(stops, np.arange(N), side="right")]
    result["gaze_angle_y"] = 0.15 * slow(rng, 0.2)
    for axis, name in ((320, "x"), (240, "y")):
        result |= {f"{name}_{point}": axis + rng.normal(0, 50) + 2 * slow(rng) for point in range(68)}
    lids = 4.0 + slow(rng, 1.0)
    for first in (36, 42):
        # Corners 30 px apart, the upper lids over the lower ones.
        for place, (x, y) in enumerate([(0, 0), (10, 1), (20, 1), (30, 0), (20, -1), (10, -1)]):
            result[f"x_{first + place}"] = np.full(N, 270.0 + 2 * first + x)
            result[f"y_{first + place}"] = 220.0 + y * lids
    return result


def at_both_rates(seed: int) -> tuple[Stream, Stream]:
    result = minute(seed)
    return make_stream(result), make_stream({name: x[::2] for name, x in result.items()}, rate=RATE / 2)


@pytest.fixture(scope="module", params=SEEDS)
def pairs(request: pytest.FixtureRequest) -> dict[str, tuple[float, float]]:
    """Return every feature at 30 and at 15 frames a second."""
    whole, half = (features(stream) for stream in at_both_rates(request.param))
    assert whole.keys() == half.keys()
    return {name: (whole[name], half[name]) for name in whole}


def chosen(pairs: dict[str, tuple[float, float]], pattern: str) -> Iterator[tuple[str, float, float]]:
    result = [name for name in pairs if re.fullmatch(rf"video__({pattern})", name)]
    assert result, pattern
    for name in result:
        yield name, *pairs[name]


CHANNEL = r"(?:pose_R\w|gaze_\d_\w|AU\d\d_r)__"
UNIT = r"AU\d\d_[rc]__"

# Pattern of the names, largest difference, largest difference relative to the value at 30 Hz.
HELD = {
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


@pytest.mark.parametrize("quantity", HELD)
def test_both_rates_agree(pairs: dict[str, tuple[float, float]], quantity: str) -> None:
    pattern, absolute, relative = HELD[quantity]
    for name, whole, half in chosen(pairs, pattern):
        assert half == pytest.approx(whole, abs=absolute, rel=relative), name


def test_the_variation_of_velocity_agrees_within_a_share_of_its_mean(pairs: dict[str, tuple[float, float]]) -> None:
    for name, whole, half in chosen(pairs, r"(?:pose_R\w|AU\d\d_r)__velocity_rms_\d+s_std"):
        assert half == pytest.approx(whole, abs=0.02 * pairs[name.replace("s_std", "s_mean")][0]), name


def test_large_eigenvalues_agree(pairs: dict[str, tuple[float, float]]) -> None:
    large = [part for part in chosen(pairs, r"\w+_coordination__eigenvalue\d\d_\S+") if part[1] > -6]
    assert len(large) > 20
    for name, whole, half in large:
        assert half == pytest.approx(whole, abs=0.05), name


def test_quality_features_of_time_agree(pairs: dict[str, tuple[float, float]]) -> None:
    for name in ("duration_s", "coverage", "longest_gap_s", "n_gaps"):
        whole, half = pairs[f"quality__stream__{name}"]
        assert half == pytest.approx(whole, abs=1e-6), name
    assert pairs["quality__stream__frame_rate_hz"] == (30.0, 15.0)


def test_the_same_features_are_finite_at_both_rates(pairs: dict[str, tuple[float, float]]) -> None:
    assert [name for name, (whole, half) in pairs.items() if np.isnan(whole) != np.isnan(half)] == []
