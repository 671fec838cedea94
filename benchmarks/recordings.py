"""The four sets of recordings of the benchmarks: their feature tables, and other descriptions of the raw recordings.

Real sets are read from the folder PDMR_REAL_DATA; the synthetic one is made in a temporary folder. Rows are named by
the part of the set and the recording, such as `train-001`.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pdmr_classic import FeatureExtractor, load_dataset, make_synthetic
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.progress import CollectingReporter

SETS = ("badrobots-gaze", "youtubepd-wavlm", "watch-exercise", "synthetic")
WITH_VIDEO = ("badrobots-gaze", "watch-exercise", "synthetic")
SERIES_LENGTH = 512


@dataclass(frozen=True, eq=False)
class LabelledTable:
    """Features of recordings, with their labels and subjects; all have the same index."""

    features: pd.DataFrame
    status: pd.Series
    groups: pd.Series


@contextmanager
def open_parts(name: str) -> Iterator[list[Path]]:
    """Yield the folders of a set, with its recordings and labels."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "synthetic":
            base = Path(folder) / "synthetic"
            make_synthetic(base, subjects=100, segments=3, seed=11)
        elif "PDMR_REAL_DATA" not in os.environ:
            raise SystemExit("PDMR_REAL_DATA is not set: it must name the folder of the real data sets")
        else:
            base = Path(os.environ["PDMR_REAL_DATA"]) / name
        yield [base / split for split in ("train", "test") if (base / split).is_dir()]


def read_table(name: str) -> LabelledTable:
    """Return the features that describe behaviour: those of quality and material are left out."""
    parts = []
    with open_parts(name) as roots:
        for root in roots:
            data = load_dataset(root).select_labelled()
            table = FeatureExtractor(reporter=CollectingReporter()).transform(data)
            labels = pd.DataFrame({"status": data.status, "subject": data.groups})
            new_ids = {data_id: f"{root.name}-{data_id}" for data_id in table.index}
            parts.append(pd.concat([table, labels], axis=1).rename(index=new_ids))
    joined = pd.concat(parts)
    features = joined.drop(columns=["status", "subject"])
    behaviour = [column for column in features if not column.startswith(("quality__", "material__"))]
    return LabelledTable(features[behaviour], joined["status"], joined["subject"])


def read_streams(name: str) -> dict[str, Stream]:
    """Return the video of each labelled recording that has one."""
    streams = {}
    with open_parts(name) as roots:
        for root in roots:
            for recording in load_dataset(root).select_labelled().recordings:
                if recording.video:
                    streams[f"{root.name}-{recording.data_id}"] = read_stream(recording.video)
    return streams


def fill_frames(stream: Stream) -> pd.DataFrame:
    """Return all channels, with missing and invalid frames interpolated; a channel without values is 0."""
    frame = pd.DataFrame(stream.values, columns=list(stream.channels)).astype(float)
    frame[~stream.valid] = np.nan
    return frame.interpolate(limit_direction="both").fillna(0.0)


def describe_plainly(streams: dict[str, Stream]) -> pd.DataFrame:
    """Return mean, standard deviation, range and mean absolute velocity of each channel, over valid frames."""

    def row(stream: Stream) -> pd.Series:
        frame = pd.DataFrame(stream.values, columns=list(stream.channels)).astype(float)
        frame[~stream.valid] = np.nan
        velocity = frame.diff().abs().mean() * stream.frame_rate_hz
        parts = {"mean": frame.mean(), "sd": frame.std(), "range": frame.max() - frame.min(), "velocity": velocity}
        return pd.concat({kind: values.add_prefix(f"{kind} ") for kind, values in parts.items()}).droplevel(0)

    return pd.DataFrame({data_id: row(stream) for data_id, stream in streams.items()}).T


def describe_with_tsfel(streams: dict[str, Stream]) -> pd.DataFrame:
    """Return the default TSFEL features of each channel."""
    import tsfel

    configuration = tsfel.get_features_by_domain()

    def row(stream: Stream) -> pd.DataFrame:
        rate = round(stream.frame_rate_hz)
        return tsfel.time_series_features_extractor(configuration, fill_frames(stream), fs=rate, verbose=0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [row(stream) for stream in streams.values()]
    return pd.concat(rows).set_axis(list(streams), axis=0).replace([np.inf, -np.inf], np.nan)


def resample_streams(streams: dict[str, Stream], length: int = SERIES_LENGTH) -> pd.DataFrame:
    """Return each channel at `length` equidistant times (fewer if all recordings are shorter), channel by channel."""
    length = min(length, max(stream.n_frames for stream in streams.values()))

    def row(stream: Stream) -> np.ndarray:
        values = fill_frames(stream).to_numpy()
        times = np.linspace(0, len(values) - 1, length)
        return np.concatenate([np.interp(times, np.arange(len(values)), channel) for channel in values.T])

    channels = next(iter(streams.values())).channels
    names = [f"{channel}__{k}" for channel in channels for k in range(length)]
    return pd.DataFrame([row(stream) for stream in streams.values()], index=list(streams), columns=names)
