"""Tables of comparisons for a terminal of 80 columns, made from their JSON alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.evaluation.intervals import NO_INTERVAL
from pdmr_classic.evaluation.known_people import NEW_PEOPLE
from pdmr_classic.reporting._cells import (
    SHORT_LABELS,
    SHORT_SEVERITY_LABELS,
    add_positive,
    format_interval,
    format_number,
    format_with_interval,
)
from pdmr_classic.reporting.tables import add_synthetic_note, new_table
from pdmr_classic.text import format_count

_SIGNED = "+z.3f"
_MAX_NAMED = 4
_SCORE_WIDTH = len("0.123 (0.12 to 0.12)")


def comparison_table(comparison: Mapping[str, Any]) -> RenderableType:
    """Show the scores of all systems, their differences with simultaneous intervals, and who is best."""
    parts: list[RenderableType] = [Text(f"{name}: {file}") for name, file in comparison.get("files", {}).items()]
    if comparison["held_out"] != NEW_PEOPLE:
        parts.append(Text(f"Held out: {comparison['held_out']}."))
    for part in list_targets(comparison):
        if len(part["systems"]) == 2:
            parts += ["", _pair_table(part)]
        else:
            parts += ["", _systems_table(part), "", _differences_table(part)]
        parts += ["", Text(" ".join(_remarks(part)))]
    parts += ["", Text(comparison["interval_note"])]
    if comparison.get("plot"):
        parts += ["", Text(f"Written: {comparison['plot']}")]
    return add_synthetic_note(dict(comparison), parts)


def list_targets(comparison: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what was compared, as parts with the same keys: predicted classes, predicted severities, or both."""
    classes = [comparison] if "systems" in comparison else []
    return [*classes, *([comparison["severity"]] if "severity" in comparison else [])]


def shown_scores(part: Mapping[str, Any]) -> list[str]:
    """Return the scores of which there is a column: the main score, and AUC or mean absolute error."""
    return ["ccc", "mae"] if _is_severity(part) else list(dict.fromkeys((part["main_score"], "auc")))


def score_label(part: Mapping[str, Any], name: str) -> str:
    """Return the label of a score in a comparison."""
    if _is_severity(part):
        return SHORT_SEVERITY_LABELS[name]
    return add_positive(SHORT_LABELS[name], part["positive"]) if name == "f1" else SHORT_LABELS[name]


def _is_severity(part: Mapping[str, Any]) -> bool:
    return bool(part["main_score"] == "ccc")


def _pair_table(comparison: Mapping[str, Any]) -> Table:
    (a, first), (b, second) = comparison["systems"].items()
    pair = comparison["pairs"][0]
    table = new_table("score", a, b, "difference", "95% interval")
    for name, part in pair["differences"].items():
        numbers = (format_number(first[name]["mean"]), format_number(second[name]["mean"]))
        table.add_row(
            score_label(comparison, name),
            *numbers,
            format_number(part["difference"], _SIGNED),
            format_interval(part, _SIGNED) or ("" if part["difference"] is None else "no interval"),
        )
    return table


def _systems_table(comparison: Mapping[str, Any]) -> Table:
    scores = shown_scores(comparison)
    winners = comparison["winners"]
    table = new_table("system", *(score_label(comparison, name) for name in scores), "rank 1")
    for column in table.columns[1:-1]:
        column.min_width = _SCORE_WIDTH
    for name, part in sort_systems(comparison):
        share = winners[scores[0]]["shares_of_rank_1"].get(name)
        table.add_row(
            shorten_name(name), *(format_with_interval(part[score]) for score in scores), _format_share(share)
        )
    return table


