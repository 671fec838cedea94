"""Tables of evaluations and comparisons for a terminal of 80 columns, made from their JSON alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.evaluation.system_scores import main_score
from pdmr_classic.reporting.tables import add_synthetic_note, new_table, warning_text
from pdmr_classic.text import format_count

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
    "calibration_slope": "Calibration slope (ideal: 1)",
    "calibration_intercept": "Calibration intercept (ideal: 0)",
}
SHORT_LABELS = {**_LABELS, "auc": "AUC", "brier": "Brier"}
_BASELINE_LABELS = {"shortcut": "shortcut: recording conditions"}
_MISSING = "-"
_MOST_IMPORTANT = 6


def evaluation_tables(evaluation: Mapping[str, Any]) -> RenderableType:
    """Show an evaluation: scores, baselines, stress tests, permutation importance, subgroups and warnings."""
    parts: list[RenderableType] = [
        _describe_folds(evaluation),
        "",
        _scores_table(evaluation),
        "",
        _baselines_table(evaluation),
    ]
    if evaluation["as_predicted"]["rows"]:
        parts += ["", _predict_table(evaluation), *_describe_predict_rows(evaluation)]
    if evaluation["stress_tests"]:
        parts += ["", _stress_table(evaluation)]
    if any(evaluation["importance"].values()):
        parts += ["", _importance_table(evaluation["importance"])]
    for column, part in evaluation["subgroups"].items():
        parts += ["", _subgroup_table(column, part)]
    parts += ["", *_remarks(evaluation)]
    for warning in evaluation["warnings"]:
        parts += ["", warning_text(warning)]
    if evaluation.get("out"):
        parts += ["", Text(f"Written: {evaluation['out']}")]
    return add_synthetic_note(dict(evaluation), parts)


def _describe_folds(evaluation: Mapping[str, Any]) -> Text:
    outer = evaluation["outer_folds"]
    counts = f"{evaluation['n_recordings']} recordings of {evaluation['n_subjects']} subjects"
    folds = f"{outer['n_folds']} outer folds, {format_count(outer['n_repeats'], 'repeat')} ({outer['source']})"
    smallest, largest = min(sizes := [fold["n_test"] for fold in outer["sizes"]]), max(sizes)
    held_out = f"{smallest} to {largest}" if largest > smallest else str(smallest)
    return Text(f"{counts}; {folds}, {held_out} recordings held out in each fold.")


def _scores_table(evaluation: Mapping[str, Any]) -> Table:
    table = new_table("on held-out people", "mean", "SD of repeats", "95% interval")
    for name, part in evaluation["scores"].items():
        label = add_positive(_LABELS[name], evaluation["positive"]) if name == "f1" else _LABELS[name]
        if name == "auc" and evaluation["positive"] is None:
            label += ", one vs rest"
        interval = format_interval(part) or _format_expected(part)
        table.add_row(label, _format_mean(part), format_number(part["sd"]), interval)
    return table


def _format_expected(part: Mapping[str, Any]) -> str:
    """Return what perfect calibration would give on as many recordings."""
    return _MISSING if "expected" not in part else f"perfect: {part['expected']:.3f} (to {part['expected_high']:.3f})"


def _baselines_table(evaluation: Mapping[str, Any]) -> Table:
    scores = _headline_scores(evaluation["scores"])
    table = new_table("compared with baselines", *(SHORT_LABELS[name] for name in scores))
    table.add_row("the model", *(format_with_interval(evaluation["scores"][name]) for name in scores))
    for name, part in evaluation["baselines"].items():
        if name == "floor":
            label = f"always {part['label']}"
            table.add_row(label, *(format_number(part.get(score)) for score in scores))
        else:
            label = _BASELINE_LABELS.get(name, name.replace("_", " "))
            table.add_row(label, *(format_with_interval(part["scores"][score]) for score in scores))
    return table


def _predict_table(evaluation: Mapping[str, Any]) -> Table:
    scores = _headline_scores(evaluation["scores"])
    table = new_table("what predict would do", *(SHORT_LABELS[name] for name in scores), "Brier")
    rows = {"the model": evaluation, **evaluation["as_predicted"]["rows"]}
    for label, part in rows.items():
        cells = (format_with_interval(part["scores"][name]) for name in scores)
        table.add_row(label, *cells, _format_mean(part["scores"]["brier"]))
    return table


def _describe_predict_rows(evaluation: Mapping[str, Any]) -> Iterable[Text]:
    """Say which rows are not scored on recordings, and how good the estimated prevalences are."""
    as_predicted = evaluation["as_predicted"]
    labels: dict[str, list[str]] = {}
    for label, part in as_predicted["rows"].items():
        labels.setdefault(part["scored_on"], []).append(label)
    labels.pop("recordings", None)
    for scored_on in labels:
        yield Text(f"Scored on {scored_on}: {'; '.join(labels[scored_on])}.")
    if estimates := as_predicted["prevalence_estimates"]:
        yield Text(_describe_estimates(estimates, evaluation["positive"]))


def _describe_estimates(estimates: Sequence[Mapping[str, Any]], positive: str | None) -> str:
    label = positive or next(iter(estimates[0]["true"]))
    errors = [abs(part["prevalence"][label] - part["true"][label]) for part in estimates]
    intervals = [(part["prevalence_interval"][label], part["true"][label]) for part in estimates]
    is_covered = [low <= share <= high for (low, high), share in intervals]
    return (
        f"Estimated prevalence of {label} in {format_count(len(errors), 'held-out fold')}: mean absolute error "
        f"{100 * sum(errors) / len(errors):.0f} percentage points, largest {100 * max(errors):.0f}; the 95% interval "
        f"contains the true share in {sum(is_covered)}."
    )


def _stress_table(evaluation: Mapping[str, Any]) -> Table:
    scores = _headline_scores(evaluation["scores"])
    table = new_table("stress test", *(f"{SHORT_LABELS[name]} (original)" for name in scores), "recordings")
    for name, part in evaluation["stress_tests"].items():
        original = part["unaltered_scores"]
        cells = (f"{format_number(part['scores'][score])} ({format_number(original[score])})" for score in scores)
        table.add_row(name, *cells, str(part["n_recordings"]))
    return table


def _importance_table(importance: Mapping[str, Any]) -> Table:
    table = new_table("permutation importance", "increase in log loss")
    for kind in ("by_modality", "by_family"):
        for name, increase in list(importance[kind].items())[:_MOST_IMPORTANT]:
            table.add_row(f"{'all ' if kind == 'by_modality' else '  '}{name}", f"{increase:.3f}")
    return table


def _subgroup_table(column: str, part: Mapping[str, Any]) -> Table:
    scores = _headline_scores(next(iter(part["groups"].values()))["scores"])
    table = new_table(f"by {column}", "n (subjects)", *(SHORT_LABELS[name] for name in scores))
    for value, group in part["groups"].items():
        n = f"{group['n_recordings']} ({group['n_subjects']})"
        table.add_row(value, n, *(format_with_interval(group["scores"][name]) for name in scores))
    gaps = [part["gaps"].get(name) for name in scores]
    if any(gaps):
        table.add_row("largest gap", "", *(format_number(gap["gap"]) if gap else _MISSING for gap in gaps))
        for label, key in (("  95% by chance below", "chance_95"), ("  permutation p", "p")):
            table.add_row(label, "", *(format_number(gap[key]) if gap else _MISSING for gap in gaps))
    return table


def _remarks(evaluation: Mapping[str, Any]) -> Iterable[RenderableType]:
    main = main_score(evaluation["positive"])
    if main in evaluation["optimism"]:
        part = evaluation["optimism"][main]
        gap = f"{abs(part['gap']):.3f} {'higher' if part['gap'] >= 0 else 'lower'}"
        yield Text(f"{SHORT_LABELS[main]} on the inner folds: {part['inner']:.3f}, {gap} than on held-out people.")
    test = evaluation["permutation_test"]
    p = ", ".join(f"{SHORT_LABELS[name]} {value:.3f}" for name, value in test["p_fixed_predictions"].items())
    permutations = f"{test['n_permutations']} permutations of {test['permuted']}"
    yield Text(f"Permutation p on fixed predictions ({permutations}): {p}.")
    yield Text(evaluation["interval_note"])


def _headline_scores(scores: Mapping[str, Any]) -> list[str]:
    return ["f1" if "f1" in scores else "macro_f1", "auc"]


def add_positive(label: str, positive: str | None) -> str:
    return label if positive is None else f"{label} of {positive}"


def format_with_interval(part: Mapping[str, Any]) -> str:
    interval = format_interval(part, ".2f")
    return f"{_format_mean(part)} ({interval})" if interval else _format_mean(part)


def _format_mean(part: Mapping[str, Any]) -> str:
    """Return the mean, or why there is none, such as "- (one class only)"."""
    reason = f" ({part['reason'].partition(' in ')[0]})" if part.get("reason") else ""
    return format_number(part["mean"]) + reason


def format_interval(part: Mapping[str, Any], form: str = ".3f") -> str:
    if part.get("low") is None:
        return ""
    return f"{part['low']:{form}} to {part['high']:{form}}"


def format_number(value: float | None, form: str = ".3f") -> str:
    return _MISSING if value is None else f"{value:{form}}"
