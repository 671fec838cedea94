"""Tables for a terminal of 80 columns, made from the summaries of the commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.storage.location import RemotePath, parse_location
from pdmr_classic.text import format_count, format_list, mask_numbers

_SYNTHETIC = "These recordings are synthetic: scores on them say nothing about people."
_FILES_SHOWN = 3
_KINDS_SHOWN = 12
_ERROR_FILES_SHOWN = 20
_CLASSES_SHOWN = 7
# A longer part, such as a list of recordings, is in the note.
_MAX_FOUND = 120
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
# Findings that are repeated below the numbers that they put in doubt.
_MISLEADING = {
    *("below-floor", "nearly-all-positive", "share-differs", "mixed-subjects", "overlap"),
    *("other-tracker", "other-scale", "other-frame-rate", "other-channels", "mixed-trackers", "mixed-scales"),
}
_SCORES = (
    ("f1", "F1"),
    ("floor", "  baseline: always "),
    ("precision", "Precision"),
    ("recall", "Sensitivity (recall)"),
    ("specificity", "Specificity"),
    ("macro_f1", "Macro F1"),
    ("weighted_f1", "Weighted F1"),
    ("balanced_accuracy", "Balanced accuracy"),
    ("auc", "AUC"),
    ("brier", "Brier score"),
)


def check_tables(summary: dict[str, Any]) -> RenderableType:
    """Show the result of `check`: the content of each split, notes, and errors."""
    parts: list[RenderableType] = [_splits_table(summary["splits"])]
    if any({"n_frames", "scores"} & set(split) for split in summary["splits"].values()):
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
    parts += ["", Text(summary["conclusion"], style="bold" if summary["fit_can_use"] else "bold yellow")]
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
        **{f"  with {name}": str(view["recordings"]) for name, view in summary.get("views", {}).items()},
        "layout": summary["layout"],
    }
    if "subjects" in summary:
        rows["subjects"] = str(summary["subjects"])
    classes = list(summary.get("classes", {}).items())
    for label, count in classes[:_CLASSES_SHOWN]:
        rows[f"  labelled {label}"] = str(count)
    if len(classes) > _CLASSES_SHOWN:
        n_more = sum(count for _, count in classes[_CLASSES_SHOWN:])
        rows[f"  labelled with {len(classes) - _CLASSES_SHOWN} others"] = str(n_more)
    if scores := summary.get("scores"):
        rows["  with a score"] = str(scores["n"])
        rows[f"  {scores['column']}"] = f"{scores['median']:g} ({scores['min']:g} to {scores['max']:g})"
    if "classes" not in summary and not scores:
        rows["labels"] = "none"
    rows |= {f"covariate {name}": _describe_covariate(part) for name, part in summary.get("covariates", {}).items()}
    rows |= _column_rows(summary)
    for kind, count in summary.get("channels", {}).items():
        rows[f"channels: {_CHANNEL_KINDS.get(kind, kind)}"] = str(count)
    for name, label, digits in (
        ("n_frames", "frames", 0),
        ("duration_s", "duration (s)", 1),
        ("frame_rate_hz", "frame rate (Hz)", 1),
        ("coverage", "share of valid frames", 2),
    ):
        if name in summary:
            rows[label] = _format_spread(summary[name], digits)
    if "audio_widths" in summary:
        widths = {format_count(int(width), "value"): n for width, n in summary["audio_widths"].items()}
        rows["audio vector"] = _format_counts(widths, "{}")
    for name, view in summary.get("views", {}).items():
        rows[f"{name} ({view['kind']})"] = _describe_view(view)
    return rows


def _describe_covariate(part: dict[str, Any]) -> str:
    """Return the distribution of a covariate, and for how many recordings it is known."""
    known = f"{part['known']} of {part['n']} known"
    if part["kind"] == "number":
        return f"{part['median']:g} ({part['min']:g} to {part['max']:g}); {known}"
    return f"{format_list((f'{value} {count}' for value, count in part['values'].items()), 4)}; {known}"


def _describe_view(view: dict[str, Any]) -> str:
    columns = _format_counts({format_count(int(n), "column"): count for n, count in view["columns"].items()}, "{}")
    if "n_frames" not in view:
        return columns
    return f"{columns}; {_format_spread(view['n_frames'], 0)} rows at {_format_spread(view['frame_rate_hz'], 1)} Hz"


def _format_spread(spread: dict[str, float], digits: int) -> str:
    """Return the median with the range, if there is one."""
    low, median, high = (f"{spread[name]:.{digits}f}" for name in ("min", "median", "max"))
    return median if low == high else f"{median}  ({low} to {high})"


def _column_rows(summary: dict[str, Any]) -> dict[str, str]:
    """Return the tracker with the columns that betray it, and how many columns of the files are not read."""
    if "trackers" not in summary:
        return {}
    # The evidence names the tracker, too.
    names = {summary["evidence"][name] or name or "not recognised": n for name, n in summary["trackers"].items()}
    rows = {"tracker": _format_counts(names, "{}")}
    n_columns, n_unused = summary["columns"]["n_columns"], summary["columns"]["n_unused"]
    if n_unused:
        rows["columns not used"] = f"{n_unused} of {n_columns}"
    return rows


def _format_counts(counts: dict[str, int], form: str) -> str:
    """Return the only value, or each value with its number of files."""
    texts = [form.format(value) for value in counts]
    if len(texts) == 1:
        return texts[0]
    return format_list(f"{text} ({format_count(n, 'file')})" for text, n in zip(texts, counts.values(), strict=True))


def _findings_table(title: str, findings: Iterable[dict[str, Any]]) -> Table:
    """Return a table with one row per code: each kind of finding, the first files and the number of files."""
    by_code: dict[str, list[dict[str, Any]]] = {}
    for finding in findings:
        by_code.setdefault(finding["code"], []).append(finding)
    table = new_table(title, "files")
    for group in by_code.values():
        first = group[0]
        text = Text(_join_kinds(group))
        if len(group) == 1 and first.get("found"):
            text.append(f": {first['found']}", style="dim")
        files = list(dict.fromkeys(finding["file"] for finding in group if "file" in finding))
        if files:
            shown = format_list(dict.fromkeys(map(_short_path, files)), _FILES_SHOWN)
            text.append(f"\n{shown}", style="dim")
        if first.get("hint"):
            text.append(f"\nhint: {first['hint']}", style="dim")
        table.add_row(text, str(len(files) or ""))
    return table


def _join_kinds(group: Iterable[dict[str, Any]]) -> str:
    """Return the sentences that differ by more than a number, one a line, with what was found in all files alike."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for finding in group:
        by_kind.setdefault(mask_numbers(finding["what"]), []).append(finding)
    lines = [_describe_kind(findings) for findings in by_kind.values()]
    n_more = len(lines) - _KINDS_SHOWN
    return "\n".join([*lines[:_KINDS_SHOWN], *([f"and {n_more} more of this kind"] if n_more > 0 else [])])


