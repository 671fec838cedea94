"""When action units are active, for how long, and which of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.bouts import Bouts
from pdmr_classic.features.registry import channel_family, stream_family
from pdmr_classic.features.signal import Signal, make_joint_signal
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.io.stream import Stream

ACTIVE_INTENSITY = 1.0
"""OpenFace's intensity 1 is FACS level A, the least that a coder would call present."""
_PRESENT = 0.5

# What the literature names: the felt smile, the brows of worry, the mouth of sadness.
_TOGETHER = (("AU06", "AU12"), ("AU01", "AU04"), ("AU15", "AU17"))
_WITHOUT = (("AU12", "AU06"),)


@channel_family("au_activation", kinds=("au_intensity", "au_presence"), units_apart=True)
def au_activation(signal: Signal, settings: FeatureSettings) -> Mapping[str, Floats]:
    """How often and for how long each action unit is active.

    Formula: active = AU_c is 1, or AU_r >= 1; share_active; onsets_per_min = rises between neighbouring frames over
    the time of those neighbours; bout = unbroken run of active frames: bout_mean_s, bout_max_s, bout_std_s;
    active_mean = mean AU_r while active

    Unit: share; per minute; s; intensity 0..5

    Source: Girard et al. 2014 (AU12, AU14, AU15); Alghowinem et al. 2013 (AU45)

    A bout ends where a gap begins. Without a bout (for bout_std_s: without two) the durations and active_mean are NaN;
    without a usable frame all are. AU_c has no intensity, and no active_mean.
    """
    active = is_active(signal)
    n_active = np.count_nonzero(active, axis=0)
    bouts = Bouts.of(active, signal.follows)
    rate = signal.frame_rate_hz
    found = {
        "share_active": n_active / signal.n_frames if signal.n_frames else np.full(len(signal.channels), np.nan),
        "onsets_per_min": _onsets_per_min(active, signal),
        "bout_mean_s": bouts.mean / rate,
        "bout_max_s": bouts.longest / rate,
        "bout_std_s": bouts.std / rate,
    }
    if channel_kind(signal.channels[0]) == "au_presence":
        return found
    total = np.einsum("tc,tc->c", signal.values, active)
    intensity = np.divide(total, n_active, out=np.full(len(total), np.nan), where=n_active > 0)
    return found | {"active_mean": intensity}


def is_active(signal: Signal) -> Mask:
    """Return whether action units are active, shape [V, C]."""
    limits = [ACTIVE_INTENSITY if channel_kind(name) == "au_intensity" else _PRESENT for name in signal.channels]
    return np.asarray(signal.values >= np.array(limits))


def _onsets_per_min(active: Mask, signal: Signal) -> Floats:
    linked = signal.follows[1:]
    minutes = np.count_nonzero(linked) / signal.frame_rate_hz / 60
    if not minutes:
        return np.full(active.shape[1], np.nan)
    rises = (active[1:] & ~active[:-1]).T & linked
    return np.asarray(np.count_nonzero(rises, axis=1) / minutes)


@stream_family("au_together")
def au_together(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Which action units are active together, and how evenly activity is spread over them.

    Formula: share of frames in which both are active: AU06 with AU12, AU01 with AU04, AU15 with AU17; in which AU12 is
    and AU06 is not; n_active = mean number of active units; entropy = -sum(p log p) / log(units), p = share of
    all activity that is of one unit

    Unit: share; count; none

    Source: Ekman et al. 1990 (felt smiles); Girard et al. 2014

    Presence (AU_c) is used where a unit has it, else intensity. NaN where a unit is missing, and for the entropy of a
    face without activity.
    """
    units = {name[:4]: name for name in stream.channels if channel_kind(name) == "au_intensity"}
    units |= {name[:4]: name for name in stream.channels if channel_kind(name) == "au_presence"}
    if not units:
        return {}
    signal = make_joint_signal(stream, list(units.values()))
    active = is_active(signal)
    place = {name[:4]: column for column, name in enumerate(signal.channels)}
    found: dict[tuple[str, str], float] = {}
    for pair in _TOGETHER:
        found["_".join(pair), "share_together"] = _share(active, place, pair, ())
    for one, other in _WITHOUT:
        found[f"{one}_{other}", "share_without"] = _share(active, place, (one,), (other,))
    shares = active.mean(axis=0) if len(active) else np.full(active.shape[1], np.nan)
    return found | {
        ("AU", "n_active"): float(shares.sum()) if len(shares) else np.nan,
        ("AU", "entropy"): _entropy(shares),
    }


def _share(active: Mask, place: Mapping[str, int], present: Sequence[str], absent: Sequence[str]) -> float:
    if not len(active) or any(unit not in place for unit in (*present, *absent)):
        return np.nan
    both = active[:, [place[unit] for unit in present]].all(axis=1)
    none = ~active[:, [place[unit] for unit in absent]].any(axis=1)
    return float((both & none).mean())


def _entropy(shares: Floats) -> float:
    total = shares.sum()
    if not total > 0 or len(shares) < 2:
        return np.nan
    p = shares[shares > 0] / total
    return float(-(p * np.log(p)).sum() / np.log(len(shares)))
