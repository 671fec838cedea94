"""Features of persons from those of their events: level, spread, drift, differences, and each event itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.features.names import (
    EVENT_DRIFT,
    EVENT_LEVEL,
    EVENT_SPREAD,
    MATERIAL,
    QUALITY,
    base_name,
    event_feature,
    event_presence,
    feature_name,
    feature_view,
    is_model_input,
    is_vector_component,
    list_events,
    parse_name,
)
from pdmr_classic.io.ids import natural_order
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.text import format_count, format_list

MAX_PAIRED = 4
"""Up to as many events, all pairs are compared; of more, each with the person's mean."""
MAX_COLUMNS = 40_000
MAX_VECTOR_COLUMNS = 4_000
"""Largest number of columns of a modality, and of the components of its vectors."""
_N_EVENTS = feature_name(QUALITY, "events", "n_events")
# Windows of single recordings, of which no mean can be taken.
_DROPPED = (MATERIAL, "kineme")

_Block = tuple[Sequence[str], Callable[[Floats], Sequence[Floats]]]


def pivot_events(
    features: pd.DataFrame, recordings: Sequence[Recording], trained_names: Iterable[str] = ()
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return one row per person from one row per recording, and what to tell.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        Of the recordings.
    recordings : sequence of Recording
        Of persons, with events.
    trained_names : iterable of str
        Names of the features of a model: its events are used, others are told and ignored.

    Returns
    -------
    DataFrame
        Index `data_id`, the person. Of each feature that models learn from, over the available events: `…@events`
        (mean), `…@spread` (standard deviation, n - 1), `…@drift` (least-squares slope over the positions of the events
        in natural order, per event; not with two events, where it is their difference), differences, such as
        `…@E2-E1` (later minus earlier) of all pairs of up to 4 events, otherwise `…@E5-mean` (minus the person's
        mean), and `…@E1`. A value that needs a missing event is NaN.
        In this order, and as a whole, as many of these groups are added as a modality has columns for (40,000; vector
        components 4,000); instead of too many pairs, differences from the mean.
        Quality and material keep their names: their mean over events (of kineme windows there is none); and
        `quality__events__n_events` and `quality__events__present@E1` say which events there are.
    findings : list of Finding
    """
    trained = list(trained_names)
    events = list_events(trained) or sort_events(name for person in recordings for name, _ in person.events)
    if trained:
        # Modalities that are added to the rows of persons, such as covariates, are not those of recordings.
        views = {feature_view(name) for name in features.columns}
        names = [name for name in dict.fromkeys(map(base_name, trained)) if feature_view(name) in views]
        features = features.reindex(columns=[name for name in names if parse_name(name)[:2] != (QUALITY, "events")])
    findings = _find_unknown(recordings, events)
    groups = _group_columns(features.columns)
    is_dropped = np.array([parse_name(name)[:2] == _DROPPED for name in features.columns], dtype=bool)
    if is_dropped.any():
        findings.append(Finding("no-kinemes", "kinemes of persons with several events are not computed"))
    cube = _stack(features, recordings, events)
    parts = [
        part for limit, columns in groups.values() for part in _pivot_group(cube, features, columns, events, limit)
    ]
    for view in (QUALITY, MATERIAL):
        is_view = np.array([feature_view(name) == view for name in features.columns], dtype=bool) & ~is_dropped
        parts.append((list(features.columns[is_view]), mean_over_events(cube[:, :, is_view])))
        parts += [_describe_presence(recordings, events)] if view == QUALITY else []
    table = np.hstack([values for _, values in parts])
    index = pd.Index([person.data_id for person in recordings], name="data_id")
    return pd.DataFrame(table, index, [name for names, _ in parts for name in names], copy=False), findings


def sort_events(names: Iterable[str]) -> list[str]:
    """Return each event once, in natural order: Q2 before Q10.

    Examples
    --------
    >>> sort_events(["Q10", "Q2", "Q10"])
    ['Q2', 'Q10']
    """
    listed = sorted(set(names))
    return [listed[position] for position in natural_order(listed)]


def _find_unknown(recordings: Sequence[Recording], events: Sequence[str]) -> list[Finding]:
    unknown = [name for person in recordings for name, _ in person.events if name not in events]
    if not unknown:
        return []
    listed = f"{format_list(sort_events(unknown))} ({format_count(len(unknown), 'recording')})"
    what = f"events unknown to the model are ignored: {listed}; known: {format_list(events)}"
    return [Finding("unknown-events", what)]


def _group_columns(names: Iterable[str]) -> Mapping[tuple[str, bool], tuple[int, list[int]]]:
    """Return the columns of each modality, vector components apart, with the limit of the columns made of them."""
    groups: dict[tuple[str, bool], tuple[int, list[int]]] = {}
    for column, name in enumerate(names):
        if is_model_input(name):
            is_component = is_vector_component(name)
            limit = MAX_VECTOR_COLUMNS if is_component else MAX_COLUMNS
            groups.setdefault((feature_view(name), is_component), (limit, []))[1].append(column)
    return groups


def _stack(features: pd.DataFrame, recordings: Sequence[Recording], events: Sequence[str]) -> Floats:
    """Return the features of each person's events, shape [persons, events, F]; NaN where there is none."""
    positions = {name: position for position, name in enumerate(events)}
    cells = [
        (row, positions[name], recording.data_id)
        for row, person in enumerate(recordings)
        for name, recording in person.events
        if name in positions
    ]
    cube = np.full((len(recordings), len(events), len(features.columns)), np.nan)
    if cells:
        rows, places, ids = zip(*cells, strict=True)
        cube[list(rows), list(places)] = features.loc[list(ids)].to_numpy(dtype=np.float64)
    return cube


def _pivot_group(
    cube: Floats, features: pd.DataFrame, columns: list[int], events: Sequence[str], limit: int
) -> Iterator[tuple[list[str], Floats]]:
    """Yield names and values of the parts that fit into the limit."""
    names, values = features.columns[columns], cube[:, :, columns]
    n_left = limit // max(len(columns), 1)
    for choices in list_parts(events):
        for labels, function in choices:
            if len(labels) <= n_left:
                for label, part in zip(labels, function(values), strict=True):
                    yield [event_feature(name, label) for name in names], part
                n_left -= len(labels)
                break
        else:
            return


def list_parts(events: Sequence[str]) -> list[list[_Block]]:
    """Return what is computed over events, the most important first: labels and function, or a choice of these."""
    several = len(events) > 1
    pairs = list(combinations(range(len(events)), 2))
    from_mean: _Block = ([f"{name}-mean" for name in events], subtract_mean)
    paired: _Block = ([f"{events[b]}-{events[a]}" for a, b in pairs], partial(_subtract_pairs, pairs=pairs))
    parts: list[list[_Block]] = [[([EVENT_LEVEL], lambda values: [mean_over_events(values)])]]
    if several:
        parts.append([([EVENT_SPREAD], lambda values: [spread_over_events(values)])])
    if len(events) > 2:
        parts.append([([EVENT_DRIFT], lambda values: [drift_over_events(values)])])
    if several:
        parts.append([paired, from_mean] if len(events) <= MAX_PAIRED else [from_mean])
    parts.append([(list(events), lambda values: list(np.moveaxis(values, 1, 0)))])
    return parts


def describe_parts(events: Sequence[str]) -> str:
    """Return in words what is computed over events.

    Examples
    --------
    >>> describe_parts(["E1", "E2"])
    'mean and spread over events, differences of all pairs of events, each event'
    """
    over = "mean, spread and drift" if len(events) > 2 else "mean and spread"
    of = "all pairs of events" if len(events) <= MAX_PAIRED else "each event from the person's mean"
    return f"{over} over events, differences of {of}, each event"


# ------------------------------------------------------------------------------------------------ functionals


def mean_over_events(values: Floats) -> Floats:
    """Return the mean of the available events, shape [persons, events, F] -> [persons, F]; NaN without any."""
    return _divide(np.nansum(values, axis=1), np.isfinite(values).sum(axis=1), 1)


def spread_over_events(values: Floats) -> Floats:
    """Return the standard deviation (n - 1) over the available events; NaN with fewer than two."""
    n = np.isfinite(values).sum(axis=1)
    squares = np.nansum((values - mean_over_events(values)[:, None]) ** 2, axis=1)
    return np.asarray(np.sqrt(_divide(squares, n - 1, 1)))


def drift_over_events(values: Floats) -> Floats:
    """Return the least-squares slope over the positions of the available events; NaN with fewer than two.

    Examples
    --------
    >>> drift_over_events(np.array([[[1.0], [np.nan], [5.0]]]))
    array([[2.]])
    """
    position = np.where(np.isfinite(values), np.arange(values.shape[1], dtype=np.float64)[:, None], np.nan)
    x = position - mean_over_events(position)[:, None]
    products = np.nansum(x * (values - mean_over_events(values)[:, None]), axis=1)
    return _divide(products, np.nansum(x**2, axis=1), 1e-9)


def subtract_mean(values: Floats) -> list[Floats]:
    """Return each event minus the person's mean over the available events; NaN with fewer than two."""
    several = np.isfinite(values).sum(axis=1) > 1
    mean = np.where(several, mean_over_events(values), np.nan)
    return list(np.moveaxis(values - mean[:, None], 1, 0))


def _subtract_pairs(values: Floats, pairs: Sequence[tuple[int, int]]) -> list[Floats]:
    return [values[:, later] - values[:, earlier] for earlier, later in pairs]


def _divide(total: Floats, count: NDArray[np.generic], smallest: float) -> Floats:
    """Return the quotient; NaN where the divisor is less than `smallest`."""
    divisor = np.asarray(count, dtype=np.float64)
    return np.asarray(np.divide(total, divisor, out=np.full(total.shape, np.nan), where=divisor >= smallest))


def _describe_presence(recordings: Sequence[Recording], events: Sequence[str]) -> tuple[list[str], Floats]:
    """Return the number of events of each person, and whether there is each, as hidden features."""
    present = np.array([[name in dict(person.events) for name in events] for person in recordings], dtype=np.float64)
    present = present.reshape(len(recordings), len(events))
    return [_N_EVENTS, *map(event_presence, events)], np.column_stack([present.sum(axis=1), present])
