"""Coordination between channels: eigenspectra of channel-delay correlation matrices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import Signal, make_joint_signal
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream

_GROUPS = {"AU": "au_intensity", "pose": "pose", "gaze": "gaze"}
# Spacing of the delays in s, on the time scales of blinks, nods and changes of posture.
SPACINGS_S = (1 / 15, 0.2, 0.6)
_N_DELAYS = 4
_RANKS = (1, 2, 3, 4, 6, 8)
_MIN_EIGENVALUE = 1e-6
_MIN_PAIR_SHARE = 0.25


@stream_family("coordination")
def coordination(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Eigenspectra of the correlation between channels and their delayed copies.

    Formula: computed separately for AU intensities, head pose and gaze angles: correlation matrix of all channels at 4
    delays, spaced by 1/15, 0.2 or 0.6 s, from pairs of usable frames; p = its eigenvalues in descending order, divided
    by their sum; eigenvalue<k> = log of the 1st, 2nd, 3rd, 4th, 6th and 8th; entropy = -sum(p log p) / log(n), where n
    is the number of eigenvalues

    Unit: dimensionless

    Source: Williamson et al. 2014 (AVEC; channel-delay correlation)

    Constant channels are left out. NaN with fewer than two varying channels, for ranks beyond the matrix size, and if
    a delay has pairs for less than a quarter of the frames.
    """
    features: dict[tuple[str, str], float] = {}
    for group, kind in _GROUPS.items():
        channels = [name for name in stream.channels if channel_kind(name) == kind]
        if channels:
            rows, usable = _standardise(make_joint_signal(stream, channels))
            for spacing_s in SPACINGS_S:
                spectrum = _eigenspectrum(rows, usable, max(round(spacing_s * stream.frame_rate_hz), 1))
                features |= {(f"{group}_coordination", f"{name}_{spacing_s:.2g}s"): x for name, x in spectrum.items()}
    return features


def _standardise(signal: Signal) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return varying channels on the frame grid, shape [C, T], and an indicator of usable frames, shape [T]."""
    length = int(signal.capped_grid[-1]) + 1 if signal.n_frames else 0
    rows, usable = signal.place_on_grid(length)
    return (rows if signal.is_varying.all() else rows[signal.is_varying]), usable


def _eigenspectrum(rows: NDArray[np.float32], usable: NDArray[np.float32], spacing: int) -> dict[str, float]:
    names = [*(f"eigenvalue{rank:02d}" for rank in _RANKS), "entropy"]
    n_channels, length = rows.shape
    if n_channels < 2 or length <= spacing * (_N_DELAYS - 1):
        return dict.fromkeys(names, np.nan)
    blocks = []
    for lag in range(0, _N_DELAYS * spacing, spacing):
        pairs = float(usable[: length - lag] @ usable[lag:])
        if pairs < _MIN_PAIR_SHARE * usable.sum():
            return dict.fromkeys(names, np.nan)
        blocks.append(rows[:, : length - lag] @ rows[:, lag:].T / pairs)
    # Block Toeplitz: the block of delays i and j depends only on j - i.
    blocks_by_lag = np.stack([*(block.T for block in blocks[:0:-1]), *blocks])
    delays = np.arange(_N_DELAYS)
    matrix = blocks_by_lag[delays[None, :] - delays[:, None] + _N_DELAYS - 1].transpose(0, 2, 1, 3).astype(np.float64)
    size = n_channels * _N_DELAYS
    values = scipy.linalg.eigvalsh(matrix.reshape(size, size), check_finite=False)[::-1]
    # The pairs differ between lags, so small eigenvalues can be negative.
    share = np.maximum(values, _MIN_EIGENVALUE)
    share = share / share.sum()
    logs = [float(np.log(share[rank - 1])) if rank <= size else np.nan for rank in _RANKS]
    return dict(zip(names, [*logs, _entropy(share)], strict=True))


def _entropy(share: Floats) -> float:
    return float(-(share * np.log(share)).sum() / np.log(len(share)))
