"""Text table of `fit`: the training data, the model, and its out-of-fold scores."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.io.labels.scales import describe_range
from pdmr_classic.reporting.tables import add_synthetic_note, new_table, score_table, warning_texts

_NOTE = (
    "These scores are optimistic: the model was tuned on the same people. Use evaluate to estimate performance on new "
    "people."
)


def fit_table(summary: dict[str, Any]) -> RenderableType:
    """Show the training data, the model and its out-of-fold scores, of classes, of a score, or of both."""
    parts: list[RenderableType] = []
    if "views" in summary:
        scores = {"positive": summary["positive"], **summary["inner_scores"]}
        parts += [_class_table(summary), "", score_table(scores, title="out-of-fold scores"), ""]
    if "severity" in summary:
        parts += [_severity_table(summary["severity"], summary["n_features"]), ""]
    parts += [_NOTE, *warning_texts(summary), ""]
    parts += [Text(f"Written: {summary[name]}") for name in ("out", "report") if name in summary]
    return add_synthetic_note(summary, parts)


def trial_table(summary: dict[str, Any]) -> RenderableType:
    """Show the trials that one of several tuning processes has added."""
    table = new_table("base learner", "trials added")
    for name, count in summary["trials"].items():
        table.add_row(name, str(count))
    if not summary["trials"]:
        table.add_row("all", "0 (enough are finished or running)")
    stored = Text(f"Stored: studies {summary['studies']} in {summary['database']}")
    return Group(table, "", stored, Text("No model was trained."))


def _class_table(summary: dict[str, Any]) -> Table:
    table = new_table("model", "")
    table.add_row("recordings", str(summary["n_recordings"]))
    for label, count in summary["classes"].items():
        table.add_row(f"  {label}", str(count))
    table.add_row("subjects", str(summary["n_subjects"]))
    table.add_row("features", str(summary["n_features"]))
    table.add_row("recordings per view", ", ".join(f"{name} ({count})" for name, count in summary["views"].items()))
    table.add_row("learners", _list_learners(summary))
    combiners = summary["combiners"]
    table.add_row("combination", combiners[max(combiners, key=lambda modalities: modalities.count("+"))]["summary"])
    _add_experts(table, summary)
    _add_joined_views(table, summary)
    if "severity_columns" in summary:
        table.add_row("scores used for the class", ", ".join(summary["severity_columns"]) or "none")
    if summary["threshold"] is not None:
        origin = f"chosen for {summary['metric']}" if summary["metric"] else "set by hand"
        table.add_row(f"threshold for {summary['positive']}", f"{summary['threshold']:.3f} ({origin})")
    return table


def _add_joined_views(table: Table, summary: dict[str, Any]) -> None:
    if "joined_views" in summary:
        table.add_row("joined views", ", ".join(summary["joined_views"]) or "none")
    if "view_gate" in summary:
        table.add_row("modalities weighed by quality", "yes" if summary["view_gate"]["kept"] else "no: does not help")


def _severity_table(severity: dict[str, Any], n_features: int) -> Table:
    scale, scores = severity["scale"], severity["inner_scores"]
    table = new_table(f"score ({severity['column']})", "")
    table.add_row("recordings", str(severity["n_recordings"]))
    table.add_row("subjects", str(severity["n_subjects"]))
    table.add_row("features", str(n_features))
    table.add_row("scale", describe_range(scale["name"], scale["low"], scale["high"]))
    if scale["class_names"]:
        table.add_row("classes", _list_classes(scale))
    table.add_row("learners", _list_learners(severity))
    _add_experts(table, severity)
    table.add_row("Mean absolute error, out of fold", f"{scores['mae']:.3f}")
    table.add_row("  baseline: training mean", f"{scores['mae_of_mean']:.3f}")
    table.add_row("Concordance (CCC), out of fold", f"{scores['ccc']:.3f}")
    return table


def _list_learners(part: dict[str, Any]) -> str:
    return ", ".join(dict.fromkeys(member["learner"] for member in part["base_learners"]))


def _list_classes(scale: dict[str, Any]) -> str:
    first, *others = scale["class_names"]
    return ", ".join([first, *(f"{name} from {low:g}" for name, low in zip(others, scale["cutoffs"], strict=True))])


def _add_experts(table: Table, part: dict[str, Any]) -> None:
    if "experts" in part:
        weights = [f"{name} (weight {expert['weight']:.0%})" for name, expert in part["experts"].items()]
        table.add_row("experts", ", ".join(weights) or "none")
