"""How simply the channels of a face move together: eigenvalues of channels against delays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import Signal, make_joint_signal
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.io.stream import Stream

_GROUPS = {"AU": "au_intensity", "pose": "pose", "gaze": "gaze"}
# s between neighbouring delays: from the speed of a blink to that of a nod and of a posture.
SPACINGS_S = (1 / 15, 0.2, 0.6)
_DELAYS = 4
_RANKS = (1, 2, 3, 4, 6, 8)
_FLOOR = 1e-6
_LEAST_PAIRS = 0.25


@stream_family("coordination")
def coordination(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Eigenspectra of the correlation between channels and their own delayed copies.

    Formula: for the AU intensities, the pose and the gaze angles: 4 delays of 1/15, 0.2 and 0.6 s each; correlation
    matrix of (channels x delays), from pairs of usable frames; its eigenvalues, sorted and divided by their sum:
    log of the 1st, 2nd, 3rd, 4th, 6th and 8th; entropy = -sum(p log p) / log(n)

    Unit: none

    Source: Williamson et al. 2014 (AVEC; channel-delay correlation)

    Channels that do not move are left out. NaN with fewer than two moving channels, for ranks beyond the matrix, and
    where a delay has pairs for less than a quarter of the frames.
    """
    found: dict[tuple[str, str], float] = {}
    for group, kind in _GROUPS.items():
        channels = [name for name in stream.channels if channel_kind(name) == kind]
        if channels:
            rows = _standardised(make_joint_signal(stream, channels))
            for spacing_s in SPACINGS_S:
                spectrum = _spectrum(*rows, max(round(spacing_s * stream.frame_rate_hz), 1))
                found |= {(f"{group}_coordination", f"{name}_{spacing_s:.2g}s"): x for name, x in spectrum.items()}
    return found


def _standardised(signal: Signal) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return moving channels on the grid of frames, shape [C, T], 0 where unseen; and what was seen, shape [T]."""
    length = int(signal.near_grid[-1]) + 1 if signal.n_frames else 0
    rows, seen = signal.on_grid(length)
    return (rows if signal.varies.all() else rows[signal.varies]), seen


def _spectrum(rows: NDArray[np.float32], seen: NDArray[np.float32], spacing: int) -> dict[str, float]:
    names = [*(f"eigenvalue{rank:02d}" for rank in _RANKS), "entropy"]
    n_channels, length = rows.shape
    if n_channels < 2 or length <= spacing * (_DELAYS - 1):
        return dict.fromkeys(names, np.nan)
    blocks = []
    for lag in range(0, _DELAYS * spacing, spacing):
        pairs = float(seen[: length - lag] @ seen[lag:])
        if pairs < _LEAST_PAIRS * seen.sum():
            return dict.fromkeys(names, np.nan)
        blocks.append(rows[:, : length - lag] @ rows[:, lag:].T / pairs)
    # Block Toeplitz: channels at delay i against channels at delay j know only how far these are apart.
    both_ways = np.stack([*(block.T for block in blocks[:0:-1]), *blocks])
    delays = np.arange(_DELAYS)
    matrix = both_ways[delays[None, :] - delays[:, None] + _DELAYS - 1].transpose(0, 2, 1, 3).astype(np.float64)
    size = n_channels * _DELAYS
    values = scipy.linalg.eigvalsh(matrix.reshape(size, size), check_finite=False)[::-1]
    # Pairs differ from lag to lag, so that small eigenvalues may come out negative.
    share = np.maximum(values, _FLOOR)
    share = share / share.sum()
    found = [float(np.log(share[rank - 1])) if rank <= size else np.nan for rank in _RANKS]
    return dict(zip(names, [*found, _entropy(share)], strict=True))


def _entropy(share: Floats) -> float:
    return float(-(share * np.log(share)).sum() / np.log(len(share)))
