"""Activity of action units: frequency, duration and co-occurrence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.bouts import Bouts
from pdmr_classic.features.registry import channel_family, stream_family
from pdmr_classic.features.signal import Signal, make_joint_signal
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream

ACTIVE_INTENSITY = 1.0
"""OpenFace intensity 1 is FACS level A, the lowest level that coders score as present."""
_PRESENT = 0.5

# Combinations in the literature: felt smile, worried brows, sad mouth.
_CO_ACTIVE = (("AU06", "AU12"), ("AU01", "AU04"), ("AU15", "AU17"))
_ACTIVE_WITHOUT = (("AU12", "AU06"),)


@channel_family("au_activation", kinds=("au_intensity", "au_presence"), separate_units=True)
def au_activation(signal: Signal, settings: FeatureSettings) -> Mapping[str, Floats]:
    """Frequency, duration and intensity of the activity of each action unit.

    Formula: active = AU_c is 1, or AU_r >= 1; share_active = share of active frames; onsets_per_min = changes from
    inactive to active between successive frames per minute; bout_mean_s, bout_max_s, bout_std_s = mean, maximum and
    standard deviation of the duration of bouts (runs of active frames without a gap longer than 0.2 s); active_mean =
    mean AU_r of active frames

    Unit: share; per minute; s; intensity (0..5)

    Source: Girard et al. 2014 (AU12, AU14, AU15); Alghowinem et al. 2013 (AU45)

    The durations and active_mean are NaN without a bout (bout_std_s: with fewer than two); all are NaN without usable
    frames. There is no active_mean for AU_c, which has no intensity.
    """
    active = is_active(signal)
    n_active = np.count_nonzero(active, axis=0)
    bouts = Bouts.from_mask(active, signal.contiguous)
    rate = signal.frame_rate_hz
    features = {
        "share_active": n_active / signal.n_frames if signal.n_frames else np.full(len(signal.channels), np.nan),
        "onsets_per_min": _onsets_per_min(active, signal),
        "bout_mean_s": bouts.mean / rate,
        "bout_max_s": bouts.longest / rate,
        "bout_std_s": bouts.std / rate,
    }
    if channel_kind(signal.channels[0]) == "au_presence":
        return features
    total = np.einsum("tc,tc->c", signal.values, active)
    intensity = np.divide(total, n_active, out=np.full(len(total), np.nan), where=n_active > 0)
    return features | {"active_mean": intensity}


def is_active(signal: Signal) -> Mask:
    """Return whether each action unit is active, shape [V, C]."""
    limits = [ACTIVE_INTENSITY if channel_kind(name) == "au_intensity" else _PRESENT for name in signal.channels]
    return np.asarray(signal.values >= np.array(limits))


def _onsets_per_min(active: Mask, signal: Signal) -> Floats:
    contiguous = signal.contiguous[1:]
    minutes = np.count_nonzero(contiguous) / signal.frame_rate_hz / 60
    if not minutes:
        return np.full(active.shape[1], np.nan)
    onsets = (active[1:] & ~active[:-1]).T & contiguous
    return np.asarray(np.count_nonzero(onsets, axis=1) / minutes)


@stream_family("au_together")
def au_together(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Co-occurrence of active action units, and the evenness of activity across units.

    Formula: share_together = share of frames in which both units are active (AU06 with AU12, AU01 with AU04, AU15 with
    AU17); share_without = share of frames in which AU12 is active without AU06; n_active = mean number of active units;
    entropy = -sum(p log p) / log(number of units), where p is the share of a unit in all activity

    Unit: share; count; dimensionless

    Source: Ekman et al. 1990 (felt smiles); Girard et al. 2014

    Uses presence (AU_c) if available, otherwise intensity (AU_r). NaN if a unit is missing; the entropy is NaN without
    any activity.
    """
    units = {name[:4]: name for name in stream.channels if channel_kind(name) == "au_intensity"}
    units |= {name[:4]: name for name in stream.channels if channel_kind(name) == "au_presence"}
    if not units:
        return {}
    signal = make_joint_signal(stream, list(units.values()))
    active = is_active(signal)
    columns = {name[:4]: column for column, name in enumerate(signal.channels)}
    features: dict[tuple[str, str], float] = {}
    for pair in _CO_ACTIVE:
        features["_".join(pair), "share_together"] = _share_of_frames(active, columns, pair, ())
    for present, absent in _ACTIVE_WITHOUT:
        features[f"{present}_{absent}", "share_without"] = _share_of_frames(active, columns, (present,), (absent,))
    shares = active.mean(axis=0) if len(active) else np.full(active.shape[1], np.nan)
    return features | {
        ("AU", "n_active"): float(shares.sum()) if len(shares) else np.nan,
        ("AU", "entropy"): _entropy(shares),
    }


def _share_of_frames(active: Mask, columns: Mapping[str, int], present: Sequence[str], absent: Sequence[str]) -> float:
    if not len(active) or any(unit not in columns for unit in (*present, *absent)):
        return np.nan
    all_present = active[:, [columns[unit] for unit in present]].all(axis=1)
    all_absent = ~active[:, [columns[unit] for unit in absent]].any(axis=1)
    return float((all_present & all_absent).mean())


def _entropy(shares: Floats) -> float:
    total = shares.sum()
    if not total > 0 or len(shares) < 2:
        return np.nan
    p = shares[shares > 0] / total
    return float(-(p * np.log(p)).sum() / np.log(len(shares)))
