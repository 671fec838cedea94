"""Nuisance groups: what is known about the recording conditions of each recording, apart from behaviour."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.baselines import select_shortcut_features
from pdmr_classic.features.names import QUALITY, VIDEO, is_audio_component, parse_name, strip_event_mean
from pdmr_classic.io.file_format import CATEGORIES
from pdmr_classic.io.ids import natural_order
from pdmr_classic.io.trackers.channels import channel_kind

LENGTH, TRACKING, CAMERA = "length and frame rate", "tracking and missing data", "camera geometry"
RESTING, AUDIO_LEVEL = "resting level of the face", "audio level"
FORMAT, ORDER = "file format", "order and id"
_LENGTH_FEATURES = ("duration_s", "frame_rate_hz", "n_frames")
_FACE = ("face_x", "face_y", "face_size", "face_extent")
_MAX_CATEGORIES = 10
# Of a label column that is not a quantity.
_MAX_VALUES = 50
_NEARLY_SILENT = 1e-6


@dataclass(frozen=True, eq=False)
class NuisanceGroup:
    """One group of nuisance columns.

    Attributes
    ----------
    name : str
    columns : DataFrame of float64, shape [n, C]
        The columns that differ between recordings; NaN where unknown, see `fill_unknown`.
    problem : str
        Why the group cannot be looked at; "" if it can.
    """

    name: str
    columns: pd.DataFrame
    problem: str = ""


def check_nuisance_columns(labels: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise before any computation if a nuisance column is missing or is the label itself.

    Raises
    ------
    ConfigError
    """
    for name in names:
        if name not in labels or name == "status":
            others = [column for column in labels.columns if column != "status"]
            what = "--nuisance names a column that is not in the label table, or the label"
            raise ConfigError(what, expected=", ".join(others) or "a column besides the label", found=repr(name))
        if not _is_quantity(labels[name]) and labels[name].nunique() > _MAX_VALUES:
            raise ConfigError(
                f"--nuisance {name} has too many values",
                expected=f"numbers, or at most {_MAX_VALUES} different values",
                found=str(labels[name].nunique()),
            )


def make_nuisance_groups(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    conditions: pd.DataFrame | None = None,
    nuisance: Sequence[str] = (),
) -> list[NuisanceGroup]:
    """Return the nuisance groups of the recordings.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        As returned by `FeatureExtractor`, index `data_id`.
    labels : DataFrame, n rows
        Label table of the same rows.
    conditions : DataFrame, optional
        See `collect_conditions`. Without it, the conditions that the features do not hold are unknown.
    nuisance : sequence of str
        Label columns that form a group each. Columns of numbers are used as such, others one-hot.
    """
    known = pd.DataFrame(index=features.index) if conditions is None else conditions.reindex(features.index)
    builders: dict[str, Callable[[], pd.DataFrame]] = {
        LENGTH: lambda: pd.concat([_select_length(features), _select(known, "n_rows")], axis=1),
        TRACKING: lambda: pd.concat([_select_tracking(features), _select(known, "confidence")], axis=1),
        CAMERA: lambda: pd.concat([_select_positions(features), _select(known, *_FACE)], axis=1),
        RESTING: lambda: _summarise_resting_level(features),
        AUDIO_LEVEL: lambda: _summarise_vectors(features),
        FORMAT: lambda: _encode_categories(_select_format(known)),
        ORDER: lambda: _describe_order(features.index),
        **{f"column {name}": lambda name=name: _encode_label(labels[name]) for name in nuisance},  # type: ignore[misc, arg-type]
    }
    return [_make_group(name, build()) for name, build in builders.items()]


def _make_group(name: str, columns: pd.DataFrame) -> NuisanceGroup:
    known = columns.astype(np.float64).dropna(axis=1, how="all")
    varying = known.loc[:, known.nunique() > 1]
    if len(varying.columns):
        return NuisanceGroup(name, varying)
    problem = "constant in all recordings" if len(known.columns) else "could not look: nothing is known about it"
    return NuisanceGroup(name, varying, problem)


def _select(conditions: pd.DataFrame, *starts: str) -> pd.DataFrame:
    return conditions[[name for name in conditions if str(name).partition("/")[2].startswith(starts)]]


def _select_format(conditions: pd.DataFrame) -> pd.DataFrame:
    others = _select(conditions, "n_rows", "confidence", *_FACE).columns
    return conditions.drop(columns=others)


