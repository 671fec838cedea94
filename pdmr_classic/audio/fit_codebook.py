"""Fit a codebook on training recordings: the scale of each band, and centres by k-means."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from pdmr_classic.arrays import Floats
from pdmr_classic.audio.netvlad import Codebook, squared_distances
from pdmr_classic.audio.scan import Scan, read_kept_frames
from pdmr_classic.errors import DataError
from pdmr_classic.io.audio.embeddings import NETVLAD_CLUSTERS
from pdmr_classic.workers import use_one_thread

MAX_FRAMES = 50_000
"""Frames that k-means sees: 20 MB, 3,000 per centre; each recording contributes at most an equal share."""
_BATCH = 4096
# A band that hardly varies, such as those above 4 kHz of a telephone, would otherwise count most by its noise.
_MIN_RELATIVE_SCALE = 0.1
# So that sounds of nothing but a constant tone are refused for their few different frames, not by a division by zero.
_MIN_SCALE = 1e-6
# The mean frame belongs to its nearest centre a hundred times more than to the second nearest (NetVLAD's choice).
_NEAREST_TO_SECOND = 100.0


def sample_frames(scan: Scan, n_max: int, seed: int) -> Floats:
    """Return frames of a recording, drawn at random without replacement, in the order of time.

    The draw depends on the seed and on the content of the file, not on its name or on the other files.
    """
    if scan.n_kept <= n_max:
        return np.concatenate(list(read_kept_frames(scan)))
    rng = np.random.default_rng([seed, int(scan.content[:16], 16)])
    chosen = np.zeros(scan.n_kept, dtype=bool)
    chosen[rng.choice(scan.n_kept, n_max, replace=False)] = True
    samples, start = [], 0
    for frames in read_kept_frames(scan):
        samples.append(frames[chosen[start : start + len(frames)]])
        start += len(frames)
    return np.concatenate(samples)


def frames_per_recording(n_recordings: int) -> int:
    """Return how many frames each recording may contribute."""
    return math.ceil(MAX_FRAMES / n_recordings)


def fit_codebook(samples: Sequence[Floats], scans: Sequence[Scan], seed: int = 0) -> Codebook:
    """Fit a codebook.

    Parameters
    ----------
    samples : sequence of ndarray, shape [n, 48]
        Frames of each recording, without its mean.
    scans : sequence of Scan
        Of the same recordings.
    seed : int

    Raises
    ------
    DataError
        The frames have too few distinct values for 16 centres.
    """
    scale = _pool_scale(scans)
    frames = np.concatenate(list(samples)) / scale
    n_different = len(np.unique(frames.sum(axis=1).round(6)))  # almost all differ already in their sum
    if n_different < 2 * NETVLAD_CLUSTERS:
        raise DataError(
            f"the training recordings have too little sound for {NETVLAD_CLUSTERS} centres",
            code="too-little-sound",
            expected=f"at least {2 * NETVLAD_CLUSTERS} different frames of 10 ms",
            found=str(n_different),
            hint="add recordings",
        )
    with use_one_thread():  # so that the centres do not depend on the number of cores
        kmeans = MiniBatchKMeans(NETVLAD_CLUSTERS, batch_size=_BATCH, n_init=3, random_state=seed).fit(frames)
    centres = np.asarray(kmeans.cluster_centers_, dtype=np.float64)
    return Codebook(scale, centres, _choose_sharpness(frames, centres))


def _pool_scale(scans: Sequence[Scan]) -> Floats:
    """Return the standard deviation of each band within recordings, over the frames of all recordings."""
    n_kept = np.array([scan.n_kept for scan in scans], dtype=np.float64)
    scale = np.sqrt(n_kept @ np.array([scan.variance for scan in scans]) / n_kept.sum())
    return np.asarray(np.maximum(scale, max(_MIN_RELATIVE_SCALE * float(scale.max()), _MIN_SCALE)))


def _choose_sharpness(frames: Floats, centres: Floats) -> float:
    two_nearest = np.partition(squared_distances(frames, centres), 1, axis=1)[:, :2]
    return math.log(_NEAREST_TO_SECOND) / float(np.mean(two_nearest[:, 1] - two_nearest[:, 0]))
