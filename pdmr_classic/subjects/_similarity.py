"""Pairs of recordings that are more alike than two recordings can be, by their video or by their audio vectors.

Neither measure refers to the typical nearest neighbour, which is itself a copy if copies are many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.features.names import (
    AUDIO,
    VIDEO,
    feature_name,
    feature_view,
    is_vector_component,
    parse_name,
    vector_modalities,
)
from pdmr_classic.storage.mapped_table import copy_rows, iterate_rows
from pdmr_classic.subjects._directions import unit_directions, unit_distances
from pdmr_classic.subjects._large_vectors import MIN_LARGE_ROWS, LargeVectors

# With fewer rows or columns, similarity is not informative.
_MIN_ROWS, _MIN_COLUMNS = 8, 8
_MIN_FINITE_SHARE = 0.9
# Limits memory: pairs are compared in blocks of rows.
_BLOCK_ROWS = 128

# Two functionals of a channel agree if they differ by less than this share of its typical standard deviation over time:
# rounding, noise and resampling change less, and two recordings of the same person usually differ by more.
_TOLERANCE = 0.05
# Level and spread hardly change if a recording is rounded, noisy or resampled. After a cut, about as many of the
# extremes remain as of the recording. The number is the share that must agree if there are many columns.
_FUNCTIONALS = ((("mean", "std"), 0.4), (("min", "max"), 0.25))
# In hours of uniform behaviour, level and spread of one person are always the same, but extremes are not: at least this
# part of the share of extremes that is sufficient alone must agree, too.
_MIN_EXTREMES = 0.5
# The share must also be this far above that of random pairs, in standard deviations of independent columns.
_CHANCE_SD, _MAX_REQUIRED = 4.5, 0.97
# Negative logarithm of the share of sets in which any of all pairs may agree so much by chance.
_FALSE_ALARM = 3.5
# Of hundreds of landmarks, some are enough.
_MAX_COLUMNS = 64
_N_RANDOM_PAIRS = 4000

# Audio vectors are copies if they are closer than this share of the distance at which new recordings usually lie.
_RELATIVE_DISTANCE = 0.15
# Copies lie closer, but cannot reach this quantile unless they are four fifths of the set.
_TYPICAL_QUANTILE = 0.8


class Pairs(NamedTuple):
    """Pairs of similar recordings.

    Attributes
    ----------
    rows, originals : ndarray of int, shape [P]
        Rows of the first and of the second table. Within one table, each pair occurs in both orders.
    closeness : ndarray of float, shape [P]
        At least 1; higher for recordings that are more alike.
    """

    rows: Ints
    originals: Ints
    closeness: Floats

    def select(self, chosen: Mask) -> Pairs:
        """Return some of the pairs."""
        return Pairs(self.rows[chosen], self.originals[chosen], self.closeness[chosen])


_NO_PAIRS = Pairs(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))
# Returns the closeness of some rows to the originals from a position on.
_Measure = Callable[[slice, int], Floats]


def find_similar(
    features: pd.DataFrame, train: pd.DataFrame | None = None, modalities: Iterable[str] = (VIDEO, AUDIO)
) -> Iterator[tuple[str, Pairs]]:
    """Yield the similar recordings of each modality, between `features` and `train` (default: within `features`).

    Recordings without the modality, and constant vectors, are similar to nothing. Further views are compared like
    video if they are streams, and like audio if they are vectors.
    """
    is_same_set = train is None
    train = features if train is None else train.reindex(columns=features.columns)
    vectors = {AUDIO, *vector_modalities(map(str, features.columns))}
    for modality in modalities:
        is_vector = modality in vectors
        find = find_similar_audio if is_vector else find_similar_video
        names = [str(name) for name in features.columns]
        columns = np.flatnonzero(
            [feature_view(name) == modality and (not is_vector or is_vector_component(name)) for name in names]
        )
        originals = _find_informative(train, columns)
        rows = originals if is_same_set else _find_informative(features, columns)
        table = copy_rows(train, originals, columns)
        # Of one set, there is only one copy: it may be large.
        pairs = find(table if is_same_set else copy_rows(features, rows, columns), table, is_same_set=is_same_set)
        yield modality, Pairs(rows[pairs.rows], originals[pairs.originals], pairs.closeness)


def _find_informative(table: pd.DataFrame, columns: Ints) -> Ints:
    parts = [(part := rows.iloc[:, columns]).max(axis=1) > part.min(axis=1) for rows in iterate_rows(table)]
    return np.asarray(np.flatnonzero(np.concatenate(parts)), dtype=np.intp)


def _find_pairs(measure: _Measure, n_rows: int, is_same_set: bool) -> Pairs:
    parts = [_NO_PAIRS]
    for start in range(0, n_rows, _BLOCK_ROWS):
        first = start if is_same_set else 0
        closeness = measure(slice(start, start + _BLOCK_ROWS), first)
        rows, originals = np.nonzero(closeness >= 1)
        if is_same_set:  # only the pairs above the diagonal; the others follow from symmetry
            rows, originals = rows[originals > rows], originals[originals > rows]
        found = Pairs(rows + start, originals + first, closeness[rows, originals].astype(np.float64))
        parts.append(found)
        if is_same_set:
            parts.append(Pairs(found.originals, found.rows, found.closeness))
    return Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


# -------------------------------------------------------------------------------------------------- video


def find_similar_video(features: pd.DataFrame, train: pd.DataFrame, *, is_same_set: bool) -> Pairs:
    """Return the pairs of recordings in which more functionals of the video agree than by coincidence.

    Each agreement counts by its information, the negative logarithm of the share of random pairs of recordings that
    agree in it (Fellegi and Sunter 1969). Pairs are similar if the weighted share of agreements exceeds
    b + 1 / sqrt(K) for K equally informative columns, and what random pairs reach by chance: b = 0.25 for minima and
    maxima of the channels, or b = 0.4 for means and standard deviations, if at least half as many minima and maxima
    agree as are sufficient alone. The information in the agreements must also exceed the logarithm of the number of
    pairs, so that noise is not taken for copies.

    Parameters
    ----------
    features, train : DataFrame, shapes [n, F] and [m, F]
        Mean, standard deviation, minimum and maximum of each channel. NaN agrees with nothing and does not count.
    """
    measures = [
        _measure_agreement(features, train, columns, tolerances, base)
        for columns, tolerances, base in _select_functionals(train)
        if len(train) >= _MIN_ROWS and len(columns) >= _MIN_COLUMNS
    ]
    if len(measures) < 2 or not len(features):
        return _NO_PAIRS
    return _find_pairs(lambda rows, first: _combine(*(m(rows, first) for m in measures)), len(features), is_same_set)


def _combine(levels: Floats, extremes: Floats) -> Floats:
    return np.asarray(np.maximum(extremes, np.minimum(levels, extremes / _MIN_EXTREMES)))


def _select_functionals(train: pd.DataFrame) -> Iterator[tuple[list[str], Floats, float]]:
    """Yield the columns of each kind of functional, their tolerances, and the share that must agree."""
    names = [name for name in train.columns if train[name].notna().mean() >= _MIN_FINITE_SHARE]
    present = set(names)
    modality = feature_view(names[0]) if names else VIDEO
    channels = [channel for _, channel, functional in map(parse_name, names) if functional == "std"]
    tolerance = {
        channel: _TOLERANCE * float(train[feature_name(modality, channel, "std")].median()) for channel in channels
    }
    varying = [channel for channel in channels if tolerance[channel] > 0]
    for functionals, base in _FUNCTIONALS:
        n_channels = min(len(varying), _MAX_COLUMNS // len(functionals))
        chosen = [varying[k] for k in np.linspace(0, len(varying) - 1, n_channels).round().astype(int)]
        columns = [
            (feature_name(modality, channel, name), tolerance[channel]) for channel in chosen for name in functionals
        ]
        columns = [column for column in columns if column[0] in present]
        yield [name for name, _ in columns], np.array([value for _, value in columns]), base


def _measure_agreement(
    features: pd.DataFrame, train: pd.DataFrame, columns: list[str], tolerances: Floats, base: float
) -> _Measure:
    centre = train[columns].median().to_numpy(dtype=np.float64)
    # In units of the tolerance, and contiguous by column.
    rows, originals = (
        np.ascontiguousarray(((table[columns].to_numpy(dtype=np.float64) - centre) / tolerances).T.astype(np.float32))
        for table in (features, train)
    )
    weights = _weigh_columns(originals)
    required = np.float32(_find_required_share(weights, base))
    information = np.float32(np.log(max(rows.shape[1] * originals.shape[1], 1)) + _FALSE_ALARM)

    def measure(block: slice, first: int) -> Floats:
        selected, others = rows[:, block], originals[:, first:]
        agreement = np.zeros((selected.shape[1], others.shape[1]), dtype=np.float32)
        difference = np.empty_like(agreement)
        for row, other, weight in zip(selected, others, weights, strict=True):
            np.subtract(row[:, None], other, out=difference)
            np.abs(difference, out=difference)
            agreement += (difference < 1) * weight
        known = (np.isfinite(selected).T * weights) @ np.isfinite(others).astype(np.float32)
        # Two recordings with few channels in common are not compared.
        share = agreement / (required * np.maximum(known, weights.sum() / 2))
        return np.asarray(np.minimum(share, agreement / information))

    return measure


def _find_required_share(weights: Floats, base: float) -> float:
    """Return the weighted share of agreements from which a pair is similar."""
    total = max(float(weights.sum()), np.finfo(float).tiny)
    n_columns = total**2 / max(float((weights**2).sum()), np.finfo(float).tiny)
    chance = np.exp(-weights)
    mean, sd = weights @ chance / total, np.sqrt(weights**2 @ (chance * (1 - chance))) / total
    # Where any two recordings agree in much, as in noise, a few columns prove nothing unless nearly all agree.
    by_chance = min(float(mean + _CHANCE_SD * sd), _MAX_REQUIRED)
    return max(base + 1 / float(np.sqrt(max(n_columns, 1.0))), by_chance)


def _weigh_columns(values: Floats) -> Floats:
    """Return the information in an agreement on each column, shape [C], from random pairs of different rows."""
    rng = np.random.default_rng(0)
    n = values.shape[1]
    first = rng.integers(n, size=_N_RANDOM_PAIRS)
    second = (first + rng.integers(1, n, size=_N_RANDOM_PAIRS)) % n
    n_agreeing = (np.abs(values[:, first] - values[:, second]) < 1).sum(axis=1)
    return np.asarray(-np.log((n_agreeing + 1) / (_N_RANDOM_PAIRS + 1)), dtype=np.float32)


# -------------------------------------------------------------------------------------------------- audio


def find_similar_audio(features: pd.DataFrame, train: pd.DataFrame, *, is_same_set: bool) -> Pairs:
    """Return the pairs of recordings whose audio vectors point in nearly the same direction from the mean of `train`.

    Pairs are similar if their distance is at most 15% of the distance at which a new recording usually lies: the 80%
    quantile, over the recordings of `train` in random order, of the distance to the nearest earlier one. Of a recording
    and its copies, the first counts as new.

    Parameters
    ----------
    features, train : DataFrame, shapes [n, D] and [m, D]
        Components of the audio vectors. NaN is replaced by the mean.
    """
    if is_same_set and len(train) >= MIN_LARGE_ROWS:
        return _find_in_large_set(train)
    train = train.loc[:, (train.notna().mean() >= _MIN_FINITE_SHARE) & (train.nunique() > 1)]
    if not len(features) or len(train) < _MIN_ROWS or train.shape[1] < _MIN_COLUMNS:
        return _NO_PAIRS
    means = train.mean()
    rows, originals = (
        unit_directions(table.fillna(means).to_numpy(dtype=np.float64), means.to_numpy())
        for table in (features[train.columns], train)
    )
    limit = _RELATIVE_DISTANCE * _typical_distance(originals)

    def measure(block: slice, first: int) -> Floats:
        distances = unit_distances(rows[block], originals[first:])
        return np.asarray(np.divide(limit, distances, out=np.full_like(distances, np.inf), where=distances > 0))

    return _find_pairs(measure, len(rows), is_same_set)


def _find_in_large_set(train: pd.DataFrame) -> Pairs:
    vectors = LargeVectors.read(train, _MIN_FINITE_SHARE)
    if vectors.points.shape[1] < _MIN_COLUMNS:
        return _NO_PAIRS
    limit = _RELATIVE_DISTANCE * vectors.typical_distance(_TYPICAL_QUANTILE, _BLOCK_ROWS)
    return _find_pairs(lambda block, first: vectors.measure(block, first, limit), len(train), is_same_set=True)


def _typical_distance(points: Floats) -> float:
    """Return the 80% quantile of the distances of points to the nearest earlier one in random order."""
    points = points[np.random.default_rng(0).permutation(len(points))]
    nearest = []
    for start in range(0, len(points), _BLOCK_ROWS):
        block = points[start : start + _BLOCK_ROWS]
        stop = start + len(block)
        distances = unit_distances(block, points[:stop])
        distances[np.arange(stop) >= np.arange(start, stop)[:, None]] = np.inf
        nearest.append(distances.min(axis=1))
    return float(np.quantile(np.concatenate(nearest)[1:], _TYPICAL_QUANTILE))
