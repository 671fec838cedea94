"""Sentences about features: what was measured, how it compares with the training recordings, and what it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pdmr_classic.features.names import base_name, parse_name
from pdmr_classic.models.explanation.explain import SCORE, channel_of
from pdmr_classic.models.feature_ranges import OLD_QUANTILES, QUANTILES
from pdmr_classic.reporting.explanation._channel_names import channel_unit, name_channel, name_whole
from pdmr_classic.reporting.explanation._measures import RATE, SHARE, TIME, find_measure, say_value

N_SENTENCES = 5
_NOTHING = "No feature changes the answer: it is that of a recording of which nothing is known."
MIDDLE = "as in the middle half of training recordings"
# Relative to plain statistics of unusual values, of which the strongest is told.
_NEEDS_EXPLANATION, _NOT_UNUSUAL = 0.5, 0.6
_COMPARISONS = {SHARE: ("less", "more"), RATE: ("less often", "more often"), TIME: ("shorter", "longer")}
_EVENT_WORDS = {"events": "on average over events", "spread": "between events", "drift": "from event to event"}


@dataclass(frozen=True)
class Direction:
    """What contributions speak for.

    Attributes
    ----------
    target : str
        Class, or "score".
    other : str or None
        The other one of two classes.
    """

    target: str
    other: str | None = None

    def say(self, contribution: float) -> str:
        """Return how much a contribution counts, and for what.

        Examples
        --------
        >>> Direction("Depression", "Normal").say(-0.84), Direction("mild").say(-0.2), Direction("score").say(1.5)
        ('0.84 towards Normal', '0.20 against mild', 'raises the score by 1.50')
        """
        size = f"{abs(contribution):.2f}"
        if self.target == SCORE and self.other is None:
            return f"{'raises' if contribution > 0 else 'lowers'} the score by {size}"
        if contribution >= 0:
            return f"{size} towards {self.target}"
        return f"{size} towards {self.other}" if self.other else f"{size} against {self.target}"


def compare_with_training(value: float, ranges: Sequence[float] | None, kind: str = "") -> str | None:
    """Return how a value compares with the training recordings; None if their percentiles are not known.

    Parameters
    ----------
    value : float
    ranges : sequence of float, or None
        Percentiles of the manifest.
    kind : str
        Of the measure.

    Examples
    --------
    >>> compare_with_training(0.1, [1, 2, 3, 4, 5, 6, 7]), compare_with_training(6.5, [1, 2, 3, 4, 5, 6, 7])
    ('lower than in about 95% of training recordings', 'higher than in about 90% of training recordings')
    >>> compare_with_training(2.5, [1, 2, 3])
    'higher than the median of training recordings'
    """
    if not ranges or not np.isfinite(value):
        return None
    low, high = _COMPARISONS.get(kind, ("lower", "higher"))
    levels = QUANTILES if len(ranges) == len(QUANTILES) else OLD_QUANTILES
    middle = len(levels) // 2
    for limit, level in zip(ranges[:middle], levels[:middle], strict=False):
        if value < limit:
            return f"{low} than in about {100 * (1 - level):.0f}% of training recordings"
    for limit, level in zip(ranges[:middle:-1], levels[:middle:-1], strict=False):
        if value > limit:
            return f"{high} than in about {100 * level:.0f}% of training recordings"
    if len(levels) == len(QUANTILES):
        return MIDDLE
    if value == ranges[middle]:
        return "close to the median of training recordings"
    return f"{low if value < ranges[middle] else high} than the median of training recordings"


def describe_feature(name: str, value: float | None, ranges: Sequence[float] | None) -> str:
    """Return a clause about a feature, without a full stop.

    Examples
    --------
    >>> describe_feature("video__AU12_r__share_active", 0.04, [0.05, 0.06, 0.1, 0.2, 0.3, 0.4, 0.5])
    'smiling (AU12) is active 4% of the time, less than in about 95% of training recordings'
    >>> describe_feature("video__pose_Rx__mean", None, None)
    'head pitch has no mean that could be measured'
    """
    if (whole := name_whole(name)) is not None:
        return whole
    view, channel, functional = parse_name(base_name(name))
    _, _, event = name.rpartition("@") if "@" in name else ("", "", "")
    known = np.nan if value is None else value
    said = say_value(known, functional if channel else "", channel_unit(view, channel))
    comparison = compare_with_training(known, ranges, find_measure(functional).kind)
    parts = [f"{name_channel(view, channel or functional)} {said}", _say_event(event), comparison]
    return ", ".join(part for part in parts if part)


def _say_event(event: str) -> str:
    return _EVENT_WORDS.get(event, f"in event {event}") if event else ""


def write_sentences(
    contributions: pd.Series, values: Mapping[str, float], ranges: Mapping[str, list[float]], direction: Direction
) -> list[str]:
    """Return sentences about the five channels that count most.

    Each tells the feature of the channel that counts most in the channel's direction. Plain statistics and unusual
    values are preferred to others that hardly count more.

    Parameters
    ----------
    contributions : Series
        By feature name.
    values : mapping of str to float
        The features of the recording.
    ranges : mapping of str to list of float
        Percentiles of the training features.
    direction : Direction
    """
    own: dict[str, dict[str, float]] = {}
    for name, value in contributions.items():
        own.setdefault(channel_of(str(name)), {})[str(name)] = float(value)
    totals = {channel: sum(parts.values()) for channel, parts in own.items()}
    strongest = sorted((channel for channel in own if totals[channel]), key=lambda channel: -abs(totals[channel]))
    sentences = []
    for channel in strongest[:N_SENTENCES]:
        name = _choose_feature(own[channel], totals[channel], values, ranges)
        clause = describe_feature(name, values.get(name), ranges.get(name))
        sentences.append(_capitalise(f"{clause}{_join(direction)}{direction.say(totals[channel])}."))
    return sentences or [_NOTHING]


def _join(direction: Direction) -> str:
    return ": this " if direction.target == SCORE and direction.other is None else ": "


def _choose_feature(
    contributions: Mapping[str, float], total: float, values: Mapping[str, float], ranges: Mapping[str, list[float]]
) -> str:
    """Return the feature to tell."""

    def rank(name: str) -> float:
        strength = contributions[name] * float(np.sign(total))
        if not find_measure(parse_name(base_name(name)).functional).is_simple:
            strength *= _NEEDS_EXPLANATION
        comparison = compare_with_training(values.get(name, np.nan), ranges.get(name))
        return strength * (_NOT_UNUSUAL if comparison == MIDDLE else 1.0)

    return max(contributions, key=rank)


def _capitalise(text: str) -> str:
    """Return text that starts with a capital, unless it starts with a name such as "ch003"."""
    first = text.partition(" ")[0]
    return text if any(letter.isdigit() for letter in first) else text[:1].upper() + text[1:]
