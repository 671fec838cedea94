"""Tables of evaluations for a terminal of 80 columns, made from their JSON alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.evaluation.known_people import KNOWN_PEOPLE, NEW_PEOPLE
from pdmr_classic.evaluation.system_scores import main_score
from pdmr_classic.reporting._cells import (
    LABELS,
    MISSING,
    SHORT_LABELS,
    add_positive,
    format_difference,
    format_interval,
    format_mean,
    format_number,
    format_view,
    format_with_interval,
)
from pdmr_classic.reporting.severity_tables import abstention_table, severity_tables
from pdmr_classic.reporting.tables import add_synthetic_note, confusion_table, new_table, warning_text
from pdmr_classic.text import format_count

_BASELINE_LABELS = {
    "shortcut": "shortcut: recording conditions",
    "logistic_regression": "logistic regression, all features",
}
_MOST_IMPORTANT = 6
_OWN_ESTIMATOR = "estimator "
_SINGLE_VIEW, _JOINT_VIEW = "_only", "_as_one_view"


def evaluation_tables(evaluation: Mapping[str, Any]) -> RenderableType:
    """Show an evaluation: scores, conclusion, baselines, confounds, stress tests, importance, subgroups, warnings."""
    parts: list[RenderableType] = [_describe_folds(evaluation)]
    if "scores" in evaluation:
        parts += ["", *_class_tables(evaluation)]
    if "severity" in evaluation:
        parts += ["", *severity_tables(evaluation["severity"])]
    parts += ["", Text(evaluation["interval_note"])]
    for warning in evaluation["warnings"]:
        if warning["what"] not in evaluation["conclusion"]:
            parts += ["", warning_text(warning)]
    if evaluation.get("out"):
        parts += ["", *(Text(f"Written: {evaluation[key]}") for key in ("out", "report") if evaluation.get(key))]
    return add_synthetic_note(dict(evaluation), parts)


def _class_tables(evaluation: Mapping[str, Any]) -> list[RenderableType]:
    """Return the tables of predicted classes."""
    parts: list[RenderableType] = [
        _scores_table(evaluation),
        "",
        *_confusion_parts(evaluation),
        *_conclusion_texts(evaluation),
        "",
        _baselines_table(evaluation),
    ]
    if "events" in evaluation:
        parts += ["", _events_table(evaluation)]
    if evaluation["as_predicted"]["rows"]:
        parts += ["", _predict_table(evaluation), *_describe_predict_rows(evaluation)]
    if evaluation["confounds"]:
        parts += ["", *_confounds_tables(evaluation)]
    if evaluation.get("added_value"):
        parts += ["", _added_table(evaluation["added_value"])]
    if evaluation["stress_tests"]:
        parts += ["", _stress_table(evaluation)]
    if any(evaluation["importance"].values()):
        parts += ["", _importance_table(evaluation["importance"])]
    for column, part in evaluation["subgroups"].items():
        parts += ["", _subgroup_table(column, part)]
    if "abstention" in evaluation:
        parts += ["", abstention_table(evaluation["abstention"], evaluation["positive"])]
    return [*parts, "", *_remarks(evaluation)]


def _confusion_parts(evaluation: Mapping[str, Any]) -> list[RenderableType]:
    """Return the confusion matrix; an evaluation of an earlier version has none."""
    return [confusion_table(evaluation["confusion"]), ""] if "confusion" in evaluation else []


def _describe_folds(evaluation: Mapping[str, Any]) -> Text:
    outer = evaluation["outer_folds"]
    counts = f"{evaluation['n_recordings']} recordings of {evaluation['n_subjects']} subjects"
    folds = f"{outer['n_folds']} outer folds, {format_count(outer['n_repeats'], 'repeat')} ({outer['source']})"
    smallest, largest = min(sizes := [fold["n_test"] for fold in outer["sizes"]]), max(sizes)
    held_out = f"{smallest} to {largest}" if largest > smallest else str(smallest)
    return Text(
        f"{counts}; {folds}, {held_out} recordings held out in each fold. Held out: {_describe_held_out(evaluation)}."
    )


def _describe_held_out(evaluation: Mapping[str, Any]) -> str:
    """Return who is held out, in words."""
    if _is_known(evaluation):
        return f"{KNOWN_PEOPLE}; their other sessions are trained on, so that these are no scores for new people"
    is_single = all(fold["n_test_subjects"] == 1 for fold in evaluation["outer_folds"]["sizes"])
    return f"{NEW_PEOPLE}, {'one subject at a time' if is_single else 'none of whose recordings are trained on'}"


def _held_out_noun(evaluation: Mapping[str, Any]) -> str:
    return "held-out visits" if _is_known(evaluation) else "held-out people"


def _is_known(evaluation: Mapping[str, Any]) -> bool:
    return bool(evaluation.get("held_out", NEW_PEOPLE) == KNOWN_PEOPLE)


def _scores_table(evaluation: Mapping[str, Any]) -> Table:
    table = new_table(f"on {_held_out_noun(evaluation)}", "mean", "SD of repeats", "95% interval")
    for name, part in evaluation["scores"].items():
        label = add_positive(LABELS[name], evaluation["positive"]) if name == "f1" else LABELS[name]
        if name == "auc" and evaluation["positive"] is None:
            label += ", one vs rest"
        interval = format_interval(part) or _format_expected(part)
        table.add_row(label, format_mean(part), format_number(part["sd"]), interval)
    return table


def _format_expected(part: Mapping[str, Any]) -> str:
    """Return what perfect calibration would give on as many recordings."""
    return MISSING if "expected" not in part else f"perfect: {part['expected']:.3f} (to {part['expected_high']:.3f})"


def _baselines_table(evaluation: Mapping[str, Any]) -> Table:
    scores = _headline_scores(evaluation["scores"])
    table = new_table("compared with baselines", *(SHORT_LABELS[name] for name in scores))
    table.add_row("the model", *(format_with_interval(evaluation["scores"][name]) for name in scores))
    n_single = sum(name.endswith(_SINGLE_VIEW) for name in evaluation["baselines"])
    for name, part in evaluation["baselines"].items():
        if name == "floor":
            label = f"always {part['label']}"
            table.add_row(label, *(format_number(part.get(score)) for score in scores))
        else:
            label = _BASELINE_LABELS.get(name) or _baseline_label(name, n_single)
            reason = part.get("problem", "").partition(":")[0]
            cells = [reason] * len(scores) if reason else _format_cells(part["scores"], scores)
            table.add_row(label, *cells)
    return table


def _baseline_label(name: str, n_single: int) -> str:
    if name.startswith(_OWN_ESTIMATOR):
        return name
    for suffix in (_SINGLE_VIEW, _JOINT_VIEW):
        if name.endswith(suffix):
            return format_view(name.removesuffix(suffix), n_single)
    return name.replace("_", " ")


def _events_table(evaluation: Mapping[str, Any]) -> Table:
    events, scores = evaluation["events"], _headline_scores(evaluation["scores"])
    table = new_table("persons with events", *(SHORT_LABELS[name] for name in scores))
    table.add_row("the model: one row per person", *_format_cells(evaluation["scores"], scores))
    table.add_row("recordings, pooled per person", *_format_cells(events["pooled_recordings"]["scores"], scores))
    table.add_row("difference", *(format_difference(events["differences"][name]) for name in scores))
    return table


def _predict_table(evaluation: Mapping[str, Any]) -> Table:
    scores = _headline_scores(evaluation["scores"])
    table = new_table("what predict would do", *(SHORT_LABELS[name] for name in scores), "Brier")
    rows = {"the model": evaluation, **evaluation["as_predicted"]["rows"]}
    for label, part in rows.items():
        cells = (format_with_interval(part["scores"][name]) for name in scores)
        table.add_row(label, *cells, format_mean(part["scores"]["brier"]))
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


def _conclusion_texts(evaluation: Mapping[str, Any]) -> Iterable[Text]:
    """Yield the sentences of the conclusion; those that are warnings look like these."""
    warnings = {warning["what"]: warning for warning in evaluation["warnings"]}
    for sentence in evaluation["conclusion"]:
        yield warning_text(warnings[sentence]) if sentence in warnings else Text(f"{sentence}.")


def _confounds_tables(evaluation: Mapping[str, Any]) -> Iterable[RenderableType]:
    """Show what each group of recording conditions predicts alone, and the model without the conditions found."""
    confounds, scores = evaluation["confounds"], _headline_scores(evaluation["scores"])
    alone = new_table("recording conditions alone", "AUC", "adjusted p")
    for name, part in confounds["groups"].items():
        label = f"! {name}" if part["is_found"] else f"  {name}"
        # The reason may be long, and the label says what it is about.
        reason = part["problem"].partition(":")[0]
        auc = MISSING if reason else format_with_interval(part["scores"]["auc"])
        alone.add_row(label, auc, reason or format_number(part["p_adjusted"]))
    yield alone
    if confounds["found"]:
        yield ""
        repaired = confounds["repaired"]["scores"] or {score: {"mean": None} for score in scores}
        table = new_table("the model", *(SHORT_LABELS[name] for name in scores))
        table.add_row("raw", *_format_cells(evaluation["scores"], scores))
        table.add_row(
            f"repaired for {format_count(len(confounds['found']), 'group')}", *_format_cells(repaired, scores)
        )
        for name, part in _list_strata(confounds):
            table.add_row(name, MISSING, format_with_interval(part["auc"]))
        yield table


def _list_strata(confounds: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    strongest = confounds.get("strongest", {})
    for name, label in (("model", "raw"), ("repaired", "repaired")):
        if name in strongest and strongest["are_comparable"]:
            yield f"{label}, same {strongest['group']}", strongest[name]


def _added_table(added: Mapping[str, Any]) -> Table:
    """Show the covariates alone, and the difference that each view makes in the same recordings."""
    scores = list(added["covariates"])
    table = new_table("added to covariates", *(SHORT_LABELS[name] for name in scores), "p (AUC)")
    table.add_row("covariates alone", *_format_cells(added["covariates"], scores), "")
    for view, part in added["views"].items():
        differences = part["differences"]
        cells = (format_difference(differences[name]) for name in scores)
        table.add_row(f"+ {view}", *cells, format_number(differences["auc"]["p"]))
    return table


def _format_cells(parts: Mapping[str, Any], scores: Iterable[str]) -> list[str]:
    return [format_with_interval(parts[name]) for name in scores]


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
        table.add_row("largest gap", "", *(format_number(gap["gap"]) if gap else MISSING for gap in gaps))
        for label, key in (("  95% by chance below", "chance_95"), ("  permutation p", "p")):
            table.add_row(label, "", *(format_number(gap[key]) if gap else MISSING for gap in gaps))
    return table


def _remarks(evaluation: Mapping[str, Any]) -> Iterable[RenderableType]:
    main = main_score(evaluation["positive"])
    if main in evaluation["optimism"]:
        part = evaluation["optimism"][main]
        gap = f"{abs(part['gap']):.3f} {'higher' if part['gap'] >= 0 else 'lower'}"
        yield Text(
            f"{SHORT_LABELS[main]} on the inner folds: {part['inner']:.3f}, {gap} than on {_held_out_noun(evaluation)}."
        )
    test = evaluation["permutation_test"]
    # Only of the AUC: that F1 exceeds what these predictions reach by chance does not make it exceed the floor.
    p = test["p_fixed_predictions"].get("auc")
    permutations = f"{test['n_permutations']} permutations of {test['permuted']}"
    yield Text(f"Permutation p of the AUC on fixed predictions ({permutations}): {format_number(p)}.")


def _headline_scores(scores: Mapping[str, Any]) -> list[str]:
    return ["f1" if "f1" in scores else "macro_f1", "auc"]
