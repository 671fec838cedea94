"""Summaries as tables for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.text import format_count

_SYNTHETIC = "These recordings are synthetic: scores on them say nothing about people."
_FILES_SHOWN = 3
_KINDS = {
    "pose": "pose",
    "gaze": "gaze",
    "au_intensity": "AU intensity",
    "au_presence": "AU presence",
    "landmark": "2-D landmarks",
    "other": "other",
}
_SCORES = (
    ("f1", "F1"),
    ("floor", "  F1 if all were called positive"),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("macro_f1", "Macro F1"),
    ("weighted_f1", "Weighted F1"),
    ("balanced_accuracy", "Balanced accuracy"),
    ("auc", "AUC"),
    ("brier", "Brier score"),
)


def check_tables(summary: dict[str, Any]) -> RenderableType:
    """Show what `check` found: what is there, what was noticed, and what is refused."""
    parts: list[RenderableType] = [_splits_table(summary["splits"])]
    if summary["findings"]:
        parts += ["", _findings_table("Noticed, and read all the same", summary["findings"])]
    parts += (
        ["", _refused_table("Refused", summary["refused"])] if summary["refused"] else ["", "Every file can be read."]
    )
    if summary["refused_by_fit"]:
        parts += ["", _refused_table("fit would refuse this", summary["refused_by_fit"])]
    return mark_synthetic(summary, parts)


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
        rows[f"channels: {_KINDS.get(kind, kind)}"] = str(count)
    for name, label, digits in (
        ("n_frames", "frames", 0),
        ("duration_s", "duration, s", 1),
        ("frame_rate_hz", "frame rate, Hz", 1),
        ("coverage", "valid frames, share", 2),
    ):
        if name in summary:
            spread = summary[name]
            rows[label] = f"{spread['median']:.{digits}f}  ({spread['min']:.{digits}f} to {spread['max']:.{digits}f})"
    if "audio_width" in summary:
        rows["audio vector"] = f"{summary['audio_width']} values"
    return rows


def _findings_table(title: str, findings: Iterable[dict[str, Any]]) -> Table:
    """One row a code: how many files it concerns, and the first of them."""
    by_code: dict[str, list[dict[str, Any]]] = {}
    for finding in findings:
        by_code.setdefault(finding["code"], []).append(finding)
    table = new_table(title, "files")
    for same in by_code.values():
        first = same[0]
        text = Text(first["what"])
        if len(same) == 1 and first.get("found"):
            text.append(f": {first['found']}", style="dim")
        files = [_place(finding["file"]) for finding in same if "file" in finding]
        if files:
            shown = ", ".join(dict.fromkeys(files[:_FILES_SHOWN])) + (" …" if len(files) > _FILES_SHOWN else "")
            text.append(f"\n{shown}", style="dim")
        if first.get("hint"):
            text.append(f"\n{first['hint']}", style="dim")
        table.add_row(text, str(len(files) or ""))
    return table


def _refused_table(title: str, refused: Iterable[dict[str, Any]]) -> Table:
    table = new_table(title, "file")
    for finding in refused:
        text = Text(finding["what"])
        where = ", ".join(f"{name} {finding[name]}" for name in ("row", "column") if name in finding)
        if where:
            text.append(f" ({where})")
        for name in ("expected", "found", "hint"):
            if name in finding:
                text.append(f"\n{name + ':':<10}{finding[name]}", style="dim")
        table.add_row(text, Text(_place(finding.get("file", ""))))
    return table


def _place(file: str) -> str:
    """Return the end of a path: ids are the same in train and test, and in video and audio."""
    return "/".join(Path(file).parts[-3:])


def families_table(families: Iterable[dict[str, Any]]) -> RenderableType:
    """Show every feature family, and how many features there are by default and if asked for."""
    table = new_table("family", "what it computes", "count")
    totals = {"by default, video": 0, "by default, audio": 0, "by default, quality": 0, "if asked for": 0}
    for family in families:
        text = Text(family["what"])
        for name in ("formula", "unit", "source"):
            text.append(f"\n{name}: ", style="dim bold")
            text.append(family.get(name, ""), style="dim")
        table.add_row(
            family["family"] + ("" if family["by_default"] else "\n(if asked for)"), text, str(family["count"])
        )
        table.add_section()
        totals[f"by default, {family['view']}" if family["by_default"] else "if asked for"] += family["count"]
    for label, total in totals.items():
        table.add_row("", f"{label}, on a complete stream and an audio vector of 768", str(total))
    return table


def fit_table(summary: dict[str, Any]) -> RenderableType:
    """Show what was trained, and how well it does on its own folds."""
    table = new_table("trained on", "")
    table.add_row("recordings, subjects", f"{summary['n_recordings']}, {summary['n_subjects']}")
    for label, count in summary["classes"].items():
        table.add_row(f"  {label}", str(count))
    table.add_row("features", str(summary["n_features"]))
    table.add_row("views", ", ".join(f"{name} ({count})" for name, count in summary["views"].items()))
    table.add_row("learners", ", ".join(dict.fromkeys(member["learner"] for member in summary["members"])))
    if summary["threshold"] is not None:
        table.add_row(f"threshold for {summary['positive']}", f"{summary['threshold']:.3f}")
        table.add_row("chosen for", summary["metric"] or "nothing: it was given")
    note = f"The folds chose parameters and threshold, so this flatters. Model: {summary['out']}"
    scores = score_table({"positive": summary["positive"], **summary["inner_scores"]}, title="on its own grouped folds")
    return mark_synthetic(summary, [table, "", scores, "", note])


def score_table(scores: dict[str, Any], title: str = "score") -> RenderableType:
    """Show scores, F1 beside its floor."""
    about = f" of {scores['positive']}" if scores.get("positive") else ""
    table = new_table(title, format_count(scores["n"], "recording"))
    for name, label in _SCORES:
        if name in scores:
            table.add_row(label + (about if name == "f1" else ""), f"{scores[name]:.3f}")
    return mark_synthetic(scores, [table])


def prediction_table(summary: dict[str, Any]) -> RenderableType:
    """Show how many recordings were predicted to be what."""
    table = new_table("predicted", "recordings")
    for label, count in summary["predicted"].items():
        table.add_row(label, str(count))
    left_out = [f"Left out, with nothing to predict from: {summary['skipped']}"] if summary.get("skipped") else []
    written = " and ".join(summary[name] for name in ("out", "notes") if name in summary)
    return mark_synthetic(summary, [table, "", *left_out, f"Written: {written}"])


def extraction_table(summary: dict[str, Any]) -> RenderableType:
    """Show how many features were extracted."""
    table = new_table("view", "features")
    for view, count in summary["features"].items():
        table.add_row(view, str(count))
    note = (
        f"{format_count(summary['recordings'], 'recording')}, {summary['nan_share']:.1%} of the values unknown (NaN)."
    )
    return mark_synthetic(summary, [table, "", note, f"Written: {summary['out']}"])


def mark_synthetic(summary: dict[str, Any], parts: list[RenderableType]) -> RenderableType:
    """Put parts below each other, and the mark of synthetic recordings below them where they are."""
    if summary.get("synthetic"):
        parts = [*parts, "", Text(_SYNTHETIC, style="yellow")]
    return Group(*parts)


def new_table(first: str, *others: str) -> Table:
    """Begin a table with these columns, in the style of all of them."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="left", overflow="fold")
    return table
