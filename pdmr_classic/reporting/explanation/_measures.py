"""What a functional measures, in plain words: a predicate for the channel, with its value and unit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from pdmr_classic.reporting.explanation._channel_names import Unit

LEVEL, SHARE, RATE, TIME, PLAIN = "level", "share", "rate", "time", "plain"


@dataclass(frozen=True)
class Measure:
    """How to say a functional.

    Attributes
    ----------
    predicate : str
        With `{}` for the value and its unit.
    kind : str
        Of the value: "level" (in the unit of the channel), "share", "rate", "time", or "plain" (a number).
    per : str
        Follows the unit of the channel, such as "/s".
    is_simple : bool
        Whether a reader understands it without statistics.
    """

    predicate: str
    kind: str = LEVEL
    per: str = ""
    is_simple: bool = False


_MEASURES: dict[str, Measure] = {
    "mean": Measure("has a mean of {}", is_simple=True),
    "std": Measure("has a standard deviation of {}", is_simple=True),
    "min": Measure("has a minimum of {}"),
    "max": Measure("has a maximum of {}"),
    "p05": Measure("has a 5th percentile of {}"),
    "p25": Measure("has a lower quartile of {}"),
    "p50": Measure("has a median of {}", is_simple=True),
    "p75": Measure("has an upper quartile of {}"),
    "p95": Measure("has a 95th percentile of {}"),
    "iqr": Measure("has an interquartile range of {}"),
    "range": Measure("has a range of {}"),
    "mad": Measure("has a median absolute deviation of {}"),
    "skewness": Measure("has a skewness of {}", PLAIN),
    "kurtosis": Measure("has an excess kurtosis of {}", PLAIN),
    "slope": Measure("changes over the recording by {}", per="/s"),
    "share_above_mean": Measure("is above its own mean {} of the time", SHARE),
    "share_below_mean": Measure("is below its own mean {} of the time", SHARE),
    "velocity_mean": Measure("changes by {} on average", per="/s", is_simple=True),
    "velocity_rms": Measure("has a root-mean-square velocity of {}", per="/s"),
    "acceleration_mean": Measure("has a mean acceleration of {}", per="/s²"),
    "acceleration_rms": Measure("has a root-mean-square acceleration of {}", per="/s²"),
    "zero_crossings_per_s": Measure("crosses its mean {} per second", RATE),
    "turns_per_s": Measure("reverses its direction {} per second", RATE),
    "decay_s": Measure("has an autocorrelation that takes {} to fall below 1/e", TIME),
    "share_active": Measure("is active {} of the time", SHARE, is_simple=True),
    "onsets_per_min": Measure("starts {} per minute", RATE, is_simple=True),
    "bout_mean_s": Measure("lasts {} at a time on average", TIME, is_simple=True),
    "bout_max_s": Measure("lasts at most {} at a time", TIME, is_simple=True),
    "bout_std_s": Measure("has durations with a standard deviation of {}", TIME),
    "active_mean": Measure("has a mean intensity of {} while active", is_simple=True),
    "share_together": Measure("takes {} of the time", SHARE, is_simple=True),
    "share_without": Measure("takes {} of the time", SHARE, is_simple=True),
    "n_active": Measure("involves {} action units at a time on average", PLAIN, is_simple=True),
    "per_min": Measure("occurs {} per minute", RATE, is_simple=True),
    "duration_mean_s": Measure("lasts {} on average", TIME, is_simple=True),
    "duration_std_s": Measure("has durations with a standard deviation of {}", TIME),
    "closed_share": Measure("or closed eyes take {} of the time", SHARE, is_simple=True),
    "opening_mean": Measure("is {} of the width of the eye on average", PLAIN, is_simple=True),
    "opening_std": Measure("has a standard deviation of {} eye widths", PLAIN),
    "opening_p05": Measure("has a 5th percentile of {} eye widths", PLAIN),
    "share_down": Measure("is directed downwards {} of the time", SHARE, is_simple=True),
    "share_away": Measure("is directed away from the camera {} of the time", SHARE, is_simple=True),
    "contact_share": Measure("is directed at the camera {} of the time", SHARE, is_simple=True),
    "deviation": Measure("deviates from its mean direction by {} (root mean square)"),
    "fixations_per_min": Measure("rests {} per minute", RATE, is_simple=True),
    "shifts_per_min": Measure("shifts {} per minute", RATE, is_simple=True),
    "fixation_mean_s": Measure("rests for {} at a time on average", TIME, is_simple=True),
    "speed_mean": Measure("has a mean speed of {}", per="/s", is_simple=True),
    "speed_rms": Measure("has a root-mean-square speed of {}", per="/s"),
    "amplitude_rms": Measure("deviates from its mean by {} (root mean square)"),
    "path_per_min": Measure("covers a path of {}", per="/min", is_simple=True),
    "share_still": Measure("stays still {} of the time", SHARE, is_simple=True),
    "nods_power": Measure("nods with a power of {} (log10, at 1 to 3 Hz)", PLAIN),
    "shakes_power": Measure("shakes with a power of {} (log10, at 1 to 3 Hz)", PLAIN),
    "share_forward": Measure("leans forward {} of the time", SHARE, is_simple=True),
    "share_back": Measure("leans back {} of the time", SHARE, is_simple=True),
    "centroid_hz": Measure("has a spectral centroid of {} Hz", PLAIN),
    "spread_hz": Measure("has a spectral spread of {} Hz", PLAIN),
    "entropy": Measure("has an entropy of {}", PLAIN),
    "edge85_hz": Measure("has 85% of its power below {} Hz", PLAIN),
    "peak_hz": Measure("has a spectral peak at {} Hz", PLAIN),
}
_WINDOWED = {
    "mean": "mean",
    "std": "standard deviation",
    "range": "range",
    "velocity_rms": "root-mean-square velocity",
    "active": "active time",
}


def _autocorrelation(match: re.Match[str]) -> Measure:
    return Measure(f"has an autocorrelation of {{}} at a lag of {match[1]} s", PLAIN)


def _band_power(match: re.Match[str]) -> Measure:
    return Measure(f"has a power of {{}} (log10) at {match[1]} to {match[2]} Hz", PLAIN)


def _band_share(match: re.Match[str]) -> Measure:
    return Measure(f"has {{}} of its power at {match[1]} to {match[2]} Hz", SHARE)


def _amplitude(match: re.Match[str]) -> Measure:
    return Measure(f"has a slow rhythm at {match[1]} Hz with an amplitude of {{}}", per="/√Hz")


def _eigenvalue(match: re.Match[str]) -> Measure:
    return Measure(f"has a log eigenvalue no. {int(match[1])} of {{}} at delays of {match[2]} s", PLAIN)


def _entropy_at(match: re.Match[str]) -> Measure:
    return Measure(f"has an entropy of {{}} at delays of {match[1]} s", PLAIN)


def _windowed(match: re.Match[str]) -> Measure:
    what, window = _WINDOWED[match[1]], match[2]
    kind = SHARE if match[1] == "active" else LEVEL
    per = "/s" if match[1] == "velocity_rms" else ""
    width = f"{window.removesuffix('frames')} frames" if window.endswith("frames") else f"{window[:-1]} s"
    if match[3] == "mean":
        return Measure(f"has, within windows of {width}, a mean {what} of {{}}".replace("mean mean", "mean"), kind, per)
    return Measure(f"has {_article(what)} {what} that varies between windows of {width} by {{}}", kind, per)


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


_PATTERNS: list[tuple[re.Pattern[str], Callable[[re.Match[str]], Measure]]] = [
    (re.compile(r"autocorrelation_([\d.]+)s"), _autocorrelation),
    (re.compile(r"power_([\d.]+)_([\d.]+)hz"), _band_power),
    (re.compile(r"relative_([\d.]+)_([\d.]+)hz"), _band_share),
    (re.compile(r"amplitude_([\d.]+)hz"), _amplitude),
    (re.compile(r"eigenvalue(\d+)_([\d.]+)s"), _eigenvalue),
    (re.compile(r"entropy_([\d.]+)s"), _entropy_at),
    (re.compile(rf"({'|'.join(_WINDOWED)})_(\d+s|\d+frames)_(mean|std)"), _windowed),
]


@lru_cache(maxsize=4096)
def find_measure(functional: str) -> Measure:
    """Return how to say a functional; one that is not known is named.

    Examples
    --------
    >>> find_measure("share_active").predicate, find_measure("mine").predicate
    ('is active {} of the time', 'has a mine of {}')
    >>> find_measure("std_5s_mean").predicate
    'has, within windows of 5 s, a mean standard deviation of {}'
    """
    if functional in _MEASURES:
        return _MEASURES[functional]
    for pattern, make in _PATTERNS:
        if match := pattern.fullmatch(functional):
            return make(match)
    words = functional.replace("_", " ")
    return Measure(f"has {_article(words)} {words} of {{}}" if words else "is {}", PLAIN)


def say_value(value: float, functional: str, unit: Unit) -> str:
    """Return the predicate with its value and unit.

    Examples
    --------
    >>> say_value(-12.0, "power_1_3hz", Unit()), say_value(float("nan"), "bout_mean_s", Unit())
    ('has no power at 1 to 3 Hz', 'is never active')
    >>> say_value(float("nan"), "skewness", Unit())
    'has no skewness that could be measured'
    """
    measure = find_measure(functional)
    if value != value:
        return _say_missing(functional, measure)
    if functional.startswith("power_") and value < _NO_POWER:
        return measure.predicate.replace("a power of {} (log10)", "no power")
    return measure.predicate.format(format_value(value, measure, unit))


def _say_missing(functional: str, measure: Measure) -> str:
    if functional.startswith("bout_") or functional == "active_mean":
        return "is never active"
    if functional.startswith("duration_"):
        return "never occurs"
    return f"has no {_name_quantity(functional, measure)} that could be measured"


def _name_quantity(functional: str, measure: Measure) -> str:
    """Return what is measured as a noun."""
    if functional in _QUANTITIES:
        return _QUANTITIES[functional]
    if match := _NOUN.match(measure.predicate):
        return match[1].removesuffix(" with an amplitude")
    if match := _WITHIN.match(measure.predicate):
        return f"{match[2]} within windows of {match[1]}"
    if match := _BETWEEN.match(measure.predicate):
        return f"variation of the {match[1]} between windows of {match[2]}"
    if match := _BAND.match(measure.predicate):
        return f"share of power at {match[1]}"
    return functional.replace("_", " ")


_NOUN = re.compile(r"has an? (.*?) of \{\}")
_WITHIN = re.compile(r"has, within windows of (.*?), an? (.*) of \{\}")
_BETWEEN = re.compile(r"has an? (.*) that varies between windows of (.*) by \{\}")
_BAND = re.compile(r"has \{\} of its power at (.*)")
_QUANTITIES = {
    "share_above_mean": "share of time above its mean",
    "share_below_mean": "share of time below its mean",
    "velocity_mean": "mean velocity",
    "zero_crossings_per_s": "rate of crossing its mean",
    "turns_per_s": "rate of reversals",
    "decay_s": "decay time of its autocorrelation",
    "share_active": "share of active time",
    "onsets_per_min": "rate of onsets",
    "share_together": "share of time",
    "share_without": "share of time",
    "n_active": "mean number of action units",
    "per_min": "rate",
    "closed_share": "share of time with closed eyes",
    "opening_mean": "mean",
    "share_down": "share of time directed downwards",
    "share_away": "share of time directed away from the camera",
    "contact_share": "share of time directed at the camera",
    "fixations_per_min": "rate of fixations",
    "shifts_per_min": "rate of shifts",
    "fixation_mean_s": "mean fixation time",
    "amplitude_rms": "root-mean-square deviation from its mean",
    "path_per_min": "path length",
    "share_still": "share of time at rest",
    "nods_power": "power of nods",
    "shakes_power": "power of shakes",
    "share_forward": "share of time leaning forward",
    "share_back": "share of time leaning back",
    "edge85_hz": "limit of 85% of its power",
    "peak_hz": "spectral peak",
}
_NO_POWER = -11.9  # powers have a floor of 1e-12


def format_value(value: float, measure: Measure, unit: Unit) -> str:
    """Return a value with its unit.

    Examples
    --------
    >>> format_value(0.042, find_measure("share_active"), Unit())
    '4%'
    >>> format_value(2.0, find_measure("turns_per_s"), Unit())
    '2.0 times'
    """
    if measure.kind == SHARE:
        return f"{100 * value:.{0 if value == 0 or abs(value) >= 0.01 else 1}f}%"
    if measure.kind == RATE:
        return f"{_round(value)} times"
    if measure.kind == TIME:
        return f"{_round(value)} s"
    if measure.kind == PLAIN:
        return _round(value)
    number, per = _round(value * unit.factor), measure.per
    if not per and unit.scale:
        return f"{number} {unit.scale}"
    name = unit.rate if per and unit.rate else unit.name
    if name == "°":
        return f"{number}{name}{per}"
    return f"{number} {name}{per if name == 'mm' else _spell(per)}".replace("  ", " ").strip()


def _spell(per: str) -> str:
    """Return "/s" in words."""
    words = {"": "", "/s": " per second", "/s²": " per second squared", "/min": " per minute", "/√Hz": " per √Hz"}
    return words[per]


def _round(value: float) -> str:
    """Return a value with about two significant digits."""
    size = abs(value)
    if size >= 100 or size == 0:
        return f"{value:.0f}"
    return f"{value:.1f}" if size >= 1 else f"{value:.2g}"
