"""Rows of tables with a drawn column: dots with intervals, bars, and several dots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
_KINDS = {
    "floor": "needs no data",
    "shortcut": "length, frame rate, missing data",
    "logistic_regression": "no tuning, no stack",
}


@dataclass(frozen=True)
class Row:
    """A row: its label, what is drawn, and the same in words.

    Attributes
    ----------
    label : str
        May be text of users.
    text : str
        The numbers that are drawn.
    value, low, high : float, optional
        A dot or the end of a bar, and an interval.
    other : float, optional
        A second value, drawn as a ring or a bar line.
    dots : tuple of float
        Several values, each a small dot.
    note : str
        A remark below the label.
    is_strong : bool
        Whether the row stands out.
    """

    label: str
    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    other: float | None = None
    dots: tuple[float, ...] = ()
    note: str = ""
    is_strong: bool = False


@dataclass(frozen=True)
class RowTable:
    """Rows with a common scale.

    Attributes
    ----------
    heading, value_heading : str
        Of the labels, and of the text.
    reference : float, optional
        A value that is marked in all rows.
    """

    rows: tuple[Row, ...]
    scale: Scale
    heading: str
    value_heading: str = "mean (95% CI)"
    reference: float | None = None
    is_bar: bool = False


def score_rows(headline: _Section, name: str, heading: str = "Answer") -> RowTable:
    """Return one score of the model and of what it is compared with."""
    rows = [_score_row(row, row["scores"].get(name)) for row in headline["rows"]]
    return RowTable(tuple(rows), score_scale(rows), heading)


def _score_row(row: _Section, score: _Section | None) -> Row:
    text = f"{MISSING} ({row['reason']})" if score is None and row.get("reason") else format_score(score)
    kind = row.get("kind", "")
    return Row(
        row["label"],
        text,
        **_interval(score),
        note=_KINDS.get(kind, ""),
        is_strong=kind == "model",
    )


def _interval(score: _Section | None) -> dict[str, float | None]:
    part = score or {}
    return {"value": part.get("mean"), "low": part.get("low"), "high": part.get("high")}


def score_scale(rows: Iterable[Row]) -> Scale:
    """Return the scale from 0 to 1 if all values fit in it."""
    values = [value for row in rows for value in (row.value, row.low, row.high, row.other, *row.dots)]
    numbers = [value for value in values if value is not None]
    if all(0 <= value <= 1 for value in numbers):
        return UNIT_SCALE
    return fit_scale(numbers, 0.0)


def subgroup_rows(groups: Sequence[_Section], name: str, heading: str) -> RowTable:
    """Return one score of each subgroup."""
    rows = [
        Row(
            "(empty)" if group["value"] == "" else str(group["value"]),
            format_score(group["scores"].get(name)),
            **_interval(group["scores"].get(name)),
            note=_count(group),
        )
        for group in groups
    ]
    return RowTable(tuple(rows), score_scale(rows), heading)


def _count(part: _Section) -> str:
    recordings = format_count(part["n_recordings"], "recording")
    subjects = part.get("n_subjects")
    return recordings if subjects is None else f"{recordings} of {format_count(subjects, 'subject')}"


def stress_rows(tests: Sequence[_Section], name: str) -> RowTable:
    """Return one score of each stress test, with that of the unaltered recordings."""
    rows = []
    for test in tests:
        value, other = test["scores"].get(name), test["unaltered"].get(name)
        text = f"{format_number(value)} (unaltered {format_number(other)})"
        rows.append(Row(test["label"], text, value=value, other=other, note=_count(test)))
    return RowTable(tuple(rows), score_scale(rows), "Stress test", "altered (unaltered)")


def fold_rows(folds: Sequence[_Section], labels: Mapping[str, str]) -> RowTable:
    """Return the scores of all outer folds, one row per score."""
    rows = []
    for name in dict.fromkeys(name for fold in folds for name in fold["scores"]):
        values = sorted(fold["scores"][name] for fold in folds if fold["scores"].get(name) is not None)
        rows.append(Row(labels.get(name, name), _describe_spread(values), dots=tuple(values), other=_median(values)))
    return RowTable(tuple(rows), score_scale(rows), "Score", "median (smallest to largest)")


def _describe_spread(values: Sequence[float]) -> str:
    if not values:
        return MISSING
    return f"{format_number(_median(values))} ({format_number(values[0], 2)} to {format_number(values[-1], 2)})"


def _median(values: Sequence[float]) -> float | None:
    if not values:
        return None
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def optimism_rows(optimism: Mapping[str, _Section], labels: Mapping[str, str]) -> RowTable:
    """Return the scores on the inner folds and on held-out people."""
    rows = [
        Row(
            labels.get(name, name),
            f"{format_number(part['inner'])} / {format_number(part['outer'])} ({format_number(part['gap'], signed=True)})",
            value=part["outer"],
            other=part["inner"],
        )
        for name, part in optimism.items()
    ]
    return RowTable(tuple(rows), score_scale(rows), "Score", "inner / outer (gap)")


def member_rows(members: Sequence[_Section]) -> RowTable:
    """Return the weights of the base learners."""
    rows = []
    for member in members:
        limits = {name: member.get(name) for name in ("low", "high")}
        spread = "" if limits["low"] == limits["high"] else format_range(limits)
        text = format_number(member["weight"]) + (f" ({spread})" if spread else "")
        drawn = limits if spread else {}
        rows.append(Row(member["name"], text, value=member["weight"], **drawn))
    values = [value for row in rows for value in (row.value, row.low, row.high)]
    heading = "weight (smallest to largest)" if any(row.low is not None for row in rows) else "weight"
    return RowTable(tuple(rows), fit_scale(values, 0.0), "Base learner", heading, is_bar=True)


def importance_rows(importance: Mapping[str, float | None], heading: str) -> RowTable:
    """Return bars of the increase in log loss, the largest first."""
    items = sorted(importance.items(), key=lambda item: -(item[1] or 0.0))
    rows = [Row(name, format_number(value, 4), value=value) for name, value in items]
    scale = fit_scale([row.value for row in rows], 0.0)
    return RowTable(tuple(rows), scale, heading, "increase in log loss", is_bar=True)


def confound_rows(rows: Sequence[_Section]) -> RowTable:
    """Return the AUC of each group of recording conditions alone."""
    parts = []
    for row in rows:
        p_value = "" if row.get("p_adjusted") is None else f"adjusted p {format_number(row['p_adjusted'])}"
        text = format_score(row["auc"]) if row["auc"] else f"{MISSING} ({row.get('reason') or 'not scored'})"
        parts.append(Row(row["label"], text, **_interval(row["auc"]), note=p_value, is_strong=bool(row["is_found"])))
    return RowTable(tuple(parts), UNIT_SCALE, "Recording conditions", "AUC (95% CI)", reference=0.5)


def difference_rows(parts: Sequence[tuple[str, _Section]], heading: str) -> RowTable:
    """Return differences with their intervals, around 0."""
    rows = [
        Row(label, _describe_difference(part), value=part["difference"], low=part.get("low"), high=part.get("high"))
        for label, part in parts
    ]
    values = [value for row in rows for value in (row.value, row.low, row.high)]
    return RowTable(tuple(rows), fit_scale(values, 0.0), heading, "difference (95% CI)", reference=0.0)


def _describe_difference(part: _Section) -> str:
    interval = format_range(part, signed=True) or "no interval"
    return f"{format_number(part['difference'], signed=True)} ({interval})"


def comparison_rows(comparison: _Section, index: int) -> RowTable:
    """Return one score of each system of a comparison, with its share of rank 1."""
    name = comparison["names"][index]
    rows = []
    for number, system in enumerate(comparison["rows"]):
        share = system.get("rank_1")
        note = f"best in {format_percent(share)} of bootstrap samples" if share and index == 0 else ""
        score = system["scores"].get(name)
        rows.append(Row(system["label"], format_score(score), **_interval(score), note=note, is_strong=number == 0))
    return RowTable(tuple(rows), score_scale(rows), "System")


def audit_rows(rows: Sequence[_Section]) -> list[tuple[str, RowTable]]:
    """Return the attacks of an audit by kind, each representation with its chance level."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        score = {**row, "mean": row["value"]}
        note = "" if row.get("chance") is None else f"chance {format_number(row['chance'], 2)}"
        part = Row(row["representation"], format_score(score), **_interval(score), other=row.get("chance"), note=note)
        kinds.setdefault(row["attack"], []).append(part)
    return [
        (attack, RowTable(tuple(parts), score_scale(parts), "The attacker sees", "value (95% CI)"))
        for attack, parts in kinds.items()
    ]


