"""Permutation importance of single channels, on the held-out recordings of an outer fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.features.names import is_model_input, modality_columns, parse_name
from pdmr_classic.metrics import row_losses
from pdmr_classic.models.model import DepressionModel

# Shuffled rows to predict, for all channels of a fold together: they cost much less than training the model.
_ROW_BUDGET = 2000
_MIN_ROWS, _MAX_ROWS = 10, 60
# Channels that are predicted at once, so that copies of a wide table need little memory.
_CHUNK = 16


def channel_importance(model: DepressionModel, table: EvaluationTable, outer: OuterFold) -> dict[str, float]:
    """Return how much the log loss of the held-out recordings increases when a channel is shuffled between them.

    All features of a channel are shuffled together, between the recordings that have its modality. In a large fold, a
    sample of the recordings is used.

    Parameters
    ----------
    model : DepressionModel
        Trained on the training rows.
    table : EvaluationTable
    outer : OuterFold
        With labelled rows only.

    Returns
    -------
    dict of str to float
        Mean increase in nats by channel, such as "video AU12_r"; empty if fewer than two recordings are held out.
    """
    channels = list_channels(list(map(str, table.features.columns)))
    if len(outer.test) < 2 or not channels:
        return {}
    rng = np.random.default_rng([outer.repeat, outer.fold])
    n_rows = int(np.clip(_ROW_BUDGET // len(channels), _MIN_ROWS, _MAX_ROWS))
    rows = np.sort(rng.permutation(outer.test)[:n_rows])
    before = _losses(model, table, table.features.iloc[rows], rows)
    names = list(channels)
    increases: dict[str, float] = {}
    for start in range(0, len(names), _CHUNK):
        chunk = {name: channels[name] for name in names[start : start + _CHUNK]}
        shuffled = pd.concat(list(_shuffle_channels(table.features.iloc[rows], chunk, rng)))
        after = _losses(model, table, shuffled, np.tile(rows, len(chunk))).reshape(len(chunk), -1)
        gains = after - before
        usable = np.isfinite(gains)
        for name, gain, is_known in zip(chunk, gains, usable, strict=True):
            if is_known.any():
                increases[name] = float(gain[is_known].mean())
    return increases


def list_channels(names: list[str]) -> dict[str, Ints]:
    """Return the columns of each channel that base learners use; columns without a channel are left out.

    Examples
    --------
    >>> list_channels(["video__AU12_r__mean", "video__AU12_r__std", "quality__stream__coverage", "x0"])
    {'video AU12_r': array([0, 1])}
    """
    columns: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        view, channel, _ = parse_name(name)
        if channel and is_model_input(name):
            columns.setdefault(f"{view} {channel}", []).append(index)
    return {name: np.array(indices, dtype=np.intp) for name, indices in columns.items()}


def _shuffle_channels(
    features: pd.DataFrame, channels: Mapping[str, Ints], rng: np.random.Generator
) -> Iterator[pd.DataFrame]:
    X = features.to_numpy(dtype=np.float64)
    modalities = modality_columns(map(str, features.columns))
    for name, columns in channels.items():
        rows = np.flatnonzero(np.isfinite(X[:, modalities[name.partition(" ")[0]]]).any(axis=1))
        shuffled = X.copy()
        shuffled[np.ix_(rows, columns)] = X[np.ix_(rng.permutation(rows), columns)]
        yield pd.DataFrame(shuffled, features.index, features.columns)


def _losses(model: DepressionModel, table: EvaluationTable, features: pd.DataFrame, rows: Ints) -> Floats:
    """Return the log loss of each row, shape [n]; NaN where the model cannot predict."""
    conditions = None if table.conditions is None else table.conditions.iloc[rows].reset_index(drop=True)
    inputs = features.reindex(columns=model.feature_names_).reset_index(drop=True)
    probability = model.predictor_.predict_raw(inputs, conditions).probability
    if probability is None:
        raise ValueError("importance of channels requires a model of classes")
    return row_losses(probability, table.codes[rows])
