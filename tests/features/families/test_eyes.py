"""Blinks of known duration, eyelids of known opening, gaze of known direction."""

from __future__ import annotations

import numpy as np
import pytest
from streams import LANDMARKS, NAN, RATE, features, make_stream


def compute(channels: dict[str, object], **options: object) -> dict[str, float]:
    result = features(make_stream(channels, **options), "eyes")  # type: ignore[arg-type]
    return {name.removeprefix("video__"): value for name, value in result.items()}


def make_blinks(*lengths: int, n: int = 1800, high: float = 1.0) -> np.ndarray:
    """Return one minute at 30 Hz with evenly spaced blinks of the given lengths in frames."""
    closed = np.zeros(n)
    for index, length in enumerate(lengths):
        start = (index + 1) * n // (len(lengths) + 1)
        closed[start : start + length] = high
    return closed


@pytest.mark.parametrize(("channel", "high"), [("AU45_c", 1.0), ("AU45_r", 2.5)])
def test_blinks_by_hand(channel: str, high: float) -> None:
    result = compute({channel: make_blinks(6, 9, 12, high=high)})
    assert result["blink__per_min"] == pytest.approx(3.0)
    assert result["blink__duration_mean_s"] == pytest.approx(0.3)
    assert result["blink__duration_std_s"] == pytest.approx(np.std([0.2, 0.3, 0.4]))
    assert result["blink__closed_share"] == pytest.approx(27 / 1800)


def test_frames_lost_within_and_between_blinks_change_no_blink() -> None:
    closed = make_blinks(6, 9, 12)
    valid = np.ones(1800, dtype=bool)
    inner = np.flatnonzero(closed)[1:-1]
    inner = inner[(closed[inner - 1] > 0) & (closed[inner + 1] > 0)][::3]
    valid[[*inner, 200, 201, 1700]] = False
    assert compute({"AU45_c": closed}, valid=valid) == pytest.approx(compute({"AU45_c": closed}))


def test_eyes_closed_for_longer_than_a_second_are_not_a_blink() -> None:
    result = compute({"AU45_c": make_blinks(6, 45)})
    assert result["blink__per_min"] == pytest.approx(1.0)
    assert result["blink__duration_mean_s"] == pytest.approx(0.2)
    assert result["blink__closed_share"] == pytest.approx(51 / 1800)
    assert compute({"AU45_c": make_blinks(30)})["blink__per_min"] == pytest.approx(1.0)


def test_blink_presence_is_preferred_to_intensity() -> None:
    assert compute({"AU45_r": make_blinks(6, 6, high=3.0), "AU45_c": make_blinks(6)})[
        "blink__per_min"
    ] == pytest.approx(1.0)


def test_without_blinks_rates_are_zero_and_durations_nan() -> None:
    result = compute({"AU45_c": make_blinks()})
    assert (result["blink__per_min"], result["blink__closed_share"]) == (0.0, 0.0)
    assert np.isnan([result["blink__duration_mean_s"], result["blink__duration_std_s"]]).all()


def test_blink_features_without_usable_frames_are_nan() -> None:
    result = compute({"AU45_c": [NAN] * 300, "pose_Rx": np.arange(300)})
    assert np.isnan([value for name, value in result.items() if name.startswith("blink")]).all()
    result = compute({"AU45_c": [1.0] * 300}, valid=[0] * 300)
    assert np.isnan(list(result.values())).all()


def make_eyes(height: float, n: int = 30) -> dict[str, object]:
    """Return the landmarks of two eyes, 30 px wide and open by `height` px."""
    outline = [(0, 0), (10, height / 2), (20, height / 2), (30, 0), (20, -height / 2), (10, -height / 2)]
    points = {36 + k: (100 + x, 100 + y) for k, (x, y) in enumerate(outline)}
    points |= {42 + k: (200 + x, 100 + y) for k, (x, y) in enumerate(outline)}
    return {f"{axis}_{p}": np.full(n, xy[k], dtype=float) for k, axis in enumerate("xy") for p, xy in points.items()}


