"""Tables of a validation for a terminal of 80 columns, made from its JSON alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.reporting._cells import format_interval, format_number, format_with_interval
from pdmr_classic.reporting.tables import add_synthetic_note, new_table, warning_text
from pdmr_classic.text import format_list

_LABELS = {
    "auc": "AUC",
    "f1": "F1",
    "precision": "Precision",
    "recall": "Sensitivity (recall)",
    "specificity": "Specificity",
    "macro_f1": "Macro F1",
    "balanced_accuracy": "Balanced accuracy",
    "brier": "Brier score",
    "scaled_brier": "Scaled Brier score",
    "log_loss": "Log loss",
    "observed_expected": "Observed : expected (ideal: 1)",
    "calibration_intercept": "Calibration in the large (ideal: 0)",
    "calibration_slope": "Calibration slope (ideal: 1)",
}
_CURVE = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
_RECALIBRATION = {
    "log_loss": "log loss",
    "brier": "Brier",
    "observed_expected": "O:E",
    "calibration_intercept": "in the large",
    "calibration_slope": "slope",
    "f1": "F1",
    "f1_new_threshold": "F1, new threshold",
}


def validation_tables(validation: Mapping[str, Any]) -> RenderableType:
    """Show a validation: scores, decision curve, case mix, recalibration, sample size and warnings."""
    parts: list[RenderableType] = [Text(_describe(validation)), "", _scores_table(validation)]
    for label, measures in validation["calibration_by_class"].items():
        parts += ["", _measures_table(f"calibration of {label}", measures)]
    if validation["decision_curve"]:
        parts += ["", _curve_table(validation)]
    parts += ["", *_case_mix_parts(validation["case_mix"])]
    parts += ["", *_recalibration_parts(validation["recalibration"])]
    parts += ["", *_size_parts(validation["sample_size"]), "", Text(validation["interval_note"])]
    for warning in validation["warnings"]:
        parts += ["", warning_text(warning)]
    if validation["mismatch"]:
        parts += ["", warning_text({"what": f"measured in another way: {', '.join(validation['mismatch'])}"})]
    if validation.get("out"):
        parts += ["", Text(f"Written: {validation['out']}")]
    return add_synthetic_note(dict(validation), parts)


def _describe(validation: Mapping[str, Any]) -> str:
    classes = ", ".join(f"{n} {label}" for label, n in validation["classes"].items())
    training = ", ".join(f"{n} {label}" for label, n in validation["training_classes"].items())
    counts = f"{validation['n_recordings']} recordings of {validation['n_subjects']} subjects"
    return f"{counts}: {classes} (training: {training})."


def _scores_table(validation: Mapping[str, Any]) -> Table:
    positive, threshold = validation["positive"], validation["threshold"]
    table = _measures_table("on these people", validation["scores"])
    if positive is not None and threshold is not None:
        table.columns[0].header = Text(f"on these people ({positive} from p >= {threshold:.3f})")
    error = validation["calibration_error"]
    perfect = f"perfect: {error['expected']:.3f} (to {error['expected_high']:.3f})"
    table.add_row("Calibration error", format_number(error["value"]), perfect)
    return table


def _measures_table(title: str, measures: Mapping[str, Any]) -> Table:
    table = new_table(title, "value", "95% interval")
    for name, label in _LABELS.items():
        if name in measures:
            part = measures[name]
            table.add_row(label, format_number(part["value"]), format_interval(part) or f"none: {part['reason']}")
    return table


def _curve_table(validation: Mapping[str, Any]) -> Table:
    table = new_table("net benefit at threshold", "model", "95% interval", "treat all", "treat none")
    for point in validation["decision_curve"]:
        is_own = point["threshold"] == validation["threshold"]
        if is_own or point["threshold"] in _CURVE:
            label = f"{point['threshold']:.3f} (of the model)" if is_own else f"{point['threshold']:g}"
            table.add_row(
                label, format_number(point["value"]), format_interval(point), format_number(point["treat_all"]), "0"
            )
    return table


def _case_mix_parts(mix: Mapping[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if "reason" in mix:
        parts.append(Text(f"Case mix: not compared: {mix['reason']}."))
    else:
        table = new_table("compared with training", "features", "shift (SD)", "spread ratio", "outside")
        for key, indent in (("by_view", ""), ("by_family", "  ")):
            for name, part in mix[key].items():
                outside = "-" if part["outside"] is None else f"{part['outside']:.0%}"
                cells = (format_number(part["shift"], ".2f"), format_number(part["spread"], ".2f"), outside)
                table.add_row(f"{indent}{name}", str(part["n_features"]), *cells)
        expected = f"Without a difference: shift about {mix['expected_shift']:.2f}, spread ratio 1, 10% outside."
        share = mix["recordings_outside"]
        recordings = "" if share is None else f" Unusual recordings: {share:.0%} (5% in training)."
        parts += [table, Text(expected + recordings)]
    for modality, names in mix["missing_channels"].items():
        parts.append(Text(f"Missing {modality} channels: {format_list(names)}"))
    return parts


def _recalibration_parts(recalibration: Mapping[str, Any]) -> list[RenderableType]:
    if not recalibration["methods"]:
        return [Text(f"Recalibration: none: {recalibration['reason']}.")]
    methods = recalibration["methods"]
    table = new_table("recalibrated", *methods)
    for name, label in _RECALIBRATION.items():
        table.add_row(label, *(_format_value(part["scores"][name]) for part in methods.values()))
    reason = [Text(f"Not tried: {recalibration['reason']}.")] if "reason" in recalibration else []
    return [table, *reason, Text(recalibration["sentence"])]


def _size_parts(size: Mapping[str, Any]) -> list[RenderableType]:
    if not size["targets"]:
        return [Text(f"Sample size: none: {size['reason']}.")]
    table = new_table("sample size for an interval of", "width", "people", "positives")
    for name, part in size["targets"].items():
        table.add_row(_LABELS[name], f"{part['width']:g}", str(part["people"]), str(part["positives"]))
    return [table, Text(f"Assumed: {size['assumptions']}.")]


def _format_value(part: Mapping[str, Any]) -> str:
    return format_with_interval({**part, "mean": part["value"], "reason": ""})
