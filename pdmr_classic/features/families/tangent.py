"""Covariance of the action units, mapped to a tangent space whose origin is learned from the training fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.errors import ConfigError
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import make_joint_signal
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.io.stream import Stream

# Keeps the covariance of a face whose unit never moves away from singular, far below any real variance.
_RIDGE = 1e-6


@stream_family("au_tangent", view="material", by_default=False)
def au_covariance(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Covariance of the AU intensities, for a tangent space that is fitted inside each fold (not by default).

    Formula: Ledoit-Wolf covariance over usable frames, upper triangle; in the fold: log map at the geometric mean of
    the training recordings. Needs pyRiemann: pip install 'pdmr-classic[riemann]'

    Unit: intensity squared; none (tangent)

    Source: Ledoit and Wolf 2004; Barachant et al. 2013

    NaN with fewer than two usable frames or where a unit is missing.
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
    """Map covariances to the tangent space at their geometric mean.

    Attributes
    ----------
    space_ : pyriemann.tangentspace.TangentSpace
    """

    def fit(self, triangles: Floats) -> Self:
        """Fit on upper triangles, shape [n, C (C + 1) / 2]; rows with NaN are left out."""
        known = np.isfinite(triangles).all(axis=1)
        self.space_ = _tangent_space().fit(_matrices(triangles[known])) if known.sum() > 1 else None
        return self

    def transform(self, triangles: Floats) -> Floats:
        """Return tangent vectors, of the same shape; NaN for a row with NaN."""
        found = np.full_like(triangles, np.nan)
        known = np.isfinite(triangles).all(axis=1)
        if self.space_ is not None and known.any():
            found[known] = self.space_.transform(_matrices(triangles[known]))
        return found


def _tangent_space() -> Any:
    try:
        from pyriemann.tangentspace import TangentSpace
    except ImportError:
        raise ConfigError(
            "the family au_tangent needs pyRiemann", hint="pip install 'pdmr-classic[riemann]', or leave the family out"
        ) from None
    return TangentSpace(metric="riemann")


def _matrices(triangles: Floats) -> Floats:
    size = int((np.sqrt(8 * triangles.shape[1] + 1) - 1) / 2)
    upper = np.triu_indices(size)
    found = np.zeros((len(triangles), size, size))
    found[:, upper[0], upper[1]] = triangles
    found[:, upper[1], upper[0]] = triangles
    return found