def _describe_kind(findings: list[dict[str, Any]]) -> str:
    found = {finding.get("found", "") for finding in findings}
    is_alike = len(findings) > 1 and len(found) == 1 and found != {""}
    return f"{findings[0]['what']}: {found.pop()}" if is_alike else str(findings[0]["what"])


def _errors_table(title: str, errors: Iterable[dict[str, Any]]) -> Table:
    """Return a table with one row per error; files with the same error share one."""
    table = new_table(title, "file")
    by_error: dict[tuple[tuple[str, str], ...], list[dict[str, Any]]] = {}
    for finding in errors:
        key = tuple((name, str(value)) for name, value in finding.items() if name != "file")
        by_error.setdefault(key, []).append(finding)
    for group in by_error.values():
        finding = group[0]
        text = Text(finding["what"])
        where = ", ".join(f"{name} {finding[name]}" for name in ("row", "column") if name in finding)
        if where:
            text.append(f" ({where})")
        for name in ("expected", "found", "hint"):
            if name in finding:
                text.append(f"\n{name + ':':<10}{finding[name]}", style="dim")
        files = [_short_path(finding.get("file", "")) for finding in group]
        n_more = len(files) - _ERROR_FILES_SHOWN
        more = [f"and {n_more} more"] if n_more > 0 else []
        table.add_row(text, Text("\n".join([*files[:_ERROR_FILES_SHOWN], *more])))
    return table


def _short_path(file: str) -> str:
    """Return split, modality and name of a file, because the name alone may exist in each split and modality."""
    path = parse_location(file)
    is_whole = len(path.parts) <= 3 and (isinstance(path, RemotePath) or path.is_absolute())
    return file if is_whole else "/".join(path.parts[-3:]) or file


def families_table(families: Iterable[dict[str, Any]]) -> RenderableType:
    """Show every feature family, and the number of default and optional features."""
    table = new_table("family", "what it computes", "count")
    totals = {"default, video": 0, "default, audio": 0, "default, quality": 0, "optional": 0}
    for family in families:
        text = Text(family["summary"])
        for name in ("formula", "unit", "source"):
            # A family of the user's may leave one out.
            if fact := family.get(name):
                text.append(f"\n{name}: ", style="dim bold")
                text.append(fact, style="dim")
        table.add_row(family["family"] + ("" if family["by_default"] else "\n(optional)"), text, str(family["count"]))
        table.add_section()
        totals[f"default, {family['view']}" if family["by_default"] else "optional"] += family["count"]
    for label, total in totals.items():
        table.add_row("", f"total: {label} (complete OpenFace stream, audio vector of 768)", str(total))
    return table


def score_table(scores: dict[str, Any], title: str = "score") -> RenderableType:
    """Show scores, below F1 that of the baseline which always predicts the positive class, and warnings."""
    table = new_table(title, format_count(scores["n"], "recording"))
    positive = scores.get("positive")
    suffixes = {"f1": f" of {positive}", "floor": str(positive)} if positive else {}
    for name, label in _SCORES:
        if name in scores:
            table.add_row(label + suffixes.get(name, ""), f"{scores[name]:.3f}")
    parts: list[RenderableType] = [table]
    if "confusion" in scores:
        parts += ["", confusion_table(scores["confusion"])]
    if scores.get("decision"):
        parts += ["", *map(Text, describe_decision(scores["decision"], positive))]
    return add_synthetic_note(scores, parts + warning_texts(scores))


