"""Which channels of a stream a strip chart shows: those with the largest contributions, grouped by behaviour."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pdmr_classic.features.names import base_name, level_name, parse_name
from pdmr_classic.io.trackers.channels import channel_kind

_AU = re.compile(r"(AU\d\d)_[rc]")
# Shown at most, by kind of channel.
_MAX_LANES = {"action unit": 4, "head pose": 2, "gaze": 2, "other": 4}
_KINDS = {
    **{"au_intensity": "action unit", "au_presence": "action unit", "pose": "head pose"},
    **{"gaze": "gaze", "gaze_vector": "gaze"},
}


@dataclass(frozen=True)
class Lane:
    """One line of a strip chart: a channel, or intensity and presence of one action unit.

    Attributes
    ----------
    name : str
        The action unit, or else the channel.
    channels : tuple of str
        The first is drawn.
    kind : str
        "action unit", "head pose", "gaze" or "other".
    contribution : float
        Sum over the features of these channels.
    """

    name: str
    channels: tuple[str, ...]
    kind: str
    contribution: float


def choose_lanes(contributions: Mapping[str, float], view: str, channels: Sequence[str]) -> list[Lane]:
    """Return the lanes with the largest contributions of each kind, the largest first.

    Parameters
    ----------
    contributions : mapping of str to float
        By feature.
    view : str
        Modality of the stream.
    channels : sequence of str
        Of the stream. Features of other quantities, such as blinks, have no lane.
    """
    totals = sum_by_channel(contributions, view)
    lanes: dict[str, list[str]] = {}
    for channel in channels:
        if channel in totals:
            lanes.setdefault(_lane_name(channel), []).append(channel)
    # Intensity ends in r, presence in c.
    found = [
        Lane(name, tuple(sorted(own, reverse=True)), _lane_kind(own[0]), sum(totals[channel] for channel in own))
        for name, own in lanes.items()
    ]
    ranked = sorted((lane for lane in found if lane.contribution), key=lambda lane: -abs(lane.contribution))
    by_kind = {kind: [lane for lane in ranked if lane.kind == kind][:n] for kind, n in _MAX_LANES.items()}
    return [lane for lane in ranked if lane in by_kind[lane.kind]]


def sum_by_channel(contributions: Mapping[str, float], view: str) -> dict[str, float]:
    """Return the contribution of each channel of a view, the change from a baseline included."""
    totals: dict[str, float] = {}
    for name, value in contributions.items():
        own_view, channel, _ = parse_name(level_name(base_name(name)))
        if own_view == view:
            totals[channel] = totals.get(channel, 0.0) + value
    return totals


def _lane_name(channel: str) -> str:
    match = _AU.fullmatch(channel)
    return match[1] if match else channel


def _lane_kind(channel: str) -> str:
    return _KINDS.get(channel_kind(channel), "other")
