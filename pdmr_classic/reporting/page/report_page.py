"""The report as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pdmr_classic.reporting.page import _plots, _rows, _sentences
from pdmr_classic.reporting.page.render import render_page


class _Part(NamedTuple):
    """A section of the page: its id and template, its title, and the keys of which the report must have one."""

    id: str
    title: str
    keys: tuple[str, ...]


_PARTS = (
    _Part("warnings", "Read this first", ("warnings",)),
    _Part("participants", "Participants", ("flow",)),
    _Part("scores", "Scores and baselines", ("headline", "scores")),
    _Part("inner", "Scores on the training data", ("inner_scores",)),
    _Part("confusion", "Confusion matrix", ("confusion",)),
    _Part("curves", "ROC and precision-recall", ("roc", "precision_recall")),
    _Part("calibration", "Calibration", ("calibration",)),
    _Part("threshold", "Threshold and net benefit", ("threshold", "net_benefit")),
    _Part("folds", "Stability over folds", ("folds", "optimism")),
    _Part("subgroups", "Subgroups", ("subgroups",)),
    _Part("stress", "Stress tests", ("stress",)),
    _Part("members", "Weights of the base learners", ("members",)),
    _Part("importance", "What the model uses", ("importance",)),
    _Part("confounds", "Recording conditions", ("confounds",)),
    _Part("covariates", "Added value and events", ("added_value", "events")),
    _Part("severity", "Severity", ("severity",)),
    _Part("validation", "Validation on other people", ("validation",)),
    _Part("results", "Results scored with labels", ("results",)),
    _Part("comparison", "Comparison", ("comparison",)),
    _Part("audit", "Privacy", ("audit",)),
    _Part("recordings", "Recordings", ("ids",)),
    _Part("missing", "What is not shown", ("missing",)),
    _Part("repeat", "How to repeat it", ("how", "sources")),
)
_PLOTS = {
    "roc": _plots.plot_roc,
    "precision_recall": _plots.plot_precision_recall,
    "calibration": _plots.plot_calibration,
    "threshold": _plots.plot_threshold,
    "net_benefit": _plots.plot_net_benefit,
}
_N_KEYS = 2


def render_report(report: Mapping[str, Any]) -> str:
    """Return a report as one self-contained page.

    Parameters
    ----------
    report : dict
        As returned by `build_report`. Absent sections are not shown.

    Returns
    -------
    str
        HTML without scripts, which loads nothing. The same report gives the same bytes.

    Raises
    ------
    ConfigError
        Jinja2 or matplotlib is not installed.
    """
    parts = [part for part in _PARTS if any(report.get(key) for key in part.keys)]
    labels = _collect_labels(report)
    content = {
        "title": report["title"],
        "lead": report.get("summary") or [],
        "synthetic": report.get("synthetic", False),
        "toc": parts,
        "report": {"positive": None, **report},
        "keys": _list_keys(report),
        "labels": labels,
        "plots": {name: plot(report[name]) for name, plot in _PLOTS.items() if report.get(name)} | _plot_others(report),
        "rows": _rows,
        "describe": _sentences,
        "label": lambda name: labels.get(name, name),
    }
    return render_page("report.html.j2", content)


def _plot_others(report: Mapping[str, Any]) -> dict[str, Any]:
    plots = {}
    severity, validation = report.get("severity") or {}, report.get("validation") or {}
    if severity.get("points"):
        plots = {"severity": _plots.plot_severity(severity), "residuals": _plots.plot_residuals(severity)}
    if validation.get("decision_curve"):
        plots["validation"] = _plots.plot_net_benefit(validation["decision_curve"], "validation")
    return plots


def _list_keys(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the scores that stand at the top of the page."""
    scores, names = report.get("scores") or {}, (report.get("headline") or {}).get("names") or []
    keys = [scores[name] for name in names if name in scores]
    severity = report.get("severity") or {}
    chosen = (severity.get("headline") or {}).get("names") or []
    others = [severity["scores"][name] for name in chosen if name in (severity.get("scores") or {})]
    return [*keys[:_N_KEYS], *others[:_N_KEYS]]


def _collect_labels(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of all scores of which the report has one."""
    parts = [(report.get("severity") or {}).get("scores"), report.get("inner_scores"), report.get("scores")]
    scores = [item for part in parts for item in (part or {}).items()]
    return {name: score["label"] for name, score in scores if isinstance(score, Mapping) and "label" in score}
