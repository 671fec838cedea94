"""Tables of predicted severities for a terminal of 80 columns, made from the JSON of evaluations alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.arrays import finite_or_none
from pdmr_classic.models.learners.member import is_joint_view
from pdmr_classic.reporting._cells import (
    LABELS,
    MISSING,
    SEVERITY_LABELS,
    SHORT_LABELS,
    SHORT_SEVERITY_LABELS,
    add_positive,
    format_difference,
    format_interval,
    format_mean,
    format_number,
    format_view,
    format_with_interval,
)
from pdmr_classic.reporting.tables import add_synthetic_note, new_table, score_table, warning_text
from pdmr_classic.text import format_count

_BASELINE_LABELS = {
    "mean": "training mean",
    "median": "training median",
    "shortcut": "shortcut: recording conditions",
    "view both": "all views as one",
    "without experts": "the model without experts",
}
_BASELINE_SCORES = ("mae", "ccc")


def severity_tables(part: Mapping[str, Any]) -> Iterable[RenderableType]:
    """Yield the tables of the part `severity` of an evaluation: scores, conclusion, baselines, classes, cut-off."""
    yield _scores_table(part)
    yield ""
    warnings = {warning["what"]: warning for warning in part["warnings"]}
    for sentence in part["conclusion"]:
        yield warning_text(warnings[sentence]) if sentence in warnings else Text(f"{sentence}.")
    yield ""
    yield _baselines_table(part)
    if part.get("added_value"):
        yield ""
        yield _added_table(part["added_value"], part["baselines"].get("view covariates"))
    if part["classes"]:
        yield ""
        yield _classes_table(part)
    if part["clinical"]:
        yield ""
        yield _clinical_table(part["clinical"])
    if part["stress_tests"]:
        yield ""
        yield _stress_table(part["stress_tests"])
    for column, groups in part["subgroups"].items():
        yield ""
        yield _subgroup_table(column, groups)


def _scores_table(part: Mapping[str, Any]) -> Table:
    scale = part["scale"]
    table = new_table(f"severity, {scale['low']:g} to {scale['high']:g}", "mean", "SD of repeats", "95% interval")
    for name, score in part["scores"].items():
        table.add_row(SEVERITY_LABELS[name], format_mean(score), format_number(score["sd"]), format_interval(score))
    coverage = part["intervals"]["coverage"]
    if coverage["mean"] is not None:
        level = f"{part['intervals']['level']:.0%}"
        table.add_row(f"Coverage of {level} intervals", format_mean(coverage), MISSING, format_interval(coverage))
        table.add_row("  mean width", format_number(part["intervals"]["mean_width"]), MISSING, "")
    return table


def _baselines_table(part: Mapping[str, Any]) -> Table:
    table = new_table("compared with baselines", *(SHORT_SEVERITY_LABELS[name] for name in _BASELINE_SCORES))
    table.add_row("the model", *_format_cells(part["scores"]))
    views = [name.removeprefix("view ") for name in part["baselines"] if name.startswith("view ")]
    n_single = sum(not is_joint_view(view) for view in views)
    for name, baseline in part["baselines"].items():
        label = _BASELINE_LABELS.get(name) or format_view(name.removeprefix("view "), n_single)
        reason = baseline.get("problem", "").partition(":")[0]
        cells = [reason] * len(_BASELINE_SCORES) if reason else _format_cells(baseline["scores"])
        table.add_row(label, *cells)
    return table


def _added_table(added: Mapping[str, Any], alone: Mapping[str, Any] | None) -> Table:
    """Show the covariates alone, and the difference that each view makes in the same recordings."""
    table = new_table("added to covariates", *(SHORT_SEVERITY_LABELS[name] for name in _BASELINE_SCORES), "p (MAE)")
    if alone is not None and "scores" in alone:
        table.add_row("covariates alone", *_format_cells(alone["scores"]), "")
    for view, part in added["views"].items():
        differences = part["differences"]
        cells = (format_difference(differences[name]) for name in _BASELINE_SCORES)
        table.add_row(f"+ {view}", *cells, format_number(differences["mae"]["p"]))
    return table


def _format_cells(scores: Mapping[str, Any]) -> list[str]:
    return [format_with_interval(scores[name]) for name in _BASELINE_SCORES]


def _classes_table(part: Mapping[str, Any]) -> Table:
    table = new_table("by true class", "n (subjects)", "MAE", "bias", "recall", "coverage", "width")
    for name, scores in part["classes"].items():
        table.add_row(
            name,
            f"{scores['n_recordings']} ({scores['n_subjects']})",
            format_number(scores["mae"], ".3g"),
            format_number(scores["bias"], "+z.3g"),
            format_number(scores["recall"], ".2f"),
            format_number(scores["coverage"], ".2f"),
            format_number(scores["mean_width"], ".3g"),
        )
    return table


def _clinical_table(part: Mapping[str, Any]) -> Table:
    table = new_table(f"scores from {part['cutoff']:g} as a class", "mean", "SD of repeats", "95% interval")
    for name, score in part["scores"].items():
        label = "AUC of severity, mean of folds" if name == "auc" else LABELS[name]
        table.add_row(label, format_mean(score), format_number(score["sd"]), format_interval(score))
    if sets := part["label_sets"]:
        answered = f"{sets['share_answered']:.0%} answered"
        table.add_row(f"F1 if the {sets['level']:.0%} interval is on one side", format_number(sets["f1"]), "", answered)
    return table


def _stress_table(tests: Mapping[str, Any]) -> Table:
    labels = (f"{SHORT_SEVERITY_LABELS[name]} (original)" for name in _BASELINE_SCORES)
    table = new_table("stress test of severity", *labels, "recordings")
    for name, part in tests.items():
        pairs = ((part["scores"][score], part["unaltered_scores"][score]) for score in _BASELINE_SCORES)
        cells = (f"{format_number(score)} ({format_number(original)})" for score, original in pairs)
        table.add_row(name, *cells, str(part["n_recordings"]))
    return table


def _subgroup_table(column: str, groups: Mapping[str, Any]) -> Table:
    labels = (SHORT_SEVERITY_LABELS[name] for name in _BASELINE_SCORES)
    table = new_table(f"severity by {column}", "n (subjects)", *labels)
    for value, part in groups.items():
        table.add_row(value, f"{part['n_recordings']} ({part['n_subjects']})", *_format_cells(part["scores"]))
    return table


def abstention_table(part: Mapping[str, Any], positive: str | None) -> Table:
    """Show how many recordings are answered, and how good the answers are, by the least confidence or label sets."""
    scores = [name for name in ("f1", "macro_f1", "accuracy") if name in part["curve"][0]]
    if "f1" in scores:
        scores.remove("macro_f1")
    labels = (add_positive(SHORT_LABELS[name], positive) if name == "f1" else _LABELS[name] for name in scores)
    table = new_table("answered only if", "answered", *labels)
    for point in part["curve"]:
        label = f"probability at least {point['confidence']:g}" if point["confidence"] else "always"
        table.add_row(label, *_format_point(point, scores))
    sets = part["label_sets"]
    if sets:
        table.add_row(f"one class in the {sets['level']:.0%} label set", *_format_point(sets, scores))
        table.add_row("  coverage of the sets", f"{sets['coverage']:.0%}", *[""] * len(scores))
        for label, coverage in sets["coverage_by_class"].items():
            table.add_row(f"    of {label}", f"{coverage:.0%}", *[""] * len(scores))
    return table


_LABELS = {"accuracy": "Accuracy", "macro_f1": "Macro F1"}


def _format_point(point: Mapping[str, Any], scores: Iterable[str]) -> list[str]:
    return [f"{point['share_answered']:.0%}", *(format_number(point[name]) for name in scores)]


def results_table(scores: Mapping[str, Any]) -> RenderableType:
    """Show the scores of a results file: of the classes, the severities, or both."""
    severity = scores.get("severity")
    if severity is None:
        return score_table(dict(scores))
    table = _severity_score_table(severity)
    if "macro_f1" in scores:
        return Group(table, "", score_table(dict(scores)))
    warnings = [part for warning in scores["warnings"] for part in ("", warning_text(warning))]
    return add_synthetic_note(dict(scores), [table, *warnings])


def _severity_score_table(severity: Mapping[str, Any]) -> Table:
    table = new_table(f"score: {severity['column']}", format_count(severity["n"], "recording"))
    for name, label in {**SEVERITY_LABELS, "pearson": "Pearson", "spearman": "Spearman"}.items():
        if name in severity:
            table.add_row(label, format_number(finite_or_none(severity[name])))
    if severity["coverage"] is not None:
        table.add_row("Coverage of the intervals", format_number(severity["coverage"]))
        table.add_row("  mean width", format_number(severity["mean_width"]))
    return table
