"""Halves of recordings, for data sets in which nobody has two recordings of one label."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError
from pdmr_classic.features.exclusions import Exclusions
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.file_features import Alteration
from pdmr_classic.features.names import VIDEO, modality_columns
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.progress import Reporter


def cut_half(stream: Stream, second: bool) -> Stream:
    """Return the first or the second half of the frames of a stream."""
    middle = stream.n_frames // 2
    part = slice(middle, None) if second else slice(0, middle)
    return replace(
        stream,
        values=np.asfortranarray(stream.values[part]),
        time_s=stream.time_s[part],
        valid=stream.valid[part],
        confidence=None if stream.confidence is None else stream.confidence[part],
    )


def extract_halves(
    data: Dataset, settings: Settings, exclusions: Exclusions, *, jobs: int, reporter: Reporter
) -> list[pd.DataFrame]:
    """Return the features of the first and of the second half of each stream; audio vectors have no halves: NaN.

    Raises
    ------
    DataError
        There are no streams.
    """
    if not any(recording.video is not None for recording in data.recordings):
        raise DataError(
            "nobody has two recordings of one label, and there are no streams whose halves could serve instead",
            code="no-pairs",
            file=data.folder,
            expected="several recordings of some subjects, or video",
            hint="check --groups and the column subject_id",
        )
    halves = []
    for second in (False, True):
        alter: dict[str, Alteration] = {VIDEO: partial(cut_half, second=second)}
        extractor = FeatureExtractor(settings, jobs=jobs, alter=alter, exclusions=exclusions, reporter=reporter)
        features = extractor.transform(data).copy()
        whole = [index for name, index in modality_columns(features.columns).items() if name != VIDEO]
        features.iloc[:, np.concatenate([*whole, np.zeros(0, dtype=np.intp)])] = np.nan
        halves.append(features)
    return halves
