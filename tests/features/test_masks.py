"""Invalid frames affect only quality features, long gaps are never bridged, and any finite stream can be processed."""

from __future__ import annotations

import io
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from streams import AU_C, AU_R, FULL, LANDMARKS, RATE, assert_same, drop_features, features, make_stream

from pdmr_classic.features.registry import load_families
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream

ALL = tuple(name for name, family in load_families().items() if family.view != "audio")
SLOW = ("power_0_0.1hz", "power_0.1_0.3hz", "relative_", "amplitude_")
# The smallest set of channels that covers every family; three landmarks are the smallest face.
FEW = (
    *("pose_Rx", "pose_Ry", "pose_Rz", "pose_Tz", "gaze_0_x", "gaze_angle_x", "gaze_angle_y"),
    *("AU06_r", "AU12_r", "AU45_r", "AU12_c", "AU45_c", "other"),
    *(f"{axis}_{point}" for axis in "xy" for point in (30, 48, 54)),
)


def make_varying_channels(channels: tuple[str, ...], n: int, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Return channels that vary around their level, and units that are active from time to time."""
    rng = np.random.default_rng(seed)
    result = {}
    for name in channels:
        wander = np.zeros(n)
        for k in range(1, n):
            wander[k] = 0.97 * wander[k - 1] + rng.normal(0, 0.25)
        kind = channel_kind(name)
        scale = {"au_intensity": 0.8, "landmark": 2.0, "gaze": 0.2}.get(kind, 1.0)
        level = 40.0 * landmark_level(name) if kind == "landmark" else float(kind == "au_intensity")
        result[name] = (wander > 0.3).astype(float) if kind == "au_presence" else level + scale * wander
    if "AU45_c" in result:
        result["AU45_c"] = (np.arange(n) % 60 < 6 + rng.integers(0, 5, n // 60 + 1).repeat(60)[:n]).astype(float)
    return result


def landmark_level(name: str) -> float:
    """Return a level from 0 to 10 that differs between landmarks."""
    return (int(name[2:]) * 7 + (name[0] == "y") * 3) % 68 / 6.8


def drop_quality(result: dict[str, float]) -> dict[str, float]:
    return drop_features(result, "quality__")


# ------------------------------------------------------------------------------------------- rewriting

N = 90
VALUES = make_varying_channels(FEW, N)
FLOAT32 = st.floats(width=32, allow_infinity=False)


@settings(max_examples=30, deadline=None)
@given(arrays(bool, N), arrays(np.float32, (N, len(FEW)), elements=FLOAT32))
def test_rewriting_invalid_frames_of_a_stream_changes_no_feature(
    valid: NDArray[np.bool_], noise: NDArray[np.float32]
) -> None:
    plain = make_stream(VALUES, valid=valid)
    rewritten = np.where(valid[:, None], plain.values, noise)
    result = make_stream(dict(zip(FEW, rewritten.T, strict=True)), valid=valid)
    assert_same(features(result, *ALL), features(plain, *ALL))


def format_csv(values: NDArray[np.float64], confidence: NDArray[Any], success: NDArray[Any], start: int = 1) -> str:
    """Return an OpenFace CSV; NaN values are written as they are."""
    out = io.StringIO()
    n = len(values)
    table = np.column_stack([np.arange(start, start + n), np.arange(n) / RATE, confidence, success, values])
    np.savetxt(out, table, delimiter=",", fmt="%.9g")
    return f"frame,timestamp,confidence,success,{','.join(FEW)}\n{out.getvalue()}"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=st.lists(st.tuples(st.integers(0, N - 1), st.integers(1, 40)), min_size=1, max_size=3),
    flag=st.sampled_from(["confidence", "success", "both"]),
    noise=arrays(np.float64, (N, len(FEW)), elements=st.floats(-1e300, 1e300) | st.just(float("nan"))),
)
def test_rewriting_frames_with_low_confidence_or_no_success_changes_no_feature(
    tmp_path: Path, spans: list[tuple[int, int]], flag: str, noise: NDArray[np.float64]
) -> None:
    valid = np.ones(N, dtype=bool)
    for start, length in spans:
        valid[start : start + length] = False
    confidence = np.where(valid | (flag == "success"), 0.98, 0.69)
    success = (valid | (flag == "confidence")).astype(int)
    plain = np.column_stack(list(VALUES.values()))
    result = []
    for values in (plain, np.where(valid[:, None], plain, noise)):
        file = tmp_path / "001.csv"
        file.write_text(format_csv(values, confidence, success))
        result.append(drop_quality(features(read_stream(file), *ALL)))
    assert_same(result[1], result[0])


def test_rewriting_invalid_frozen_frames_changes_no_feature(tmp_path: Path) -> None:
    values = np.column_stack(list(VALUES.values()))
    valid = np.ones(N, dtype=bool)
    valid[20:60] = False
    frozen = np.where(valid[:, None], values, values[20])
    result = []
    for number, table in enumerate((values, frozen)):
        file = tmp_path / f"{number}.csv"
        file.write_text(format_csv(table, np.where(valid, 0.9, 0.1), np.ones(N)))
        stream = read_stream(file)
        assert stream.frozen_s == 0.0
        result.append(features(stream, *ALL))
    assert_same(result[1], result[0])


# --------------------------------------------------------------------------------------------- coverage

FULL_FACE = make_varying_channels((*FULL, *LANDMARKS), 1800)
SECONDS = 60


def mask_seconds(start_s: int, stop_s: int) -> NDArray[np.bool_]:
    clock = np.arange(1800) / RATE
    return (clock < start_s) | (clock >= stop_s)


def find_nan_features(valid: NDArray[np.bool_]) -> set[str]:
    result = features(make_stream(FULL_FACE, valid=valid))
    return {name.split("__", 1)[1] for name, value in result.items() if not np.isfinite(value)}


def test_every_default_feature_of_a_complete_minute_is_finite() -> None:
    assert find_nan_features(np.ones(1800, dtype=bool)) == set()


@pytest.mark.parametrize(("start", "stop"), [(25, 35), (20, 35), (0, 15), (45, 60), (22, 38)])
def test_with_a_masked_block_every_default_feature_is_finite(start: int, stop: int) -> None:
    assert find_nan_features(mask_seconds(start, stop)) == set()


@pytest.mark.parametrize(("start", "stop"), [(0, 30), (30, 60), (10, 30), (35, 55)])
def test_with_half_a_minute_masked_only_the_variation_of_30_s_windows_is_nan(start: int, stop: int) -> None:
    # Only one window of 30 s has enough usable frames: there is a mean, but no std over windows.
    names = find_nan_features(mask_seconds(start, stop))
    assert names
    assert all("_30s_std" in name for name in names)


def test_without_20_contiguous_seconds_only_slow_spectra_are_nan() -> None:
    # 15 s usable, 30 s masked, 15 s usable: spectra of low bands need longer windows.
    names = find_nan_features(mask_seconds(15, 45))
    assert names
    assert all(name.split("__")[1].startswith(SLOW) for name in names)


def test_alternating_valid_seconds_affect_only_windows_and_some_lags() -> None:
    # Every second one: no 4 s windows for spectra, no pairs at lags of 1 s and 5 s or at delays of 3 x 0.6 s.
    names = find_nan_features(np.arange(1800) // 30 % 2 == 0)
    channel_features = {name.split("__")[1] for name in names}
    spectrum = {name.split("__")[2] for name in features(make_stream({"a": [0.0]}), "spectral")}
    coordination = {name for name in channel_features if name.startswith(("eigenvalue", "entropy_"))}
    others = channel_features - spectrum - coordination
    assert {name.rsplit("_", 1)[1] for name in coordination} == {"0.6s"}
    assert others == {"autocorrelation_1s", "autocorrelation_5s", "nods_power", "shakes_power"} | (others & {"decay_s"})


def test_with_every_second_frame_only_features_of_single_steps_are_nan() -> None:
    names = {name.split("__")[1] for name in find_nan_features(np.arange(1800) % 2 == 0)}
    steps = {"velocity", "acceleration", "turns", "zero", "speed", "path"}
    assert {"velocity_rms", "turns_per_s", "speed_mean", "velocity_rms_1s_mean", "share_still"} <= names
    assert {name.split("_")[0] for name in names - {"share_still"}} == steps


# ------------------------------------------------------------------------------------------------- time


def test_a_first_frame_number_other_than_1_is_an_offset_not_a_gap(tmp_path: Path) -> None:
    values = np.column_stack(list(VALUES.values()))
    result = []
    for start in (1, 5001):
        file = tmp_path / f"{start}.csv"
        file.write_text(format_csv(values, np.ones(N), np.ones(N), start))
        by_frame = tmp_path / f"{start}-frames.csv"
        # Without timestamps, time is derived from frame numbers.
        rows = [line.split(",") for line in file.read_text().splitlines()]
        by_frame.write_text("\n".join(",".join([row[0], *row[2:]]) for row in rows) + "\n")
        result += [features(read_stream(path), *ALL) for path in (file, by_frame)]
    assert_same(result[2], result[0])
    assert_same(result[3], result[1])
    assert result[3]["quality__stream__n_gaps"] == 0
    assert result[3]["quality__stream__duration_s"] == pytest.approx(N / RATE)


UNBRIDGED = ("velocity", "acceleration", "turns_per_s", "onsets_per_min", "bout_", "speed", "path_per_min")


@pytest.mark.parametrize("absent", [False, True], ids=["invalid", "missing"])
def test_a_jump_across_a_gap_is_not_a_movement(absent: bool) -> None:
    # Everything after the gap is 1,024 higher; values are multiples of 2^-10, so sums are exact in float32.
    before = {name: np.rint(x * 1024) / 1024 for name, x in make_varying_channels(FEW, 1800).items()}
    after = {name: x + 1024 * (np.arange(1800) >= 905) for name, x in before.items()}
    usable = (np.arange(1800) < 900) | (np.arange(1800) >= 910)
    result = []
    for channels in (before, after):
        stream = make_stream(channels, valid=usable)
        if absent:
            stream = Stream(
                stream.values[usable], stream.channels, stream.time_s[usable], RATE, np.ones(1790, dtype=bool)
            )
        result.append(features(stream))
    compared = 0
    for name, value in result[0].items():
        channel, functional = name.split("__")[1:]
        unbridged = functional.startswith(UNBRIDGED) and "_30s" not in functional
        # Activity changes if units leave their range; face shapes do not change if all landmarks jump.
        if unbridged and not functional.startswith(("onsets", "bout")) and not channel.startswith("AU_"):
            compared += 1
            assert result[1][name] == pytest.approx(value, rel=1e-4, nan_ok=True), name
        spectral = functional.startswith(
            ("power_", "centroid", "entropy", "peak", "edge85", "nods", "shakes", "amplitude_0")
        )
        if spectral and not channel.endswith("coordination") and channel != "AU":
            compared += 1
            assert result[1][name] == pytest.approx(value, rel=1e-3, abs=1e-3, nan_ok=True), name
    assert compared > 200


def test_zero_crossings_ignore_a_jump_across_a_gap() -> None:
    x = np.where(np.arange(300) < 150, -1.0, 1.0)
    valid = (np.arange(300) < 149) | (np.arange(300) > 151)
    assert features(make_stream({"a": x}, valid=valid))["video__a__zero_crossings_per_s"] == 0.0


# ----------------------------------------------------------------------------------------------- frozen


@pytest.mark.parametrize(("repeats", "n_invalid"), [(29, 0), (30, 30), (45, 45)])
def test_a_face_that_is_frozen_for_a_second_is_invalid_and_a_shorter_one_is_not(
    tmp_path: Path, repeats: int, n_invalid: int
) -> None:
    values = np.column_stack(list(VALUES.values()))
    rigid = [index for index, name in enumerate(FEW) if not name.startswith(("AU", "other"))]
    values[21 : 21 + repeats, rigid] = values[20, rigid]
    file = tmp_path / "001.csv"
    file.write_text(format_csv(values, np.ones(N), np.ones(N)))
    stream = read_stream(file)
    assert np.count_nonzero(~stream.valid) == n_invalid
    assert stream.frozen_s == pytest.approx(n_invalid / RATE)
    if n_invalid:
        assert not stream.valid[21 : 21 + repeats].any()
        rewritten = replace(stream, values=np.where(stream.valid[:, None], stream.values, np.float32(7)))
        assert_same(features(rewritten), features(stream))


# -------------------------------------------------------------------------------------------- robustness

NAMES = st.lists(st.sampled_from([*FULL, *LANDMARKS, "ch000", "wrist", "AU99_r"]), min_size=1, max_size=12, unique=True)
ELEMENTS = st.one_of(
    FLOAT32,
    st.sampled_from([0.0, -0.0, 1.0, 3.4e38, -3.4e38, 1e30, 1e-45, 1e-30, float("nan")]),
    st.floats(0, 5, width=32),
)


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Draw a stream of 1 to 200 frames with extreme, constant or missing values and gaps in time."""
    names = draw(NAMES)
    n = draw(st.integers(1, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    palette = draw(st.lists(ELEMENTS, min_size=1, max_size=6))
    walk = np.cumsum(rng.normal(size=(n, len(names))), axis=0) * draw(st.sampled_from([1e-6, 1.0, 1e3, 1e20]))
    picked = rng.choice(np.array(palette, dtype=np.float32), (n, len(names)))
    values = np.where(rng.random((n, len(names))) < draw(st.sampled_from([0.0, 0.1, 0.9, 1.0])), picked, walk)
    values = values.astype(np.float32)
    for index in range(len(names)):
        if rng.random() < 0.2:
            values[:, index] = values[0, index]
    rate = draw(st.sampled_from([30.0, 29.97, 25.0, 15.0, 7.3, 1.0, 0.4, 0.07, 240.0]))
    is_gap = rng.random(n) < draw(st.sampled_from([0.0, 0.05, 0.5]))
    steps = 1 + is_gap * rng.integers(1, draw(st.sampled_from([2, 100, 2000])) + 1, n)
    valid = rng.random(n) >= draw(st.sampled_from([0.0, 0.1, 0.6, 1.0]))
    return make_stream(dict(zip(names, values.T, strict=True)), rate, valid, (np.cumsum(steps) - steps[0]) / rate)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(streams(), st.sampled_from([None, 2, 50]))
def test_any_finite_stream_gives_numbers_or_nan_without_warnings(stream: Stream, chunk_frames: int | None) -> None:
    result = features(stream, *ALL, chunk_frames=chunk_frames)
    assert not np.isinf(list(result.values())).any()
    assert result["quality__stream__n_frames"] == stream.n_frames
    # Feature names must depend only on the header, so that files fit into one table.
    plain = make_stream({name: [0.0] for name in stream.channels})
    assert result.keys() == features(plain, *ALL, chunk_frames=chunk_frames).keys()


@pytest.mark.parametrize(
    "values",
    [
        [3.4e38, -3.4e38, -3.4e38, -3.4e38] * 60,
        [1e38, 1.0000001e38] * 120,
        [1e20, -1e20, 3e20] * 80,
        [1e-45, 0.0, 1e-45] * 80,
        [1e-30, 3e-30] * 120,
    ],
    ids=["both limits", "rounding near the limit", "large", "subnormal", "small"],
)
def test_extreme_values_do_not_overflow(values: list[float]) -> None:
    channels = dict.fromkeys(("pose_Rx", "pose_Ry", "pose_Rz", "AU12_r", "AU06_r", "x_0", "y_0", "ch000"), values)
    channels |= {"x_1": values[::-1], "y_1": values[1:] + values[:1], "x_2": values[::-1], "y_2": [0.0] * len(values)}
    result = features(make_stream(channels), *ALL)
    assert not np.isinf(list(result.values())).any()
    assert np.isfinite(result["video__ch000__mean"])


def test_a_stream_without_valid_frames_has_only_quality_features() -> None:
    result = features(make_stream(FULL_FACE, valid=np.zeros(1800)), *ALL)
    assert np.isnan(list(drop_quality(result).values())).all()
    assert np.isfinite(result["quality__stream__coverage"])


def test_a_gap_of_a_day_needs_no_extra_memory() -> None:
    # One wrong timestamp: a grid of all frames of that day would take gigabytes.
    n = 300
    time_s = np.arange(n) / RATE + 86_400.0 * (np.arange(n) >= 200)
    channels = {name: x[:n] for name, x in FULL_FACE.items() if name in (*AU_R[:3], *AU_C[:1], "pose_Rx", "pose_Ry")}
    tracemalloc.start()
    result = features(make_stream(channels, time_s=time_s))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    assert np.isfinite(result["video__pose_Rx__velocity_rms"])
