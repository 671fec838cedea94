"""Features of a stream without some of its frames, to tell which seconds a prediction rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import Settings
from pdmr_classic.features._view_families import select_families
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions
from pdmr_classic.features.file_features import compute_stream_features, prepare_stream
from pdmr_classic.features.names import QUALITY
from pdmr_classic.features.registry import Family, load_families
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.io.view_files import STREAM, read_modality_stream


@dataclass(frozen=True)
class Window:
    """A stretch of a recording.

    Attributes
    ----------
    start_s, end_s : float
        In the time of the file; the end is not included.
    """

    start_s: float
    end_s: float

    def contains(self, time_s: Floats) -> Mask:
        """Return whether each time is in the window."""
        return np.asarray((time_s >= self.start_s) & (time_s < self.end_s))


def read_behaviour(
    path: Path,
    modality: str,
    settings: Settings,
    parts: tuple[Path, ...] = (),
    exclusions: Exclusions = NO_EXCLUSIONS,
) -> Stream:
    """Read a stream with the channels and levels that its features are computed from.

    Raises
    ------
    DataError
        As `read_stream`.
    """
    stream = read_modality_stream(path, modality, settings.reading, parts)
    return prepare_stream(stream, settings, modality, exclusions)


def split_into_windows(
    stream: Stream, *, window_s: float = 2.0, min_windows: int = 5, max_windows: int = 60
) -> list[Window]:
    """Return windows of equal length that cover a stream.

    In a short recording, there are `min_windows` shorter ones; in a long recording, `max_windows` longer ones, of whole
    seconds.

    Examples
    --------
    >>> stream = Stream(np.zeros((300, 1), np.float32), ("AU12_r",), np.arange(300) / 30, 30.0, np.ones(300, bool))
    >>> windows = split_into_windows(stream)
    >>> len(windows), windows[-1]
    (5, Window(start_s=8.0, end_s=10.0))
    """
    if not stream.n_frames:
        return []
    start_s = float(stream.time_s[0])
    duration_s = float(stream.time_s[-1]) - start_s + 1 / stream.frame_rate_hz
    if duration_s < min_windows * window_s:
        window_s = duration_s / min_windows
    elif duration_s > max_windows * window_s:
        window_s = float(np.ceil(duration_s / max_windows))
    # A recording may end a rounding error after a window.
    n_windows = max(int(np.ceil(round(duration_s / window_s, 6))), 1)
    return [
        Window(round(start_s + number * window_s, 6), round(start_s + (number + 1) * window_s, 6))
        for number in range(n_windows)
    ]


def compute_without_windows(
    stream: Stream, modality: str, windows: Sequence[Window], settings: Settings, channels: Sequence[str] | None = None
) -> tuple[tuple[str, ...], Floats]:
    """Compute the features of a stream as it is, and without the frames of each window.

    The frames of a window become invalid, as if the face had been hidden.

    Parameters
    ----------
    stream : Stream
        As `read_behaviour` returns it.
    modality : str
    windows : sequence of Window
    settings : Settings
    channels : sequence of str, optional
        Compute only the features of these channels, which are computed for each channel alone.

    Returns
    -------
    names : tuple of str, length F
    values : ndarray, shape [1 + n_windows, F]
        The first row is that of the whole stream; NaN if a feature cannot be computed.
    """
    families = _list_families(modality, settings)
    if channels is not None:
        families = tuple(family for family in families if family.kinds)
        stream = replace(stream, values=stream.select(channels), channels=tuple(channels))
    names, whole = compute_stream_features(stream, families, settings.features)
    rows = [whole]
    for window in windows:
        remaining = replace(stream, valid=stream.valid & ~window.contains(stream.time_s))
        rows.append(_compute_in_order(remaining, families, settings, names))
    return names, np.array(rows)


def _list_families(modality: str, settings: Settings) -> tuple[Family, ...]:
    """Return the families of a modality, without that of quality, which models do not use."""
    families = load_families()
    names = settings.features.families or [name for name, family in families.items() if family.is_default]
    chosen = [family for name, family in families.items() if name in names and family.view != QUALITY]
    return select_families(chosen, modality, STREAM)


def _compute_in_order(
    stream: Stream, families: tuple[Family, ...], settings: Settings, names: tuple[str, ...]
) -> Floats:
    """Return the features with these names; NaN for those that the stream does not have."""
    own, values = compute_stream_features(stream, families, settings.features)
    if own == names:
        return values
    # Without some frames, channels may have other patterns of usable frames, which changes the order.
    by_name = dict(zip(own, values, strict=True))
    return np.array([by_name.get(name, np.nan) for name in names])
