"""Evaluations and comparisons as tables for a terminal of 80 columns, all of them from the one JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.evaluation.system_scores import main_score
from pdmr_classic.reporting.tables import mark_synthetic, new_table

_LABELS = {
    "f1": "F1",
    "precision": "Precision",
    "recall": "Recall",
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "balanced_accuracy": "Balanced accuracy",
    "auc": "AUC, mean of folds",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
}
_SHORT = {**_LABELS, "auc": "AUC", "brier": "Brier"}
_NAMES = {"model": "the model", "shortcut": "shortcut: how it was recorded"}
_UNKNOWN = "-"
_SPEAKING = 6


def evaluation_tables(found: Mapping[str, Any]) -> RenderableType:
    """Show an evaluation: scores, what they must beat, stress, subgroups, and what to be warned of."""
    parts: list[RenderableType] = [_heading(found), "", _scores(found), "", _beside(found)]
    if found["stress"]:
        parts += ["", _stress(found)]
    if any(found["importance"].values()):
        parts += ["", _importance(found["importance"])]
    for column, part in found["by"].items():
        parts += ["", _subgroups(column, part)]
    parts += ["", *_sentences(found)]
    for warning in found["warnings"]:
        parts += ["", _warning(warning)]
    if found.get("out"):
        parts += ["", Text(f"Written: {found['out']}")]
    return mark_synthetic(dict(found), parts)


def comparison_table(found: Mapping[str, Any]) -> RenderableType:
    """Show the differences between two evaluations."""
    table = new_table("score", "A", "B", "B less A", "95% interval")
    for name, part in found["differences"].items():
        label = _of_positive(_SHORT[name], found["positive"]) if name == "f1" else _SHORT[name]
        interval = _range(part, "+z.3f")
        table.add_row(label, _number(part["a"]), _number(part["b"]), _number(part["difference"], "+z.3f"), interval)
    files = [Text(f"{letter}: {file}") for letter, file in zip("AB", found.get("files", ()), strict=False)]
    counts = f"{found['n_recordings']} recordings of {found['n_subjects']} subjects, the same folds in both."
    told = "An interval that holds 0 tells no difference. A lower Brier score is better."
    parts: list[RenderableType] = [*files, "", table, "", Text(f"{counts} {told}"), "", Text(found["note"])]
    return mark_synthetic(dict(found), parts)


def _heading(found: Mapping[str, Any]) -> Text:
    outer = found["outer"]
    counts = f"{found['n_recordings']} recordings of {found['n_subjects']} subjects"
    folds = f"{outer['folds']} outer folds x {outer['repeats']} ({outer['from']})"
    least, most = min(sizes := [one["n_test"] for one in outer["sizes"]]), max(sizes)
    return Text(f"{counts}; {folds}, {least}{f' to {most}' if most > least else ''} held out in each.")


def _scores(found: Mapping[str, Any]) -> Table:
    table = new_table("on people that no model had seen", "mean", "sd of repeats", "95% interval")
    for name, part in found["scores"].items():
        label = _of_positive(_LABELS[name], found["positive"]) if name == "f1" else _LABELS[name]
        if name == "auc" and found["positive"] is None:
            label += ", class by class"
        table.add_row(label, _number(part["mean"]), _number(part["sd"]), _range(part) or _UNKNOWN)
    return table


def _beside(found: Mapping[str, Any]) -> Table:
    scores = _shown(found["scores"])
    table = new_table("beside it", *(_SHORT[name] for name in scores))
    table.add_row("the model", *(_with_interval(found["scores"][name]) for name in scores))
    for name, part in found["baselines"].items():
        if name == "floor":
            label = f"{part['answer']} whatever comes"
            table.add_row(label, *(_number(part.get(score)) for score in scores))
        else:
            label = _NAMES.get(name, name.replace("_", " "))
            table.add_row(label, *(_with_interval(part["scores"][score]) for score in scores))
    return table


def _stress(found: Mapping[str, Any]) -> Table:
    scores = _shown(found["scores"])
    table = new_table("under stress", *(f"{_SHORT[name]} (as is)" for name in scores), "recordings")
    for name, part in found["stress"].items():
        cells = (f"{_number(part['scores'][score])} ({_number(part['as_is'][score])})" for score in scores)
        table.add_row(name, *cells, str(part["n_recordings"]))
    return table


def _importance(found: Mapping[str, Any]) -> Table:
    table = new_table("which features speak", "log loss rises by, when they are shuffled")
    for kind in ("by_modality", "by_family"):
        for name, rise in list(found[kind].items())[:_SPEAKING]:
            table.add_row(f"{'all of ' if kind == 'by_modality' else '  '}{name}", f"{rise:.3f}")
    return table


def _subgroups(column: str, part: Mapping[str, Any]) -> Table:
    scores = _shown(next(iter(part["groups"].values()))["scores"])
    table = new_table(f"by {column}", "n (subjects)", *(_SHORT[name] for name in scores))
    for value, group in part["groups"].items():
        n = f"{group['n_recordings']} ({group['n_subjects']})"
        table.add_row(value, n, *(_with_interval(group["scores"][name]) for name in scores))
    gaps = [part["gaps"].get(name) for name in scores]
    if any(gaps):
        table.add_row("largest gap", "", *(_number(gap["gap"]) if gap else _UNKNOWN for gap in gaps))
    return table


def _sentences(found: Mapping[str, Any]) -> Iterable[RenderableType]:
    main = main_score(found["positive"])
    if main in found["optimism"]:
        part = found["optimism"][main]
        inner, gap, how = part["inner"], abs(part["gap"]), "more" if part["gap"] >= 0 else "less"
        yield Text(f"On their own inner folds the models had {_SHORT[main]} {inner:.3f}: {gap:.3f} {how} than here.")
    p = ", ".join(f"{_SHORT[name]} {value:.3f}" for name, value in found["permutation_p_fixed_predictions"].items())
    test = found["permutation"]
    yield Text(f"Permutation p on the fixed predictions, {test['n']} times between {test['between']}: {p}.")
    yield Text(found["note"])


def _warning(warning: Mapping[str, Any]) -> Text:
    text = Text(f"! {warning['what']}", style="yellow")
    if warning.get("found"):
        text.append(f" ({warning['found']})")
    return text


def _shown(scores: Mapping[str, Any]) -> list[str]:
    return ["f1" if "f1" in scores else "macro_f1", "auc"]


def _of_positive(label: str, positive: str | None) -> str:
    return label if positive is None else f"{label} of {positive}"


def _with_interval(part: Mapping[str, Any]) -> str:
    interval = _range(part, ".2f")
    return f"{_number(part['mean'])} ({interval})" if interval else _number(part["mean"])


def _range(part: Mapping[str, Any], form: str = ".3f") -> str:
    if part.get("low") is None:
        return ""
    return f"{part['low']:{form}} to {part['high']:{form}}"


def _number(value: float | None, form: str = ".3f") -> str:
    return _UNKNOWN if value is None else f"{value:{form}}"