def confusion_table(confusion: Mapping[str, Any]) -> Table:
    """Show how many recordings of each class are predicted as which; of several repeats, the mean."""
    n_repeats, counts = confusion["n_repeats"], confusion["counts"]
    title = "confusion matrix" if n_repeats == 1 else f"confusion matrix, mean of {n_repeats} repeats"
    table = new_table(title, *(f"predicted {label}" for label in confusion["classes"]))
    digits = 0 if all(float(count).is_integer() for row in counts for count in row) else 1
    for label, row in zip(confusion["classes"], counts, strict=True):
        table.add_row(str(label), *(f"{count:.{digits}f}" for count in row))
    return table


def describe_decision(decision: dict[str, Any], positive: str | None) -> Iterable[str]:
    """Return lines that say how predicted classes were decided."""
    if decision.get("threshold") is not None:
        yield f"Threshold for {positive}: {decision['threshold']:.3f}"
    if decision.get("n_subjects"):
        yield f"Pooled over {format_count(decision['n_subjects'], 'subject')}"
    if decision.get("prevalence"):
        shares = ", ".join(f"{share:.1%} {label}" for label, share in decision["prevalence"].items())
        yield f"Corrected to a prevalence of {shares}"
    for label, (low, high) in decision.get("prevalence_interval", {}).items():
        if positive in (None, label):
            share = decision["prevalence"][label]
            yield f"Estimated prevalence of {label}: {share:.0%} (95% interval {100 * low:.0f} to {high:.0%})"


def warning_texts(summary: dict[str, Any]) -> list[RenderableType]:
    """Return the warnings of a summary, and the findings that make its scores misleading."""
    findings = [finding for finding in summary.get("findings", ()) if finding["code"] in _MISLEADING]
    warnings = [*summary.get("warnings", ()), *findings]
    return [part for warning in warnings for part in ("", warning_text(warning))]


def warning_text(warning: dict[str, Any]) -> Text:
    """Return a warning in the style of all tables."""
    text = Text(f"! {warning['what']}", style="yellow")
    if len(warning.get("found", "")) in range(1, _MAX_FOUND):
        text.append(f" ({warning['found']})")
    return text


def prediction_table(summary: dict[str, Any]) -> RenderableType:
    """Show the number and the share of recordings per predicted class, beside the share in training, and the scores."""
    tables: list[RenderableType] = [_class_shares_table(summary)] if summary["predicted"] else []
    if "severity" in summary:
        tables += ["", _severity_table(summary["severity"])] if tables else [_severity_table(summary["severity"])]
    remarks = [*describe_decision(summary, summary.get("positive")), *_describe_left_out(summary)]
    written = " and ".join(summary[name] for name in ("out", "notes") if name in summary)
    parts: list[RenderableType] = [*tables, "", *map(Text, remarks), Text(f"Written: {written}")]
    parts += warning_texts(summary)
    return add_synthetic_note(summary, parts)


def _class_shares_table(summary: dict[str, Any]) -> Table:
    training = summary.get("training_shares", {})
    table = new_table("predicted class", "recordings", "share", *(["share in training"] if training else []))
    n_recordings = sum(summary["predicted"].values())
    for label in dict.fromkeys([*summary["predicted"], *training]):
        n = summary["predicted"].get(label, 0)
        shares = [n / max(n_recordings, 1), *([training.get(label, 0.0)] if training else [])]
        table.add_row(label, str(n), *(f"{share:.0%}" for share in shares))
    return table


def _severity_table(severity: dict[str, Any]) -> Table:
    table = new_table("predicted score", "")
    table.add_row("mean (minimum to maximum)", "{mean:.1f}  ({min:.1f} to {max:.1f})".format(**severity))
    table.add_row(f"mean width of the {severity['level']:.0%} intervals", f"{severity['mean_width']:.1f}")
    for name, count in severity.get("classes", {}).items():
        table.add_row(f"  {name}", str(count))
    return table


def _describe_left_out(summary: dict[str, Any]) -> Iterable[str]:
    if summary.get("skipped"):
        yield f"Skipped, without a usable file: {summary['skipped']}"
    if summary.get("ids_without_recording"):
        yield f"Skipped, without a recording: {summary['ids_without_recording']}"


def extraction_table(summary: dict[str, Any]) -> RenderableType:
    """Show the number of extracted features per view."""
    table = new_table("view", "features")
    for view, count in summary["features"].items():
        table.add_row(view, str(count))
    note = f"{format_count(summary['recordings'], 'recording')}; {summary['nan_share']:.1%} of the values are NaN."
    parts: list[RenderableType] = [table, "", note]
    if "labels" in summary:
        names = format_list(summary["labels"])
        parts += [Text(f"Label columns, which are not features: {names}. Drop label__* before learning.")]
    return add_synthetic_note(summary, [*parts, Text(f"Written: {summary['out']}")])


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