def _select_length(features: pd.DataFrame) -> pd.DataFrame:
    parsed = {name: parse_name(str(name)) for name in features}
    return features[[n for n, part in parsed.items() if part.view == QUALITY and part.functional in _LENGTH_FEATURES]]


def _select_tracking(features: pd.DataFrame) -> pd.DataFrame:
    columns = select_shortcut_features(features)
    return columns.drop(columns=list(_select_length(features).columns))


def _select_positions(features: pd.DataFrame) -> pd.DataFrame:
    """Return the usual distance and position of the head, and how much they vary."""
    parsed = {str(name): parse_name(strip_event_mean(str(name))) for name in features}
    return features[
        [
            name
            for name, part in parsed.items()
            if part.view == VIDEO and part.channel.startswith("pose_T") and part.functional in ("p50", "mean")
        ]
    ]


def _summarise_resting_level(features: pd.DataFrame) -> pd.DataFrame:
    """Return the floor of the AU intensities: a face at rest has few active units, so that a high floor is a set-up."""
    floors = features[[name for name in features if _is_floor(str(name))]]
    if not len(floors.columns):
        return pd.DataFrame(index=features.index)
    named = {"mean": floors.mean(axis=1), "lowest": floors.min(axis=1), "highest": floors.max(axis=1)}
    return pd.DataFrame({f"AU floor, {name}": values for name, values in named.items()})


def _is_floor(name: str) -> bool:
    part = parse_name(strip_event_mean(name))
    return part.view == VIDEO and part.functional == "p05" and channel_kind(part.channel) == "au_intensity"


def _summarise_vectors(features: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in features if is_audio_component(str(name))]
    if levels := [name for name in names if strip_event_mean(str(name)) != name]:  # of persons, the mean of the vectors
        names = levels
    if not names:
        return pd.DataFrame(index=features.index)
    vectors = features[names]
    sizes = vectors.abs()
    is_known = vectors.notna().any(axis=1)
    summary = {
        "norm": np.sqrt((vectors**2).mean(axis=1)),
        "mean": vectors.mean(axis=1),
        "sd": vectors.std(axis=1, ddof=0),
        "noise floor": sizes.quantile(0.05, axis=1),
        "largest": sizes.max(axis=1),
        "share of zeros": (sizes == 0).mean(axis=1),
        "silence": (sizes.max(axis=1) < _NEARLY_SILENT).astype(np.float64),
    }
    return pd.DataFrame(summary).where(is_known)


def _describe_order(index: pd.Index) -> pd.DataFrame:
    """Return the position in the sorted folder, and the first and last number in each data_id."""
    position = np.empty(len(index))
    position[natural_order(index)] = np.arange(len(index))
    numbers = [re.findall(r"\d+", str(name)) for name in index]
    return pd.DataFrame(
        {
            "position": position,
            "first number": [float(found[0]) if found else np.nan for found in numbers],
            "last number": [float(found[-1]) if found else np.nan for found in numbers],
        },
        index=index,
    )


def _encode_categories(conditions: pd.DataFrame) -> pd.DataFrame:
    parts = [
        _one_hot(conditions[name].map(_format_code), str(name))
        if str(name).partition("/")[2] in CATEGORIES
        else conditions[[name]]
        for name in conditions
    ]
    return pd.concat(parts, axis=1) if parts else conditions


def _format_code(code: float) -> str:
    return "" if np.isnan(code) else f"{code:.0f}"


def _encode_label(column: pd.Series) -> pd.DataFrame:
    """Return a label column as numbers, if it has many and they are all numbers, and one-hot otherwise."""
    if not _is_quantity(column):
        return _one_hot(column, str(column.name), _MAX_VALUES)
    numbers = _to_numbers(column).to_frame()
    is_empty = (column == "").astype(np.float64).rename(f"{column.name}=")
    return numbers.join(is_empty)  # constant if no cell is empty


def _is_quantity(column: pd.Series) -> bool:
    """Return whether a label column holds measurements; a few different numbers may be names, such as of sites."""
    numbers = _to_numbers(column)
    return bool((numbers.notna() | (column == "")).all()) and numbers.nunique() > _MAX_CATEGORIES


def _to_numbers(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column.replace("", np.nan), errors="coerce")


def _one_hot(column: pd.Series, name: str, n_values: int = _MAX_CATEGORIES) -> pd.DataFrame:
    values = column.value_counts().index[:n_values]
    return pd.DataFrame({f"{name}={value}": (column == value).astype(np.float64) for value in values})
