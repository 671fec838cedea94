"""Small video files: behaviour that moves, in the columns of any tracker."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream

N = 60
Columns = Mapping[str, Sequence[Any] | np.ndarray]


def moving(*names: str, scale: float = 0.1, offset: float = 0.0, n: int = N) -> dict[str, list[float]]:
    """Return channels of noise, a different one for each name."""
    return {
        name: (offset + scale * np.random.default_rng([len(name), *name.encode()]).normal(size=n)).round(4).tolist()
        for name in names
    }


def times(n: int = N, rate: float = 30.0) -> list[float]:
    return np.round(np.arange(n) / rate, 3).tolist()


def recording(n: int = N, **changes: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """Return an OpenFace 2 recording; columns that are changed to an empty list are left out."""
    columns: dict[str, Sequence[Any]] = {
        "frame": list(range(1, n + 1)),
        "timestamp": times(n),
        "confidence": [0.98] * n,
        "success": [1] * n,
        **moving("pose_Rx", "gaze_angle_x", n=n),
        "AU12_r": np.abs(moving("AU12_r", scale=1.5, n=n)["AU12_r"]).clip(0, 5).tolist(),
    }
    return {name: values for name, values in (columns | changes).items() if len(values)}


def write_table(path: Path, columns: Columns) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def read(path: Path, columns: Columns, **settings: Any) -> Stream:
    return read_stream(write_table(path, columns), ReadingSettings(**settings))


def read_error(path: Path, columns: Columns, **settings: Any) -> Finding:
    with pytest.raises(DataError, match=r".") as caught:
        read(path, columns, **settings)
    assert caught.value.finding.file == path
    return caught.value.finding


def codes(stream: Stream) -> list[str]:
    return [finding.code for finding in stream.findings]


def find(stream: Stream, code: str) -> Finding:
    (finding,) = [finding for finding in stream.findings if finding.code == code]
    return finding
