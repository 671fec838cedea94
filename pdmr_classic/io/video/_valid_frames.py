"""Which frames are measurements: tracked, not a code for missing values, and not frozen; which channels never move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.errors import Finding
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video._units import Channels
from pdmr_classic.text import format_count, format_list, format_quoted

_RIGID = frozenset({"pose", "gaze", "gaze_vector", "landmark"})
# Fewer channels may be equal by chance.
_MIN_EQUAL_CHANNELS = 3
# In fewer frames, a channel may rest.
_MIN_FRAMES = 10
_UNIT_MAXIMA = {"au_intensity": 5, "au_presence": 1}
_MAX_NAMED = 3
_WEIGHTS = np.sqrt(np.arange(2.0, _MIN_FRAMES + 2))


def find_tracked(meta: Mapping[str, Floats], n: int, min_confidence: float) -> Mask:
    """Return the frames that the tracker reports as successful, with at least a minimum confidence."""
    tracked = np.ones(n, dtype=bool)
    if "confidence" in meta:
        tracked &= meta["confidence"] >= min_confidence
    if "success" in meta:
        tracked &= meta["success"] == 1
    return tracked


def find_missing_rows(channels: Channels, tracked: Mask) -> tuple[Mask, list[Finding]]:
    """Return the tracked frames in which every channel has the same value, which is a code for missing: -1, 0, 100.

    Quiet AUs are all 0, too: the value must be beyond the other values of a channel, or exactly 0 in several poses,
    gazes or landmarks.
    """
    values = channels.values
    is_equal = np.zeros(values.shape[1], dtype=bool)
    if len(values) < _MIN_EQUAL_CHANNELS:
        return is_equal, []
    is_equal |= values[0] == values[1]
    for row in values[2:]:
        # In most files, the first channels already differ.
        if not is_equal.any():
            return is_equal, []
        is_equal &= row == values[0]
    codes = np.unique(values[0, is_equal])
    missing = np.zeros_like(is_equal)
    for code in codes:
        rows = is_equal & (values[0] == code)
        if _is_missing_code(channels, code, ~is_equal):
            missing |= rows & tracked
    if not missing.any():
        return missing, []
    n_frames = format_count(int(np.count_nonzero(missing)), "frame")
    finding = Finding(
        "missing-rows",
        "frames with the same value in every channel are no measurements and are invalid",
        file=channels.path,
        found=f"{n_frames} of {format_list(f'{value:g}' for value in np.unique(values[0, missing]))}",
    )
    return missing, [finding]


def drop_constant_channels(channels: Channels) -> tuple[Channels, list[Finding]]:
    """Drop poses, gazes and landmarks that never move: they were not measured, and prove no frozen face."""
    rigid = [row for row, name in enumerate(channels.names) if channel_kind(name) in _RIGID]
    if channels.values.shape[1] < _MIN_FRAMES or not rigid:
        return channels, []
    constant = _find_unmoved(channels.values, rigid)
    if not constant or len(constant) == len(channels.names):
        return channels, []
    finding = Finding(
        "constant-channel",
        "channels ignored: a pose, gaze or landmark that never moves was not measured",
        file=channels.path,
        found=format_quoted([channels.names[row] for row in constant], _MAX_NAMED),
    )
    kept = [row for row in range(len(channels.names)) if row not in set(constant)]
    return replace(channels, names=tuple(channels.names[row] for row in kept), values=channels.values[kept]), [finding]


def find_frozen(channels: Channels, tracked: Mask, n_frames: float) -> Mask:
    """Return which tracked frames repeat the previous pose, gaze and landmarks for at least `n_frames` frames."""
    values = channels.values
    rigid = [row for row, name in enumerate(channels.names) if channel_kind(name) in _RIGID]
    frozen = np.zeros(values.shape[1], dtype=bool)
    if not rigid or values.shape[1] < 2:
        return frozen
    frozen[1:] = tracked[1:] & tracked[:-1]
    for row in rigid:
        # For most streams, the first channel rules out frozen frames.
        if not frozen.any():
            return frozen
        frozen[1:] &= values[row, 1:] == values[row, :-1]
    edges = np.diff(np.concatenate([[0], frozen.astype(np.int8), [0]]))
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        if stop - start < n_frames:
            frozen[start:stop] = False
    return frozen


def find_duplicate_channels(channels: Channels) -> list[Finding]:
    """Return a finding for channels that equal another one in every frame, and move."""
    values = channels.values
    if values.shape[1] < _MIN_FRAMES:
        return []
    pairs = [
        f"{channels.names[row]} = {channels.names[earlier]}"
        for row, earlier in _find_equal_rows(values)
        # Two units may be present in the same frames; channels that rest are equal by nature.
        if channel_kind(channels.names[row]) != "au_presence"
        and np.nanmin(values[row], initial=np.inf) < np.nanmax(values[row], initial=-np.inf)
    ]
    if not pairs:
        return []
    what = "some channels have the same values in every frame"
    return [Finding("duplicate-channels", what, file=channels.path, found=format_list(pairs, _MAX_NAMED))]


def _find_equal_rows(values: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return rows that equal an earlier one, and that one."""
    probes = values[:, :: values.shape[1] // _MIN_FRAMES][:, :_MIN_FRAMES]
    # Equal channels have equal weighted sums of a few frames; in most files, few channels have.
    sums = (probes * _WEIGHTS).sum(axis=1).tolist()
    counts = Counter(sums)
    candidates = [row for row, total in enumerate(sums) if total and counts[total] > 1]
    first: dict[bytes, int] = {}
    earlier = [first.setdefault(values[row].tobytes(), row) for row in candidates]
    return [(row, other) for row, other in zip(candidates, earlier, strict=True) if row != other]


def _find_unmoved(values: NDArray[np.float32], rows: list[int]) -> list[int]:
    """Return the channels whose known values are all equal."""
    # Most channels differ between two frames.
    differs = np.abs(values[rows, 0] - values[rows, values.shape[1] // 2]) > 0
    candidates = [row for row, moves in zip(rows, differs.tolist(), strict=True) if not moves]
    unmoved = []
    for row in candidates:
        known = values[row][np.isfinite(values[row])]
        if len(known) >= _MIN_FRAMES and known.min() == known.max():
            unmoved.append(row)
    return unmoved


def _is_missing_code(channels: Channels, code: np.float32, others: Mask) -> bool:
    n_rigid = sum(channel_kind(name) in _RIGID for name in channels.names)
    if not others.any():
        return bool(code < 0 or (code > 0 and n_rigid > 0) or n_rigid >= _MIN_EQUAL_CHANNELS)
    if code == 0 and n_rigid >= _MIN_EQUAL_CHANNELS:
        return True
    measured = channels.values[:, others]
    low = np.nanmin(measured, axis=1, initial=np.inf)
    high = np.nanmax(measured, axis=1, initial=-np.inf)
    kinds = [channel_kind(name) for name in channels.names]
    # A quiet unit is 0, even if it never is in the other frames.
    low = np.minimum(low, [0 if kind.startswith("au_") else np.inf for kind in kinds])
    high = np.maximum(high, [_UNIT_MAXIMA.get(kind, -np.inf) for kind in kinds])
    return bool(((code < low) | (code > high))[low <= high].any())
