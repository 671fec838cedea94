"""Tables for a terminal of 80 columns, made from the summaries of the commands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.text import format_count, format_list

_SYNTHETIC = "These recordings are synthetic: scores on them say nothing about people."
_FILES_SHOWN = 3
_CHANNEL_KINDS = {
    "pose": "head pose",
    "gaze": "gaze angles",
    "gaze_vector": "gaze vectors",
    "au_intensity": "AU intensity",
    "au_presence": "AU presence",
    "landmark": "2-D landmarks",
    "geometry": "other geometry",
    "other": "other",
}
_SCORES = (
    ("f1", "F1"),
    ("floor", "  baseline: always "),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("macro_f1", "Macro F1"),
    ("weighted_f1", "Weighted F1"),
    ("balanced_accuracy", "Balanced accuracy"),
    ("auc", "AUC"),
    ("brier", "Brier score"),
)


def check_tables(summary: dict[str, Any]) -> RenderableType:
    """Show the result of `check`: the content of each split, notes, and errors."""
    parts: list[RenderableType] = [_splits_table(summary["splits"])]
    if any("n_frames" in split for split in summary["splits"].values()):
        parts += ["", "Numbers with a range: median (minimum to maximum)."]
    if summary["findings"]:
        parts += ["", _findings_table("notes (these files are used)", summary["findings"])]
    parts += (
        ["", _errors_table("errors (no command can use these)", summary["errors"])]
        if summary["errors"]
        else ["", "Every file can be read."]
    )
    if summary["fit_errors"]:
        parts += ["", _errors_table("errors for fit", summary["fit_errors"])]
    return add_synthetic_note(summary, parts)


def _splits_table(splits: dict[str, dict[str, Any]]) -> Table:
    table = new_table("", *splits)
    columns = [_split_rows(summary) for summary in splits.values()]
    for label in dict.fromkeys(label for rows in columns for label in rows):
        table.add_row(label, *(rows.get(label, "") for rows in columns))
    return table


def _split_rows(summary: dict[str, Any]) -> dict[str, str]:
    rows = {
        "recordings": str(summary["recordings"]),
        "  with video": str(summary["with_video"]),
        "  with audio": str(summary["with_audio"]),
    }
    if "subjects" in summary:
        rows["subjects"] = str(summary["subjects"])
    for label, count in summary.get("classes", {}).items():
        rows[f"  labelled {label}"] = str(count)
    if "classes" not in summary:
        rows["labels"] = "none"
    for kind, count in summary.get("channels", {}).items():
        rows[f"channels: {_CHANNEL_KINDS.get(kind, kind)}"] = str(count)
    for name, label, digits in (
        ("n_frames", "frames", 0),
        ("duration_s", "duration (s)", 1),
        ("frame_rate_hz", "frame rate (Hz)", 1),
        ("coverage", "share of valid frames", 2),
    ):
        if name in summary:
            spread = summary[name]
            rows[label] = f"{spread['median']:.{digits}f}  ({spread['min']:.{digits}f} to {spread['max']:.{digits}f})"
    if "audio_width" in summary:
        rows["audio vector"] = f"{summary['audio_width']} values"
    return rows


def _findings_table(title: str, findings: Iterable[dict[str, Any]]) -> Table:
    """Return a table with one row per code: the finding, the first files and the number of files."""
    by_code: dict[str, list[dict[str, Any]]] = {}
    for finding in findings:
        by_code.setdefault(finding["code"], []).append(finding)
    table = new_table(title, "files")
    for group in by_code.values():
        first = group[0]
        text = Text(first["what"])
        if len(group) == 1 and first.get("found"):
            text.append(f": {first['found']}", style="dim")
        files = [_short_path(finding["file"]) for finding in group if "file" in finding]
        if files:
            shown = format_list(dict.fromkeys(files), _FILES_SHOWN)
            text.append(f"\n{shown}", style="dim")
        if first.get("hint"):
            text.append(f"\nhint: {first['hint']}", style="dim")
        table.add_row(text, str(len(files) or ""))
    return table


def _errors_table(title: str, errors: Iterable[dict[str, Any]]) -> Table:
    table = new_table(title, "file")
    for finding in errors:
        text = Text(finding["what"])
        where = ", ".join(f"{name} {finding[name]}" for name in ("row", "column") if name in finding)
        if where:
            text.append(f" ({where})")
        for name in ("expected", "found", "hint"):
            if name in finding:
                text.append(f"\n{name + ':':<10}{finding[name]}", style="dim")
        table.add_row(text, Text(_short_path(finding.get("file", ""))))
    return table


def _short_path(file: str) -> str:
    """Return split, modality and name of a file, because the name alone may exist in each split and modality."""
    return "/".join(Path(file).parts[-3:])


def families_table(families: Iterable[dict[str, Any]]) -> RenderableType:
    """Show every feature family, and the number of default and optional features."""
    table = new_table("family", "what it computes", "count")
    totals = {"default, video": 0, "default, audio": 0, "default, quality": 0, "optional": 0}
    for family in families:
        text = Text(family["summary"])
        for name in ("formula", "unit", "source"):
            text.append(f"\n{name}: ", style="dim bold")
            text.append(family.get(name, ""), style="dim")
        table.add_row(family["family"] + ("" if family["by_default"] else "\n(optional)"), text, str(family["count"]))
        table.add_section()
        totals[f"default, {family['view']}" if family["by_default"] else "optional"] += family["count"]
    for label, total in totals.items():
        table.add_row("", f"total: {label} (complete OpenFace stream, audio vector of 768)", str(total))
    return table


def fit_table(summary: dict[str, Any]) -> RenderableType:
    """Show the training data, the model and its out-of-fold scores."""
    table = new_table("model", "")
    table.add_row("recordings", str(summary["n_recordings"]))
    for label, count in summary["classes"].items():
        table.add_row(f"  {label}", str(count))
    table.add_row("subjects", str(summary["n_subjects"]))
    table.add_row("features", str(summary["n_features"]))
    table.add_row("recordings per view", ", ".join(f"{name} ({count})" for name, count in summary["views"].items()))
    table.add_row("learners", ", ".join(dict.fromkeys(member["learner"] for member in summary["base_learners"])))
    if summary["threshold"] is not None:
        origin = f"chosen for {summary['metric']}" if summary["metric"] else "set by hand"
        table.add_row(f"threshold for {summary['positive']}", f"{summary['threshold']:.3f} ({origin})")
    scores = score_table({"positive": summary["positive"], **summary["inner_scores"]}, title="out-of-fold scores")
    note = (
        "The same folds chose the hyperparameters and the threshold, so these scores are optimistic. Use evaluate to "
        "estimate performance on new people."
    )
    return add_synthetic_note(summary, [table, "", scores, "", note, "", Text(f"Written: {summary['out']}")])


def score_table(scores: dict[str, Any], title: str = "score") -> RenderableType:
    """Show scores, and below F1 that of the baseline which always predicts the positive class."""
    table = new_table(title, format_count(scores["n"], "recording"))
    positive = scores.get("positive")
    suffixes = {"f1": f" of {positive}", "floor": str(positive)} if positive else {}
    for name, label in _SCORES:
        if name in scores:
            table.add_row(label + suffixes.get(name, ""), f"{scores[name]:.3f}")
    return add_synthetic_note(scores, [table])


def prediction_table(summary: dict[str, Any]) -> RenderableType:
    """Show the number of recordings per predicted class."""
    table = new_table("predicted class", "recordings")
    for label, count in summary["predicted"].items():
        table.add_row(label, str(count))
    skipped = [f"Skipped, without a usable file: {summary['skipped']}"] if summary.get("skipped") else []
    written = " and ".join(summary[name] for name in ("out", "notes") if name in summary)
    return add_synthetic_note(summary, [table, "", *skipped, f"Written: {written}"])


def extraction_table(summary: dict[str, Any]) -> RenderableType:
    """Show the number of extracted features per view."""
    table = new_table("view", "features")
    for view, count in summary["features"].items():
        table.add_row(view, str(count))
    note = f"{format_count(summary['recordings'], 'recording')}; {summary['nan_share']:.1%} of the values are NaN."
    return add_synthetic_note(summary, [table, "", note, f"Written: {summary['out']}"])


def add_synthetic_note(summary: dict[str, Any], parts: list[RenderableType]) -> RenderableType:
    """Stack parts, followed by a note if the recordings are synthetic."""
    if summary.get("synthetic"):
        parts = [*parts, "", Text(_SYNTHETIC, style="yellow")]
    return Group(*parts)


def new_table(*columns: str) -> Table:
    """Return an empty table with these columns, in the style of all tables."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
