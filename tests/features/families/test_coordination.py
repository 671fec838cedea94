"""Coordination: shared factors versus independent channels, and agreement with a direct construction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from streams import AU_R, NAN, RATE, features, make_stream

from pdmr_classic.features.families.coordination import SPACINGS_S

RANKS = (1, 2, 3, 4, 6, 8)


def compute(channels: dict[str, Any], **options: Any) -> dict[str, float]:
    result = features(make_stream(channels, **options), "coordination")
    return {name.removeprefix("video__"): value for name, value in result.items()}


def make_noise(n_channels: int, n: int = 1800, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(n, n_channels))


def name_units(values: NDArray[np.float64]) -> dict[str, Any]:
    return dict(zip(AU_R, values.T, strict=False))


def test_one_shared_factor_is_simpler_than_independent_channels() -> None:
    shared = compute(name_units(make_noise(1) @ np.ones((1, 8)) + 0.01 * make_noise(8, seed=1)))
    independent = compute(name_units(make_noise(8)))
    for spacing in ("0.067s", "0.2s", "0.6s"):
        # Four delays of one factor give four equal eigenvalues.
        assert np.exp(shared[f"AU_coordination__eigenvalue01_{spacing}"]) == pytest.approx(1 / 4, rel=0.3)
        assert shared[f"AU_coordination__eigenvalue06_{spacing}"] < -8
        assert shared[f"AU_coordination__entropy_{spacing}"] < 0.55
        assert independent[f"AU_coordination__entropy_{spacing}"] > 0.97


def test_one_slow_shared_factor_has_one_eigenvalue() -> None:
    slow = np.sin(2 * np.pi * 0.05 * np.arange(1800) / RATE)[:, None] @ np.ones((1, 6))
    result = compute(name_units(slow + 0.01 * make_noise(6)))
    assert np.exp(result["AU_coordination__eigenvalue01_0.067s"]) > 0.95
    assert result["AU_coordination__entropy_0.067s"] < 0.1


def build_directly(values: NDArray[np.float64], usable: NDArray[np.bool_], spacing: int) -> dict[str, float]:
    """Build the matrix of channels x delays pair by pair."""
    n, n_channels = values.shape
    z = (values - values[usable].mean(axis=0)) / values[usable].std(axis=0)
    copies = [(delay * spacing, channel) for delay in range(4) for channel in range(n_channels)]
    matrix = np.empty((len(copies), len(copies)))
    for i, (first_lag, first) in enumerate(copies):
        for j, (second_lag, second) in enumerate(copies):
            lag = abs(second_lag - first_lag)
            earlier, later = (first, second) if second_lag >= first_lag else (second, first)
            pairs = usable[: n - lag] & usable[lag:]
            matrix[i, j] = (z[: n - lag, earlier] * z[lag:, later])[pairs].mean()
    values = np.maximum(np.linalg.eigvalsh(matrix)[::-1], 1e-6)
    p = values / values.sum()
    result = {f"eigenvalue{rank:02d}": np.log(p[rank - 1]) if rank <= len(p) else NAN for rank in RANKS}
    return result | {"entropy": -(p * np.log(p)).sum() / np.log(len(p))}


@pytest.mark.parametrize("masked", [False, True])
def test_the_spectra_agree_with_a_slow_direct_construction(masked: bool) -> None:
    walk = np.cumsum(make_noise(3, 600), axis=0).astype(np.float32)
    usable = np.ones(600, dtype=bool)
    if masked:
        usable[100:180] = usable[400:450] = False
    result = compute({name: walk[:, k] for k, name in enumerate(("pose_Rx", "pose_Ry", "pose_Tz"))}, valid=usable)
    for spacing_s in SPACINGS_S:
        expected = build_directly(walk.astype(np.float64), usable, round(spacing_s * RATE))
        for name, value in expected.items():
            actual = result[f"pose_coordination__{name}_{spacing_s:.2g}s"]
            # Eigenvalues near the minimum of 1e-6 are dominated by float32 rounding.
            assert actual == pytest.approx(value, abs=2e-3 if value > -8 else 0.3), (name, spacing_s)


def test_constant_channels_are_left_out() -> None:
    moving = name_units(make_noise(4))
    # Rounding may differ with the order of summation.
    assert compute(moving) == pytest.approx(compute(moving | {"AU45_r": np.full(1800, 0.1)}), abs=1e-6)


def test_the_scale_and_level_of_channels_do_not_matter() -> None:
    plain = compute(name_units(make_noise(4)))
    scaled = compute(name_units(make_noise(4) * [1, 10, 100, 1e3] + [0, 5, 500, 1e4]))
    assert scaled == pytest.approx(plain, abs=2e-3)


def test_coordination_of_a_single_varying_channel_is_nan() -> None:
    assert np.isnan(
        list(compute({"gaze_angle_x": make_noise(1).ravel(), "gaze_angle_y": np.zeros(1800)}).values())
    ).all()


def test_two_channels_have_eigenvalues_for_all_ranks() -> None:
    result = compute({"gaze_angle_x": make_noise(1).ravel(), "gaze_angle_y": make_noise(1, seed=3).ravel()})
    # Two channels at four delays have exactly eight eigenvalues.
    assert np.isfinite(list(result.values())).all()


def test_delays_longer_than_the_stream_give_nan() -> None:
    result = compute(name_units(make_noise(4, n=60)))
    assert np.isfinite(result["AU_coordination__entropy_0.2s"])
    assert np.isnan(result["AU_coordination__entropy_0.6s"])


def test_a_delay_without_pairs_of_usable_frames_is_nan() -> None:
    usable = np.arange(1800) // 18 % 2 == 0
    result = compute(name_units(make_noise(4)), valid=usable)
    assert np.isfinite(result["AU_coordination__entropy_0.067s"])
    assert np.isnan(result["AU_coordination__entropy_0.2s"])


def test_every_group_has_its_own_spectra() -> None:
    names = compute({"AU01_r": [0.0], "pose_Rx": [0.0], "gaze_angle_x": [0.0], "gaze_0_x": [0.0], "ch": [0.0]})
    assert {name.split("__")[0] for name in names} == {"AU_coordination", "pose_coordination", "gaze_coordination"}
    assert len(names) == 3 * 3 * 7