def sort_systems(comparison: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the systems of a comparison, from the best to the worst in the main score."""
    main = comparison["main_score"]
    return sorted(comparison["systems"].items(), key=lambda item: -(item[1][main]["mean"] or 0.0))


def shorten_name(name: str) -> str:
    """Return the name of a system as it is shown: "video/svm" for "member video/svm"."""
    return name.replace("member ", "")


def _format_share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _differences_table(comparison: Mapping[str, Any]) -> Table:
    """Show the difference of each system to the best one."""
    best, *others = (name for name, _ in sort_systems(comparison))
    scores = shown_scores(comparison)
    table = new_table(f"minus {shorten_name(best)}", *(score_label(comparison, name) for name in scores))
    for name in others:
        cells = (difference_to(comparison, name, best, score) for score in scores)
        table.add_row(shorten_name(name), *(f"{format_number(c['difference'], _SIGNED)} ({_limits(c)})" for c in cells))
    return table


def _limits(part: Mapping[str, Any]) -> str:
    return format_interval(part, "+z.2f") or "no interval"


def difference_to(comparison: Mapping[str, Any], name: str, reference: str, score: str) -> dict[str, float | None]:
    """Return the difference in a score of a system minus a reference, with its simultaneous interval."""
    pair = next(pair for pair in comparison["pairs"] if {pair["a"], pair["b"]} == {name, reference})
    part = dict(pair["differences"][score])
    if pair["b"] == name or part["difference"] is None:
        return part
    low, high = part["low"], part["high"]
    flipped = {"low": None if high is None else -high, "high": None if low is None else -low}
    return {"difference": -part["difference"], **flipped}


def _remarks(comparison: Mapping[str, Any]) -> Iterable[str]:
    counts = f"{comparison['n_recordings']} recordings of {comparison['n_subjects']} subjects, the same folds in all."
    yield counts
    if comparison["n_left_out"]:
        yield f"{format_count(comparison['n_left_out'], 'recording')} that not all systems predict left out."
    n_systems = len(comparison["systems"])
    intervals = "it contains" if n_systems == 2 else "an interval contains"
    lower = "Lower MAE and RMSE are" if _is_severity(comparison) else "A lower Brier score is"
    differences = [part for pair in comparison["pairs"] for part in pair["differences"].values()]
    if any(part["difference"] is not None and part["low"] is None for part in differences):
        yield f"{NO_INTERVAL[0].upper()}{NO_INTERVAL[1:]}."
    yield f"If {intervals} 0, the two cannot be distinguished. {lower} better."
    if n_systems > 2:
        yield "The intervals of all differences hold at once."
    yield from describe_winner(comparison)


def describe_winner(comparison: Mapping[str, Any]) -> Iterable[str]:
    """Yield sentences on who is best in the main score; none if no system has one."""
    main = comparison["main_score"]
    winner = comparison["winners"][main]
    if winner["name"] is None:
        return
    label, n_systems = score_label(comparison, main), len(comparison["systems"])
    share = winner["shares_of_rank_1"][winner["name"]]
    best = shorten_name(winner["name"])
    yield f"{best} is best by {label}; it has rank 1 in {share:.0%} of bootstrap samples of subjects."
    interval = format_interval(winner)
    corrected = f"{winner['corrected']:.3f}" + (f" (95% interval {interval})" if interval else "")
    yield f"Corrected for choosing the best of {n_systems}, its {winner['apparent']:.3f} is {corrected}."
    if n_systems > 2:
        same = [
            shorten_name(name)
            for name in comparison["systems"]
            if name != winner["name"] and _is_close(difference_to(comparison, name, winner["name"], main))
        ]
        yield _describe_others(same, n_systems - 1)


def _is_close(part: Mapping[str, float | None]) -> bool:
    return part["high"] is None or part["high"] >= 0


def _describe_others(same: list[str], n_others: int) -> str:
    if len(same) == n_others:
        return "None of the others can be distinguished from it."
    if not same:
        return "All others are worse."
    names = ", ".join(same) if len(same) <= _MAX_NAMED else f"{len(same)} of the {n_others} others"
    return f"{names} cannot be distinguished from it."
