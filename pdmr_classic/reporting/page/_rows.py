"""Rows of tables with drawn columns: dots with intervals, bars, rings and several dots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from pdmr_classic.reporting.page._formats import (
    MISSING,
    format_compact,
    format_number,
    format_percent,
    format_range,
    format_score,
)
from pdmr_classic.reporting.page._scale import UNIT_SCALE, Scale, fit_scale
from pdmr_classic.text import format_count

_Section = Mapping[str, Any]
_Labels = Mapping[str, str]
_NOTES = {
    "floor": "needs no data",
    "shortcut": "duration, frame rate, quality, missing modalities",
    "logistic_regression": "no tuning, no stack",
}
_WITH_INTERVAL = "mean (95% CI)"
_CHANCE_AUC = 0.5


@dataclass(frozen=True)
class Mark:
    """What is drawn in a cell, and the same in words.

    Attributes
    ----------
    text : str
        The numbers that are drawn.
    value, low, high : float, optional
        A dot, or the end of a bar, and an interval.
    other : float, optional
        A second value, drawn as a ring.
    dots : tuple of float
        Several values, each a small dot.
    """

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    other: float | None = None
    dots: tuple[float, ...] = ()

    def values(self) -> tuple[float | None, ...]:
        """Return everything that is drawn."""
        return (self.value, self.low, self.high, self.other, *self.dots)


@dataclass(frozen=True)
class Panel:
    """A drawn column.

    Attributes
    ----------
    title, text_heading : str
        What is drawn, and how the text beside it is to be read.
    marks : tuple of Mark
        One for each row.
    scale : Scale
    reference : float, optional
        A value that is marked in all rows.
    """

    title: str
    text_heading: str
    marks: tuple[Mark, ...]
    scale: Scale
    reference: float | None = None
    is_bar: bool = False


@dataclass(frozen=True)
class Row:
    """The label of a row, which may be text of users, a remark below it, and whether the row stands out."""

    label: str
    note: str = ""
    is_strong: bool = False


@dataclass(frozen=True)
class RowTable:
    """Rows, and one or two drawn columns."""

    heading: str
    rows: tuple[Row, ...]
    panels: tuple[Panel, ...]


def score_rows(headline: _Section, labels: _Labels) -> RowTable:
    """Return the first two scores of the model and of what it is compared with."""
    systems = headline["rows"]
    rows = [Row(part["label"], _NOTES.get(part["kind"], ""), part["kind"] == "model") for part in systems]
    panels = []
    for name in headline["names"][:2]:
        marks = [_score_mark(part["scores"].get(name), part["reason"]) for part in systems]
        panels.append(_score_panel(labels.get(name, name), marks, reference=_find_floor(systems, name)))
    return RowTable("Answer", tuple(rows), tuple(panels))


def _find_floor(systems: Sequence[_Section], name: str) -> float | None:
    """Return the score of the first answer that needs no data; the AUC of chance."""
    scores = [part["scores"].get(name) for part in systems if part["kind"] == "floor"]
    values = [score["mean"] for score in scores if score is not None]
    return next(iter(values), _CHANCE_AUC if name == "auc" else None)


def _score_mark(score: _Section | None, reason: str | None = None) -> Mark:
    if score is None:
        return Mark(f"{MISSING} ({reason})" if reason else MISSING)
    return Mark(format_score(score), score.get("mean"), score.get("low"), score.get("high"))


def _score_panel(
    title: str, marks: Sequence[Mark], text_heading: str = _WITH_INTERVAL, reference: float | None = None
) -> Panel:
    return Panel(title, text_heading, tuple(marks), _score_scale(marks), reference)


def _score_scale(marks: Iterable[Mark]) -> Scale:
    """Return the scale from 0 to 1 if all values fit in it."""
    values = [value for mark in marks for value in mark.values() if value is not None]
    return UNIT_SCALE if all(0 <= value <= 1 for value in values) else fit_scale(values, 0.0)


def subgroup_rows(groups: Sequence[_Section], names: Sequence[str], labels: _Labels) -> RowTable:
    """Return the first two scores of each subgroup."""
    rows = [Row("(empty)" if group["value"] == "" else str(group["value"]), _count(group)) for group in groups]
    panels = [
        _score_panel(labels.get(name, name), [_score_mark(group["scores"].get(name)) for group in groups])
        for name in names[:2]
    ]
    return RowTable("Group", tuple(rows), tuple(panels))


def _count(part: _Section) -> str:
    recordings = format_count(part["n_recordings"], "recording")
    subjects = part.get("n_subjects")
    return recordings if subjects is None else f"{recordings} of {format_count(subjects, 'subject')}"


def stress_rows(tests: Sequence[_Section], names: Sequence[str], labels: _Labels) -> RowTable:
    """Return the first two scores that the stress tests have, with those of the unaltered recordings."""
    known = list(dict.fromkeys(name for test in tests for name in test["scores"]))
    chosen = [name for name in dict.fromkeys([*names, *known]) if name in known][:2]
    rows = [Row(test["label"], _count(test)) for test in tests]
    panels = [
        _score_panel(labels.get(name, name), [_stress_mark(test, name) for test in tests], "altered (unaltered)")
        for name in chosen
    ]
    return RowTable("Stress test", tuple(rows), tuple(panels))


def _stress_mark(test: _Section, name: str) -> Mark:
    value, other = test["scores"].get(name), test["unaltered"].get(name)
    return Mark(f"{format_number(value)} ({format_number(other)})", value, other=other)


def fold_rows(folds: Sequence[_Section], labels: _Labels) -> RowTable:
    """Return the scores of all outer folds, one row per score."""
    names = list(dict.fromkeys(name for fold in folds for name in fold["scores"]))
    marks = []
    for name in names:
        values = sorted(fold["scores"][name] for fold in folds if fold["scores"].get(name) is not None)
        median = _find_median(values)
        marks.append(Mark(_describe_spread(values, median), other=median, dots=tuple(values)))
    panel = _score_panel("Scores of the folds", marks, "median (range)")
    return RowTable("Score", tuple(Row(labels.get(name, name)) for name in names), (panel,))


def _describe_spread(values: Sequence[float], median: float | None) -> str:
    if not values:
        return MISSING
    return f"{format_number(median)} ({format_number(values[0], 2)} to {format_number(values[-1], 2)})"


def _find_median(values: Sequence[float]) -> float | None:
    if not values:
        return None
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def optimism_rows(optimism: Mapping[str, _Section], labels: _Labels) -> RowTable:
    """Return the scores on the inner folds, as rings, and on held-out people."""
    marks = []
    for part in optimism.values():
        inner, outer = (format_number(part[name]) for name in ("inner", "outer"))
        text = f"{inner} / {outer} ({format_number(part['gap'], signed=True)})"
        marks.append(Mark(text, part["outer"], other=part["inner"]))
    rows = tuple(Row(labels.get(name, name)) for name in optimism)
    return RowTable("Score", rows, (_score_panel("Inner and outer scores", marks, "inner / held out (gap)"),))


def member_rows(members: Sequence[_Section]) -> RowTable:
    """Return the weights of the base learners."""
    marks = []
    for member in members:
        has_spread = member.get("low") is not None and member["low"] != member["high"]
        limits = (member["low"], member["high"]) if has_spread else (None, None)
        spread = f" ({format_range(member)})" if has_spread else ""
        marks.append(Mark(format_number(member["weight"]) + spread, member["weight"], *limits))
    heading = "weight (range)" if any(mark.low is not None for mark in marks) else "weight"
    return RowTable("Base learner", tuple(Row(member["name"]) for member in members), (_bar_panel(heading, marks),))


def importance_rows(importance: Mapping[str, float | None], heading: str) -> RowTable:
    """Return the increase in log loss, the largest first."""
    items = sorted(importance.items(), key=lambda item: -(item[1] or 0.0))
    marks = [Mark(format_number(value, 4), value) for _, value in items]
    return RowTable(heading, tuple(Row(name) for name, _ in items), (_bar_panel("increase in log loss", marks),))


def _bar_panel(text_heading: str, marks: Sequence[Mark]) -> Panel:
    scale = fit_scale([value for mark in marks for value in mark.values()], 0.0)
    return Panel(text_heading, text_heading, tuple(marks), scale, is_bar=True)


def confound_rows(parts: Sequence[_Section]) -> RowTable:
    """Return the AUC of each group of recording conditions alone."""
    rows = [
        Row(
            part["label"],
            "" if part.get("p_adjusted") is None else f"adjusted p {format_number(part['p_adjusted'])}",
            bool(part["is_found"]),
        )
        for part in parts
    ]
    marks = [_score_mark(part["auc"], part.get("reason") or "not scored") for part in parts]
    panel = Panel("AUC", "AUC (95% CI)", tuple(marks), UNIT_SCALE, reference=_CHANCE_AUC)
    return RowTable("Recording conditions", tuple(rows), (panel,))


def difference_rows(differences: Sequence[tuple[str, _Section]], heading: str, labels: _Labels) -> RowTable:
    """Return differences with their intervals, around 0; each has the name of a score, or another label."""
    marks = [_difference_mark(part) for _, part in differences]
    scale = fit_scale([value for mark in marks for value in mark.values()], 0.0)
    panel = Panel("Difference", "difference (95% CI)", tuple(marks), scale, reference=0.0)
    return RowTable(heading, tuple(Row(labels.get(name, name)) for name, _ in differences), (panel,))


def _difference_mark(part: _Section) -> Mark:
    interval = format_range(part, signed=True) or "no interval"
    text = f"{format_number(part['difference'], signed=True)} ({interval})"
    return Mark(text, part["difference"], part.get("low"), part.get("high"))


def list_differences(views: Sequence[_Section], labels: _Labels) -> list[tuple[str, list[tuple[str, _Section]]]]:
    """Return for each score the difference that each view makes."""
    names = dict.fromkeys(name for view in views for name in view["differences"])
    return [(labels.get(name, name), [(view["label"], view["differences"][name]) for view in views]) for name in names]


def comparison_rows(comparison: _Section) -> RowTable:
    """Return the scores of each system of a comparison, with its share of rank 1."""
    systems = comparison["rows"]
    rows = [Row(part["label"], _describe_rank(part.get("rank_1")), number == 0) for number, part in enumerate(systems)]
    panels = [
        _score_panel(label, [_score_mark(part["scores"].get(name)) for part in systems])
        for name, label in zip(comparison["names"][:2], comparison["labels"][:2], strict=True)
    ]
    return RowTable("System", tuple(rows), tuple(panels))


def _describe_rank(share: float | None) -> str:
    return f"best in {format_percent(share)} of bootstrap samples" if share and share >= 0.005 else ""


def audit_rows(attacks: Sequence[_Section]) -> list[tuple[str, RowTable]]:
    """Return the attacks of an audit by kind, each representation with its chance level as a ring."""
    kinds: dict[str, list[_Section]] = {}
    for part in attacks:
        kinds.setdefault(part["attack"], []).append(part)
    return [(attack, _attack_table(parts)) for attack, parts in kinds.items()]


def _attack_table(parts: Sequence[_Section]) -> RowTable:
    chances = [part.get("chance") for part in parts]
    rows = [
        Row(part["representation"], "" if chance is None else f"chance {format_number(chance, 2)}")
        for part, chance in zip(parts, chances, strict=True)
    ]
    marks = [
        Mark(format_score({**part, "mean": part["value"]}), part["value"], part.get("low"), part.get("high"), chance)
        for part, chance in zip(parts, chances, strict=True)
    ]
    return RowTable("The attacker sees", tuple(rows), (_score_panel("Success", marks, "value (95% CI)"),))


def coverage_rows(coverage: Sequence[_Section]) -> RowTable:
    """Return the share of scores within their prediction intervals, beside the nominal level."""
    rows = [
        Row(part["label"], format_count(part["n_recordings"], "recording"), number == 0)
        for number, part in enumerate(coverage)
    ]
    marks = [Mark(_describe_coverage(part), part["mean"], part.get("low"), part.get("high")) for part in coverage]
    panel = Panel("Coverage", "coverage (95% CI)", tuple(marks), UNIT_SCALE, reference=coverage[0]["level"])
    return RowTable("True class", tuple(rows), (panel,))


def _describe_coverage(part: _Section) -> str:
    if part.get("low") is None:
        return format_percent(part["mean"])
    return f"{format_percent(part['mean'])} ({format_percent(part['low'])} to {format_percent(part['high'])})"


def sample_curve(section: _Section, x: str, names: Iterable[str], every: int = 10) -> list[list[str]]:
    """Return some points of curves as text: the numbers behind a plot."""
    columns = [section[name] for name in names if section.get(name)]
    points = list(zip_longest(section[x], *columns))
    if len(points) > 2 * every:
        points = points[::every]
    return [[format_compact(point[0]), *map(format_number, point[1:])] for point in points]


def calibration_cells(bins: Sequence[_Section]) -> list[list[str]]:
    """Return the points of a calibration curve as text."""
    names = ("predicted", "observed", "low", "high")
    return [[*(format_number(part[name]) for name in names), format_compact(part["n"], 4)] for part in bins]
