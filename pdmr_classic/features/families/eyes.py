"""Blinks, eyelid opening and gaze behaviour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.bouts import Bouts
from pdmr_classic.features.families.action_units import is_active
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import Signal, make_joint_signal
from pdmr_classic.io.trackers.channels import GAZE_ANGLES
from pdmr_classic.io.video.stream import Stream

# rad; in OpenFace, down is positive and the camera is at (0, 0). The tracking error is about 0.15 rad (9 degrees).
_DOWN, _AWAY, _CONTACT = 0.2, 0.35, 0.17
# rad/s: the usual velocity threshold between fixations and shifts (30 degrees per second).
_SHIFT_RAD_PER_S = np.deg2rad(30.0)
_SHIFT_WINDOW_S = 0.1
_MAX_BLINK_S = 1.0
# Per eye in the 68-point scheme: corner, two upper-lid points, corner, two lower-lid points.
_EYES = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))


@stream_family("eyes")
def eyes(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Blinks, eyelid opening, gaze direction and gaze stability.

    Formula: blink = bout of AU45 (presence, otherwise intensity >= 1) of at most 1 s: rate per minute, mean and std of
    the duration; closed_share = share of frames with active AU45. opening = (|p1 p5| + |p2 p4|) / (2 |p0 p3|) of the
    six landmarks p0..p5 of an eye, averaged over both eyes: mean, std, p05. Gaze: share_down = share of frames with
    angle y > 0.2; share_away (contact_share) = share of frames with an angle to the camera > 0.35 (< 0.17); deviation =
    rms distance from the mean direction. Fixation (shift) = run of frames in which gaze moves slower (faster) than 30
    degrees per second over 0.1 s: rates per minute; fixation_mean_s = mean duration of fixations; a gap longer than 0.2
    s ends a blink, a fixation and a shift

    Unit: per minute; s; share; dimensionless (opening); rad (deviation)

    Source: Alghowinem et al. 2013 (blink duration, eyelids); Soukupová and Čech 2016 (opening); Salvucci and Goldberg
    2000 (velocity threshold)

    NaN if the channels have no usable values; durations are NaN without a blink or fixation.
    """
    return _blink_features(stream) | _eyelid_features(stream) | _gaze_features(stream)


def _blink_features(stream: Stream) -> dict[tuple[str, str], float]:
    name = next((name for name in ("AU45_c", "AU45_r") if name in stream.channels), None)
    if name is None:
        return {}
    signal = make_joint_signal(stream, [name])
    active = is_active(signal)
    bouts = Bouts.from_mask(active, signal.contiguous)
    durations_s = bouts.frames[bouts.frames <= _MAX_BLINK_S * signal.frame_rate_hz] / signal.frame_rate_hz
    return {
        ("blink", "per_min"): len(durations_s) / _duration_min(signal) if active.size else np.nan,
        ("blink", "duration_mean_s"): float(durations_s.mean()) if len(durations_s) else np.nan,
        ("blink", "duration_std_s"): float(durations_s.std()) if len(durations_s) > 1 else np.nan,
        ("blink", "closed_share"): float(active.mean()) if active.size else np.nan,
    }


def _duration_min(signal: Signal) -> float:
    return signal.n_frames / signal.frame_rate_hz / 60


def _eyelid_features(stream: Stream) -> dict[tuple[str, str], float]:
    names = [f"{axis}_{point}" for eye in _EYES for axis in "xy" for point in eye]
    if not set(names) <= set(stream.channels):
        return {}
    signal = make_joint_signal(stream, names)
    functionals = ("opening_mean", "opening_std", "opening_p05")
    if len(signal.channels) < len(names) or not signal.n_frames:
        return {("eyelid", name): np.nan for name in functionals}
    points = signal.values.reshape(signal.n_frames, 2, 2, 6)  # frame, eye, axis, point
    width = _point_distance(points, 0, 3)
    height = _point_distance(points, 1, 5) + _point_distance(points, 2, 4)
    opening = np.divide(height, 2 * width, out=np.full_like(height, np.nan), where=width > 0).mean(axis=1)
    opening = opening[np.isfinite(opening)]
    if not len(opening):
        return {("eyelid", name): np.nan for name in functionals}
    values = (opening.mean(), opening.std(), np.quantile(opening, 0.05))
    return {("eyelid", name): float(value) for name, value in zip(functionals, values, strict=True)}


def _point_distance(points: Floats, first: int, second: int) -> Floats:
    return np.asarray(np.hypot(*np.moveaxis(points[..., first] - points[..., second], -1, 0)))


def _gaze_features(stream: Stream) -> dict[tuple[str, str], float]:
    if not set(GAZE_ANGLES) <= set(stream.channels):
        return {}
    signal = make_joint_signal(stream, GAZE_ANGLES)
    if len(signal.channels) < 2 or not signal.n_frames:
        return {("gaze", name): np.nan for name in _GAZE_NAMES}
    angles = signal.values
    from_camera = np.hypot(angles[:, 0], angles[:, 1])
    values = (
        (angles[:, 1] > _DOWN).mean(),
        (from_camera > _AWAY).mean(),
        (from_camera < _CONTACT).mean(),
        np.sqrt(signal.variance.sum()),
        *_fixation_statistics(signal),
    )
    return {("gaze", name): float(value) for name, value in zip(_GAZE_NAMES, values, strict=True)}


_GAZE_NAMES = (
    *("share_down", "share_away", "contact_share", "deviation"),
    *("fixations_per_min", "shifts_per_min", "fixation_mean_s"),
)


def _fixation_statistics(signal: Signal) -> tuple[float, float, float]:
    """Return fixations per minute, shifts per minute, and the mean duration of fixations in s."""
    # Single steps are mostly tracker jitter; over 0.1 s, 30 degrees per second amount to 3 degrees.
    lag = max(round(_SHIFT_WINDOW_S * signal.frame_rate_hz), 1)
    if signal.n_frames <= lag:
        return np.nan, np.nan, np.nan
    n_gaps = np.cumsum(~signal.contiguous)
    has_no_gap = n_gaps[lag:] == n_gaps[:-lag]
    if not has_no_gap.any():
        return np.nan, np.nan, np.nan
    shift = signal.values[lag:] - signal.values[:-lag]
    is_fast = np.hypot(shift[:, 0], shift[:, 1]) > _SHIFT_RAD_PER_S * lag / signal.frame_rate_hz
    # A movement across a gap is neither a fixation nor a shift, and ends both.
    is_fixation_or_shift = np.column_stack([~is_fast & has_no_gap, is_fast & has_no_gap])
    bouts = Bouts.from_mask(is_fixation_or_shift, np.concatenate([[False], has_no_gap[1:] & has_no_gap[:-1]]))
    minutes = np.count_nonzero(has_no_gap) / signal.frame_rate_hz / 60
    fixations, shifts = bouts.count / minutes
    return float(fixations), float(shifts), float(bouts.mean[0] / signal.frame_rate_hz)