def test_eyelid_opening_is_height_divided_by_width() -> None:
    result = compute(make_eyes(9.0))
    assert result["eyelid__opening_mean"] == pytest.approx(0.3)
    assert result["eyelid__opening_std"] == pytest.approx(0.0, abs=1e-9)
    assert result["eyelid__opening_p05"] == pytest.approx(0.3)


def test_eyelid_opening_needs_both_eyes_and_width() -> None:
    one_eye = {name: values for name, values in make_eyes(9.0).items() if int(name[2:]) < 42}
    assert compute(one_eye) == {}
    coincident = dict.fromkeys(LANDMARKS, np.ones(5))
    assert np.isnan([v for name, v in compute(coincident).items() if name.startswith("eyelid")]).all()


def compute_gaze(x: object, y: object, **options: object) -> dict[str, float]:
    return compute({"gaze_angle_x": x, "gaze_angle_y": y}, **options)


def test_gaze_shares_by_hand() -> None:
    result = compute_gaze([0.0, 0.0, 0.0, 0.5], [0.0, 0.1, 0.3, 0.0])
    assert result["gaze__share_down"] == 1 / 4
    assert result["gaze__share_away"] == 1 / 4
    assert result["gaze__contact_share"] == 2 / 4


def test_gaze_deviation_is_the_distance_from_the_mean_direction() -> None:
    assert compute_gaze([0.1, -0.1] * 20, [0.3] * 40)["gaze__deviation"] == pytest.approx(0.1)


def test_a_gaze_that_jumps_between_two_places_has_fixations_and_shifts() -> None:
    # Two seconds at each place; gaze is compared over 3 frames, so each jump counts in three of them.
    result = compute_gaze(np.tile([0.0] * 60 + [0.3] * 60, 5), np.zeros(600))
    minutes = 597 / RATE / 60
    assert result["gaze__shifts_per_min"] == pytest.approx(9 / minutes)
    assert result["gaze__fixations_per_min"] == pytest.approx(10 / minutes)
    assert result["gaze__fixation_mean_s"] == pytest.approx((597 - 9 * 3) / 10 / RATE)


def test_tracker_jitter_is_not_a_shift() -> None:
    # 2 degrees between frames are 60 degrees per second, but not a gaze shift.
    result = compute_gaze(np.tile([0.0, 0.035], 300), np.zeros(600))
    assert result["gaze__shifts_per_min"] == 0.0
    assert result["gaze__fixations_per_min"] == pytest.approx(1 / (597 / RATE / 60))


def test_a_jump_across_a_gap_is_not_a_shift_and_ends_a_fixation() -> None:
    x = np.array([0.0] * 60 + [9.0] * 30 + [0.3] * 60)
    result = compute_gaze(x, np.zeros(150), valid=np.abs(x) < 5)
    minutes = 2 * 57 / RATE / 60
    assert result["gaze__shifts_per_min"] == 0.0
    assert result["gaze__fixations_per_min"] == pytest.approx(2 / minutes)
    assert result["gaze__fixation_mean_s"] == pytest.approx(57 / RATE)


def test_scattered_lost_frames_change_no_fixation() -> None:
    x, valid = np.tile([0.0] * 60 + [0.3] * 60, 5), np.arange(600) % 11 != 5
    complete, lost = compute_gaze(x, np.zeros(600)), compute_gaze(x, np.zeros(600), valid=valid)
    for name in ("fixations_per_min", "shifts_per_min"):
        assert lost[f"gaze__{name}"] == complete[f"gaze__{name}"]
    assert lost["gaze__fixation_mean_s"] == pytest.approx(complete["gaze__fixation_mean_s"], abs=1 / RATE)


def test_one_frame_has_a_direction_but_no_fixation() -> None:
    result = compute_gaze([0.0], [0.0])
    assert result["gaze__contact_share"] == 1.0
    assert np.isnan([result["gaze__fixations_per_min"], result["gaze__fixation_mean_s"]]).all()


def test_gaze_with_only_one_angle_is_nan() -> None:
    assert np.isnan(list(compute_gaze([0.0, 0.1], [NAN, NAN]).values())).all()
    assert compute({"gaze_angle_x": [0.0, 0.1]}) == {}
