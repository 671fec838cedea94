"""Elementary head movements, learned from the training fold, and how often each recording shows them."""

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
from pdmr_classic.io.stream import Stream

N_KINEMES = 16
_AXES = ("pose_Rx", "pose_Ry", "pose_Rz")
_WINDOW_S = 2.0
_COEFFICIENTS = 4
_MOST_WINDOWS = 120
_WIDTH = _COEFFICIENTS * len(_AXES)
_FITTED_ON = 20_000


@stream_family("kinemes", view="material", by_default=False)
def kineme_windows(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Windows of head rotation, for elementary movements that are clustered inside each fold (not by default).

    Formula: windows of 2 s, half overlapping, never across a gap, at most 120 evenly chosen; per axis the first 4
    coefficients of the cosine transform without the mean; in the fold: 16 k-means clusters of the training recordings'
    windows, and the share of a recording's windows in each

    Unit: rad; share

    Source: kinemes after Gahalawat et al. 2023 (arXiv 2307.12241)

    NaN where there is no window, or where an axis is missing.
    """
    if not set(_AXES) <= set(stream.channels):
        return {}
    signal = make_joint_signal(stream, _AXES)
    length = max(round(_WINDOW_S * signal.frame_rate_hz), 2 * _COEFFICIENTS)
    starts = [s for start, stop in signal.runs for s in range(start, stop - length + 1, length // 2)]
    codes = np.full((_MOST_WINDOWS, _WIDTH), np.nan)
    if starts and len(signal.channels) == len(_AXES):
        chosen = np.array(starts)[np.unique(np.linspace(0, len(starts) - 1, _MOST_WINDOWS).astype(int))]
        windows = signal.values[chosen[:, None] + np.arange(length)]  # [windows, length, axis]
        cosine = scipy.fft.dct(windows, axis=1, norm="ortho")[:, 1 : _COEFFICIENTS + 1] / np.sqrt(length)
        codes[: len(chosen)] = cosine.reshape(len(chosen), _WIDTH)
    return dict(zip(_NAMES, codes.ravel().tolist(), strict=True))


_NAMES = tuple(("kineme", f"w{window:03d}_c{code:02d}") for window in range(_MOST_WINDOWS) for code in range(_WIDTH))


class KinemeHistogram:
    """Cluster windows of all training recordings; describe a recording by the share of its windows in each cluster.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, codes: Floats) -> Self:
        """Fit on the windows of recordings, shape [n, windows x code]; NaN stands for no window."""
        windows = codes.reshape(-1, _WIDTH)
        windows = windows[np.isfinite(windows).all(axis=1)]
        if len(windows) > _FITTED_ON:
            windows = np.random.default_rng(self.seed).choice(windows, _FITTED_ON, replace=False)
        self.clusters_ = None
        if len(np.unique(windows, axis=0)) >= N_KINEMES:
            self.clusters_ = KMeans(N_KINEMES, n_init=2, random_state=self.seed).fit(windows)
        return self

    def transform(self, codes: Floats) -> Floats:
        """Return shares, shape [n, 16]; NaN for a recording without a window."""
        shares = np.full((len(codes), N_KINEMES), np.nan)
        if self.clusters_ is None:
            return shares
        for row, recording in enumerate(codes.reshape(len(codes), -1, _WIDTH)):
            windows = recording[np.isfinite(recording).all(axis=1)]
            if len(windows):
                shares[row] = _shares(self.clusters_.predict(windows))
        return shares


def _shares(labels: Ints) -> Floats:
    return np.bincount(labels, minlength=N_KINEMES) / len(labels)
