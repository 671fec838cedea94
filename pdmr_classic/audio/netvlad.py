"""Encode the frames of a recording as one vector, relative to a codebook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.io.audio.embeddings import NETVLAD_CLUSTERS

# Less than a thousandth of a frame belongs to such a cluster: its direction, blown up to length 1, would be noise.
_NEGLIGIBLE = 1e-3


@dataclass(frozen=True, eq=False)
class Codebook:
    """Centres of the frames in training recordings.

    Attributes
    ----------
    scale : ndarray of float64, shape [48]
        Frames are divided by it, so that each band counts alike.
    centres : ndarray of float64, shape [16, 48]
        Of frames divided by `scale`.
    sharpness : float
        Factor of the squared distance in the soft assignment.
    """

    scale: Floats
    centres: Floats
    sharpness: float


def encode_frames(blocks: Iterable[Floats], codebook: Codebook) -> Floats:
    """Return the NetVLAD encoding of a recording.

    Frame x belongs to cluster k with weight a_k(x) = softmax over k of -sharpness * |x - c_k|^2. The part of cluster k
    is the sum of a_k(x) (x - c_k) over all frames, divided by its norm; then the whole vector is divided by its own. So
    a vector does not depend on the length of the recording.

    Parameters
    ----------
    blocks : iterable of ndarray, shape [n, 48]
        Frames without the mean of the recording.
    codebook : Codebook

    Returns
    -------
    ndarray of float64, shape [768]
        Cluster by cluster: component 48 k + b is band b of cluster k. The part of a cluster without frames is 0.

    Notes
    -----
    VLAD: Jegou et al. 2010. Soft assignment: Arandjelovic et al. 2016 (NetVLAD), with centres of k-means instead of
    learned ones. Normalisation of each cluster: Arandjelovic and Zisserman 2013.
    """
    sums, weight = np.zeros_like(codebook.centres), np.zeros(NETVLAD_CLUSTERS)
    for block in blocks:
        frames = block / codebook.scale
        assignment = _assign(frames, codebook)
        sums += assignment.T @ frames
        weight += assignment.sum(axis=0)
    residuals = sums - weight[:, None] * codebook.centres
    return _normalise(_normalise(residuals).ravel())


def squared_distances(frames: Floats, centres: Floats) -> Floats:
    """Return the squared distance of each frame to each centre, shape [n, 16]."""
    products = frames @ centres.T
    squares = np.einsum("ij,ij->i", frames, frames)[:, None] + np.einsum("ij,ij->i", centres, centres)
    return np.asarray(np.maximum(squares - 2 * products, 0.0))


def _assign(frames: Floats, codebook: Codebook) -> Floats:
    # The squared norm of a frame is the same for all centres, and cancels.
    logits = frames @ (2 * codebook.sharpness * codebook.centres.T)
    logits -= codebook.sharpness * np.einsum("ij,ij->i", codebook.centres, codebook.centres)
    logits -= logits.max(axis=1, keepdims=True)
    weights = np.exp(logits)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _normalise(values: Floats) -> Floats:
    """Divide by the Euclidean norm over the last axis; zeros stay zeros."""
    norm = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(np.divide(values, norm, out=np.zeros_like(values), where=norm > _NEGLIGIBLE))
