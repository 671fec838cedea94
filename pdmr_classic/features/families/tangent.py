"""Covariance of AU intensities, mapped to a tangent space fitted on the training fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.errors import ConfigError
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import make_joint_signal
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream

# Keeps the covariance non-singular if a unit never moves; far below any real variance.
_RIDGE = 1e-6


@stream_family("au_tangent", view="material", is_default=False)
def au_covariance(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Covariance of AU intensities in a tangent space fitted inside each fold (not by default).

    Formula: Ledoit-Wolf covariance over usable frames, upper triangle; inside each fold, log map at the geometric mean
    of the training recordings. Requires pyRiemann: pip install 'pdmr-classic[riemann]'

    Unit: intensity squared (covariance); dimensionless (tangent space)

    Source: Ledoit and Wolf 2004; Barachant et al. 2013

    NaN with fewer than two usable frames, or if a unit is missing.
    """
    channels = [name for name in stream.channels if channel_kind(name) == "au_intensity"]
    if not channels:
        return {}
    upper = np.triu_indices(len(channels))
    names = [("covariance", f"{channels[i]}.{channels[j]}") for i, j in zip(*upper, strict=True)]
    signal = make_joint_signal(stream, channels)
    if len(signal.channels) < len(channels) or signal.n_frames < 2:
        return dict.fromkeys(names, np.nan)
    from sklearn.covariance import ledoit_wolf

    matrix = ledoit_wolf(signal.values)[0] + _RIDGE * np.eye(len(channels))
    return dict(zip(names, matrix[upper].tolist(), strict=True))


class TangentMap:
    """Map covariance matrices to the tangent space at their geometric mean.

    Attributes
    ----------
    space_ : pyriemann.tangentspace.TangentSpace
    """

    def fit(self, triangles: Floats) -> Self:
        """Fit on upper triangles, shape [n, C (C + 1) / 2]; rows with NaN are left out."""
        complete = np.isfinite(triangles).all(axis=1)
        self.space_ = _make_tangent_space().fit(_to_matrices(triangles[complete])) if complete.sum() > 1 else None
        return self

    def transform(self, triangles: Floats) -> Floats:
        """Return tangent vectors of the same shape; all NaN for a row with NaN."""
        vectors = np.full_like(triangles, np.nan)
        complete = np.isfinite(triangles).all(axis=1)
        if self.space_ is not None and complete.any():
            vectors[complete] = self.space_.transform(_to_matrices(triangles[complete]))
        return vectors


def _make_tangent_space() -> Any:
    try:
        from pyriemann.tangentspace import TangentSpace
    except ImportError:
        raise ConfigError(
            "the feature family au_tangent requires pyRiemann",
            hint="run pip install 'pdmr-classic[riemann]', or remove the family from the settings",
        ) from None
    return TangentSpace(metric="riemann")


def _to_matrices(triangles: Floats) -> Floats:
    size = int((np.sqrt(8 * triangles.shape[1] + 1) - 1) / 2)
    upper = np.triu_indices(size)
    matrices = np.zeros((len(triangles), size, size))
    matrices[:, upper[0], upper[1]] = triangles
    matrices[:, upper[1], upper[0]] = triangles
    return matrices
