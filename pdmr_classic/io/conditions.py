"""Conditions of a recording that its features do not hold: tracker confidence, decimals, place of the face.

Conditions are compared with the labels by `evaluate --confounds`. They are facts about a file, never features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.io.audio.embeddings import Embedding
from pdmr_classic.io.file_format import describe_format
from pdmr_classic.io.stream_facts import range_kind
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream

MAX_DECIMALS = 7
"""About the precision of float32; values with more decimals count as unrounded."""
_MAX_SAMPLED_VALUES, _MAX_SAMPLED_FRAMES = 500, 200
_FLOAT32_EPSILON = 2.0**-22
_CONFIDENCE_QUANTILES = (5, 50)


def describe_stream_conditions(stream: Stream, path: Path) -> dict[str, float]:
    """Return the known conditions of a video recording; see `describe_format` for those of the file.

    Returns
    -------
    dict of str to float
        Mean, standard deviation and quantiles of the tracker's `confidence` over all frames; `face_x`, `face_y`,
        `face_size` and `face_extent` (medians over frames, px; size is the rms distance of the 2-D landmarks from their
        centre); `decimals_of KIND` of the values of each kind of channel.
    """
    decimals = {decimals_key(kind): count_decimals(values) for kind, values in _sample_kinds(stream).items()}
    return _keep_known({**_describe_confidence(stream), **_describe_face(stream), **decimals, **describe_format(path)})


def describe_vector_conditions(embedding: Embedding, path: Path) -> dict[str, float]:
    """Return the known conditions of an audio vector: its number of rows and how its file is written."""
    return _keep_known({"n_rows": float(embedding.n_rows), **describe_format(path)})


def _keep_known(conditions: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in conditions.items() if np.isfinite(value)}


def decimals_key(kind: str) -> str:
    """Return the name of the condition with the decimals of one kind of channel."""
    return f"decimals_of {kind}"


def count_decimals(values: NDArray[np.float32]) -> float:
    """Return the fewest decimals that hold all values within the precision of float32, at most `MAX_DECIMALS`.

    Examples
    --------
    >>> count_decimals(np.array([0.25, 1.5], dtype=np.float32)), count_decimals(np.array([1 / 3], dtype=np.float32))
    (2.0, 7.0)
    """
    exact = values.astype(np.float64)
    tolerance = np.abs(exact) * _FLOAT32_EPSILON + 1e-12
    for decimals in range(MAX_DECIMALS):
        if (np.abs(exact - np.round(exact, decimals)) <= tolerance).all():
            return float(decimals)
    return float(MAX_DECIMALS)


def _sample_kinds(stream: Stream) -> dict[str, NDArray[np.float32]]:
    members: dict[str, list[int]] = {}
    for row, name in enumerate(stream.channels):
        members.setdefault(range_kind(name) or "others", []).append(row)
    step = max(stream.n_frames // _MAX_SAMPLED_FRAMES, 1)
    samples = {}
    for kind, rows in members.items():
        values = stream.values.T[rows, ::step].ravel()
        samples[kind] = _thin(values[np.isfinite(values)])
    return {kind: values for kind, values in samples.items() if len(values)}


def _thin(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values[:: len(values) // _MAX_SAMPLED_VALUES + 1]


def _describe_confidence(stream: Stream) -> dict[str, float]:
    names = ("confidence_mean", "confidence_sd", *(f"confidence_p{q:02d}" for q in _CONFIDENCE_QUANTILES))
    known = stream.confidence[np.isfinite(stream.confidence)] if stream.confidence is not None else np.empty(0)
    if not len(known):
        return dict.fromkeys(names, np.nan)
    values = (known.mean(), known.std(), *np.percentile(known, _CONFIDENCE_QUANTILES))
    return dict(zip(names, map(float, values), strict=True))


def _describe_face(stream: Stream) -> dict[str, float]:
    names = ("face_x", "face_y", "face_size", "face_extent")
    points = [name[2:] for name in stream.channels if channel_kind(name) == "landmark" and name.startswith("x_")]
    points = [point for point in points if f"y_{point}" in stream.channels]
    step = max(stream.n_frames // _MAX_SAMPLED_FRAMES, 1)
    x, y = (_select_rows(stream, [f"{axis}_{point}" for point in points], step) for axis in "xy")
    is_complete = np.isfinite(x).all(axis=0) & np.isfinite(y).all(axis=0)
    if len(points) < 2 or not is_complete.any():
        return dict.fromkeys(names, np.nan)
    x, y = x[:, is_complete], y[:, is_complete]
    size = np.sqrt(x.var(axis=0) + y.var(axis=0))
    values = (x.mean(axis=0), y.mean(axis=0), size, np.maximum(np.ptp(x, axis=0), np.ptp(y, axis=0)))
    return {name: float(np.median(value)) for name, value in zip(names, values, strict=True)}


def _select_rows(stream: Stream, channels: Sequence[str], step: int) -> Floats:
    """Return every `step`th valid frame of some channels, shape [channels, frames]."""
    frames = np.flatnonzero(stream.valid)[::step]
    rows = np.array(stream.channel_indices(channels), dtype=np.intp)[:, None]
    return np.asarray(stream.values.T[rows, frames], dtype=np.float64)