def coverage_rows(coverage: Sequence[_Section]) -> RowTable:
    """Return the share of scores within their prediction intervals, beside the nominal level."""
    rows = [
        Row(
            part["label"],
            _describe_coverage(part),
            **_interval(part),
            note=format_count(part["n_recordings"], "recording"),
            is_strong=number == 0,
        )
        for number, part in enumerate(coverage)
    ]
    return RowTable(tuple(rows), UNIT_SCALE, "True class", "coverage (95% CI)", reference=coverage[0]["level"])


def _describe_coverage(part: _Section) -> str:
    if part.get("low") is None:
        return format_percent(part["mean"])
    return f"{format_percent(part['mean'])} ({format_percent(part['low'])} to {format_percent(part['high'])})"


def sample_curve(section: _Section, x: str, names: Iterable[str], every: int = 10) -> list[list[str]]:
    """Return rows of text of some points of curves: the numbers behind a plot."""
    chosen = range(0, len(section[x]), every if len(section[x]) > 2 * every else 1)
    return [
        [format_compact(section[x][k]), *(format_number(section[name][k]) for name in names if section.get(name))]
        for k in chosen
    ]


def calibration_cells(bins: Sequence[_Section]) -> list[list[str]]:
    """Return the points of a calibration curve as text."""
    names = ("predicted", "observed", "low", "high")
    return [[*(format_number(part[name]) for name in names), format_compact(part["n"], 4)] for part in bins]


def stress_names(tests: Sequence[_Section], names: Sequence[str] | None) -> list[str]:
    """Return the first two scores that the stress tests have, the main score first."""
    known = list(dict.fromkeys(name for test in tests for name in test["scores"]))
    return [name for name in dict.fromkeys([*(names or ()), *known]) if name in known][:2]


def difference_names(views: Sequence[_Section]) -> list[str]:
    """Return the scores that the views are compared by."""
    return list(dict.fromkeys(name for view in views for name in view["differences"]))


def added_differences(views: Sequence[_Section], name: str) -> list[tuple[str, _Section]]:
    """Return the difference that each view makes to one score."""
    return [(view["label"], view["differences"][name]) for view in views if name in view["differences"]]


def named_differences(differences: Mapping[str, _Section], labels: Mapping[str, str]) -> list[tuple[str, _Section]]:
    """Return differences with the labels of their scores."""
    return [(labels.get(name, name), part) for name, part in differences.items()]
