"""Kinemes: elementary head movements, clustered in the training fold, and their frequency in each recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import scipy.fft
from sklearn.cluster import KMeans

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import make_joint_signal
from pdmr_classic.io.video.stream import Stream

N_KINEMES = 16
_AXES = ("pose_Rx", "pose_Ry", "pose_Rz")
_WINDOW_S = 2.0
_N_COEFFICIENTS = 4
_MAX_WINDOWS = 120
_WIDTH = _N_COEFFICIENTS * len(_AXES)
_MAX_TRAINING_WINDOWS = 20_000


@stream_family("kinemes", view="material", is_default=False)
def kineme_windows(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Histogram of kinemes, elementary head movements clustered inside each fold (not by default).

    Formula: windows of head rotation of 2 s, with 50% overlap, never across a gap longer than 0.2 s, at most 120 at
    even spacing; first 4 coefficients of the cosine transform per axis, without the mean; inside each fold, k-means
    with 16 clusters on the windows of the training recordings; share of a recording's windows in each cluster

    Unit: rad; share

    Source: kinemes after Gahalawat et al. 2023 (arXiv 2307.12241)

    NaN without a complete window, or if an axis is missing.
    """
    if not set(_AXES) <= set(stream.channels):
        return {}
    signal = make_joint_signal(stream, _AXES)
    length = max(round(_WINDOW_S * signal.frame_rate_hz), 2 * _N_COEFFICIENTS)
    starts = [s for start, stop in signal.runs for s in range(start, stop - length + 1, length // 2)]
    codes = np.full((_MAX_WINDOWS, _WIDTH), np.nan)
    if starts and len(signal.channels) == len(_AXES):
        sampled = np.array(starts)[np.unique(np.linspace(0, len(starts) - 1, _MAX_WINDOWS).astype(int))]
        windows = signal.values[sampled[:, None] + np.arange(length)]  # [windows, length, axis]
        cosine = scipy.fft.dct(windows, axis=1, norm="ortho")[:, 1 : _N_COEFFICIENTS + 1] / np.sqrt(length)
        codes[: len(sampled)] = cosine.reshape(len(sampled), _WIDTH)
    return dict(zip(_NAMES, codes.ravel().tolist(), strict=True))


_NAMES = tuple(("kineme", f"w{window:03d}_c{code:02d}") for window in range(_MAX_WINDOWS) for code in range(_WIDTH))


class KinemeHistogram:
    """Cluster the windows of all training recordings; return the share of each recording's windows in each cluster.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, codes: Floats) -> Self:
        """Fit on the windows of recordings, shape [n, windows x code]; NaN marks missing windows."""
        windows = codes.reshape(-1, _WIDTH)
        windows = windows[np.isfinite(windows).all(axis=1)]
        if len(windows) > _MAX_TRAINING_WINDOWS:
            windows = np.random.default_rng(self.seed).choice(windows, _MAX_TRAINING_WINDOWS, replace=False)
        self.clusters_ = None
        if len(np.unique(windows, axis=0)) >= N_KINEMES:
            self.clusters_ = KMeans(N_KINEMES, n_init=2, random_state=self.seed).fit(windows)
        return self

    def transform(self, codes: Floats) -> Floats:
        """Return cluster shares, shape [n, 16]; NaN for a recording without windows."""
        shares = np.full((len(codes), N_KINEMES), np.nan)
        if self.clusters_ is None:
            return shares
        for row, recording in enumerate(codes.reshape(len(codes), -1, _WIDTH)):
            windows = recording[np.isfinite(recording).all(axis=1)]
            if len(windows):
                shares[row] = _cluster_shares(self.clusters_.predict(windows))
        return shares


def _cluster_shares(labels: Ints) -> Floats:
    return np.bincount(labels, minlength=N_KINEMES) / len(labels)
