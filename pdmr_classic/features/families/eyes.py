"""Blinks, eyelids, and where the eyes look."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.bouts import Bouts
from pdmr_classic.features.families.action_units import is_active
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import Signal, make_joint_signal
from pdmr_classic.io.channels import GAZE_ANGLES
from pdmr_classic.io.stream import Stream

# rad. Down is positive in OpenFace; the camera is at 0, 0. The tracker errs by about 0.15 rad (9 degrees).
_DOWN, _AWAY, _CONTACT = 0.2, 0.35, 0.17
# rad/s: slower is a fixation, faster a shift (30 degrees per second, the usual velocity threshold).
_SHIFT = np.deg2rad(30.0)
_SHIFT_S = 0.1
_LONGEST_BLINK_S = 1.0
# Corner, upper lid twice, corner, lower lid twice, of each eye in the 68-point scheme.
_EYES = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))


@stream_family("eyes")
def eyes(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Blinks, eyelid opening, and where and how steadily the eyes look.

    Formula: blink = bout of AU45 (presence, else intensity >= 1) of at most 1 s: per minute, mean and std of its
    duration; closed_share = share of frames with AU45 active. opening = (|p1 p5| + |p2 p4|) / (2 |p0 p3|) of the six
    landmarks of an eye, mean of both eyes: mean, std, p05. Gaze angle: share_down = y > 0.2; share_away = angle to the
    camera > 0.35; contact_share = that angle < 0.17; deviation = rms distance from the mean direction. Fixation = run
    of frames slower than 30 degrees per second over 0.1 s, shift = run of faster ones: each per minute; and
    fixation_mean_s

    Unit: per minute; s; share; none (opening); rad (deviation)

    Source: Alghowinem et al. 2013 (blink duration, eyelids); Soukupová and Čech 2016 (opening); Salvucci and Goldberg
    2000 (velocity threshold)

    NaN where the channels are missing, and for durations without a blink or fixation.
    """
    return _blinks(stream) | _opening(stream) | _gaze(stream)


def _blinks(stream: Stream) -> dict[tuple[str, str], float]:
    name = next((name for name in ("AU45_c", "AU45_r") if name in stream.channels), None)
    if name is None:
        return {}
    signal = make_joint_signal(stream, [name])
    active = is_active(signal)
    bouts = Bouts.of(active, signal.follows)
    lengths = bouts.frames[bouts.frames <= _LONGEST_BLINK_S * signal.frame_rate_hz] / signal.frame_rate_hz
    return {
        ("blink", "per_min"): len(lengths) / _minutes(signal) if active.size else np.nan,
        ("blink", "duration_mean_s"): float(lengths.mean()) if len(lengths) else np.nan,
        ("blink", "duration_std_s"): float(lengths.std()) if len(lengths) > 1 else np.nan,
        ("blink", "closed_share"): float(active.mean()) if active.size else np.nan,
    }


def _minutes(signal: Signal) -> float:
    return signal.n_frames / signal.frame_rate_hz / 60


def _opening(stream: Stream) -> dict[tuple[str, str], float]:
    names = [f"{axis}_{point}" for eye in _EYES for axis in "xy" for point in eye]
    if not set(names) <= set(stream.channels):
        return {}
    signal = make_joint_signal(stream, names)
    functionals = ("opening_mean", "opening_std", "opening_p05")
    if len(signal.channels) < len(names) or not signal.n_frames:
        return {("eyelid", name): np.nan for name in functionals}
    points = signal.values.reshape(signal.n_frames, 2, 2, 6)  # frame, eye, axis, point
    width = _distance(points, 0, 3)
    height = _distance(points, 1, 5) + _distance(points, 2, 4)
    opening = np.divide(height, 2 * width, out=np.full_like(height, np.nan), where=width > 0).mean(axis=1)
    opening = opening[np.isfinite(opening)]
    if not len(opening):
        return {("eyelid", name): np.nan for name in functionals}
    values = (opening.mean(), opening.std(), np.quantile(opening, 0.05))
    return {("eyelid", name): float(value) for name, value in zip(functionals, values, strict=True)}


def _distance(points: Floats, one: int, other: int) -> Floats:
    return np.asarray(np.hypot(*np.moveaxis(points[..., one] - points[..., other], -1, 0)))


def _gaze(stream: Stream) -> dict[tuple[str, str], float]:
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
        *_fixations(signal),
    )
    return {("gaze", name): float(value) for name, value in zip(_GAZE_NAMES, values, strict=True)}


_GAZE_NAMES = (
    *("share_down", "share_away", "contact_share", "deviation"),
    *("fixations_per_min", "shifts_per_min", "fixation_mean_s"),
)


def _fixations(signal: Signal) -> tuple[float, float, float]:
    """Return fixations and shifts per minute, and the mean fixation in s."""
    # A step from frame to frame is mostly the tracker's jitter: 0.1 s at 30 degrees per second are 3 degrees.
    lag = max(round(_SHIFT_S * signal.frame_rate_hz), 1)
    if signal.n_frames <= lag:
        return np.nan, np.nan, np.nan
    gaps = np.cumsum(~signal.follows)
    linked = gaps[lag:] == gaps[:-lag]
    if not linked.any():
        return np.nan, np.nan, np.nan
    moved = signal.values[lag:] - signal.values[:-lag]
    fast = np.hypot(moved[:, 0], moved[:, 1]) > _SHIFT * lag / signal.frame_rate_hz
    # A movement over a gap is neither, and separates its neighbours.
    both = np.column_stack([~fast & linked, fast & linked])
    bouts = Bouts.of(both, np.concatenate([[False], linked[1:] & linked[:-1]]))
    minutes = np.count_nonzero(linked) / signal.frame_rate_hz / 60
    fixations, shifts = bouts.count / minutes
    return float(fixations), float(shifts), float(bouts.mean[0] / signal.frame_rate_hz)
