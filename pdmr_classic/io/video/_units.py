"""Bring angles, AU intensities and confidences to the units of the vocabulary, where the unit is certain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.trackers.channels import ANGLES, channel_kind
from pdmr_classic.io.trackers.tracker import AngleUnit, Tracker
from pdmr_classic.text import format_list

_AU_MAXIMUM = 5.0
_QUANTILE = 0.99
# No head turns that far from the camera and is still tracked.
_LIKELY_RADIANS = np.pi / 2
# Angles may be unwrapped, but one beyond a whole turn, among several beyond half a turn, is in degrees.
_MIN_ANGLES, _TURN = 2, 2 * np.pi
# The highest confidence of a file, if confidences are percentages.
_LOWEST_PERCENT = 20.0


@dataclass(frozen=True, eq=False)
class Channels:
    """Values of the channels, changed in place.

    Attributes
    ----------
    path : Path
    names : tuple of str, length C
    values : ndarray of float32, shape [C, T]
    """

    path: Path
    names: tuple[str, ...]
    values: NDArray[np.float32]

    def rows_of(self, names: tuple[str, ...]) -> list[int]:
        """Return the rows of the channels with these names."""
        return [row for row, name in enumerate(self.names) if name in names]


def convert_units(channels: Channels, tracked: Mask, tracker: Tracker, settings: ReadingSettings) -> list[Finding]:
    """Convert angles to radians and AU intensities to 0..5, in place.

    Raises
    ------
    DataError
        Angles must be radians and several of them are far beyond pi.
    """
    return [*_convert_angles(channels, tracked, tracker, settings.angle_unit), *_scale_units(channels, settings)]


def normalise_confidence(
    meta: Mapping[str, Floats], path: Path, column: str
) -> tuple[dict[str, Floats], list[Finding]]:
    """Return confidences in percent as shares; those that are certainly no percent stay as they are."""
    confidence = meta.get("confidence", np.empty(0))
    known = confidence[np.isfinite(confidence)]
    if not _are_percent(known):
        return dict(meta), []
    what = "the confidences are percentages and were divided by 100"
    finding = Finding("confidence-percent", what, file=path, column=column, found=f"up to {known.max():g}")
    return {**meta, "confidence": confidence / 100}, [finding]


def _are_percent(confidences: Floats) -> bool:
    """Return whether confidences are certainly percentages: not logits, nor on 0..10; 0 is a failure on any scale."""
    if not len(confidences) or confidences.min() < 0 or not _LOWEST_PERCENT < confidences.max() <= 100:
        return False
    return bool(np.quantile(confidences[confidences > 0], 0.25) > 1)


def _convert_angles(channels: Channels, tracked: Mask, tracker: Tracker, stated: AngleUnit | None) -> list[Finding]:
    rows = channels.rows_of(ANGLES)
    if not rows:
        return []
    unit = stated or tracker.angle_unit
    if stated is None and unit != "degrees":
        # Most files have no angle beyond pi, which is quick to see.
        extent = _find_extents(channels.values[rows], tracked)
        if unit is None:
            unit = "degrees" if extent.max(initial=0.0) > _LIKELY_RADIANS else "radians"
        elif (extent > np.pi).any():
            return _report_extents(channels, [channels.names[row] for row in rows], extent)
    if unit == "radians":
        return [] if stated or tracker.angle_unit else [_assumed_finding(channels.path, tracker)]
    channels.values[rows] = np.deg2rad(channels.values[rows])
    reason = "the settings say so" if stated else f"{tracker.title} writes degrees"
    if not stated and tracker.angle_unit is None:
        reason = "they are too large for radians"
    what = f"angles were converted from degrees to radians, because {reason}"
    return [Finding("angle-unit", what, file=channels.path)]


def _find_extents(angles: NDArray[np.float32], tracked: Mask) -> Floats:
    """Return the 99th percentile of the absolute value of each angle over tracked frames; 0 without any."""
    if not (np.abs(angles) > _LIKELY_RADIANS).any():
        return np.zeros(len(angles))
    values = np.abs(angles[:, tracked]).astype(np.float64)
    finite = [row[np.isfinite(row)] for row in values]
    return np.array([np.quantile(row, _QUANTILE) if len(row) else 0.0 for row in finite])


def _report_extents(channels: Channels, names: list[str], extents: Floats) -> list[Finding]:
    beyond = [f"{name} up to {extent:.3g}" for name, extent in zip(names, extents, strict=True) if extent > np.pi]
    is_certain = len(beyond) >= _MIN_ANGLES and extents.max() > _TURN
    finding = Finding(
        "angle-unit" if is_certain else "angle-range",
        f"angles are too large for radians{'' if is_certain else ' and are used unchanged'}",
        file=channels.path,
        expected="radians, between -3.14 and 3.14",
        found=format_list(beyond),
        hint='if they are degrees, say so in the settings: [reading] angle_unit = "degrees"',
    )
    if is_certain:
        raise DataError(finding)
    return [finding]


def _assumed_finding(path: Path, tracker: Tracker) -> Finding:
    what = f"{tracker.title} writes degrees or radians, depending on its version; the angles are small: radians"
    return Finding("angle-unit", what, file=path, hint='to overrule this: [reading] angle_unit = "degrees"')


def _scale_units(channels: Channels, settings: ReadingSettings) -> list[Finding]:
    if settings.au_maximum in (None, _AU_MAXIMUM):
        return []
    rows = [row for row, name in enumerate(channels.names) if channel_kind(name) == "au_intensity"]
    if not rows or settings.au_maximum is None:
        return []
    channels.values[rows] *= _AU_MAXIMUM / settings.au_maximum
    what = f"AU intensities were scaled from 0..{settings.au_maximum:g} to 0..5, as the settings say"
    return [Finding("au-scale", what, file=channels.path)]
