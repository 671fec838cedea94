"""Sections from an evaluation and the manifest of its model, or from the manifest alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdmr_classic.evaluation.predictions import CLASSES, Predictions, read_predictions
from pdmr_classic.reporting.report._calibration import build_calibration
from pdmr_classic.reporting.report._curves import build_precision_recall, build_roc
from pdmr_classic.reporting.report._decisions import build_net_benefit, build_threshold, choose_threshold
from pdmr_classic.reporting.report._flow import build_flow
from pdmr_classic.reporting.report._parts import (
    build_added_value,
    build_confounds,
    build_events,
    build_importance,
    build_members,
    build_stress,
    build_subgroups,
)
from pdmr_classic.reporting.report._scores import (
    build_confusion,
    build_folds,
    build_headline,
    build_inner_scores,
    build_scores,
)
from pdmr_classic.reporting.report._severity import build_severity

_Part = Mapping[str, Any]


def build_evaluation(evaluation: _Part, manifest: _Part) -> dict[str, Any]:
    """Return the sections that an evaluation fills; of `manifest`, which may be empty, what the evaluation lacks."""
    sections = _build_common(evaluation, evaluation, manifest)
    if CLASSES in evaluation:
        sections |= _build_classes(evaluation, manifest, read_predictions(evaluation))
    if evaluation.get("severity"):
        sections["severity"] = build_severity(evaluation)
    return sections


def build_model(manifest: _Part) -> dict[str, Any]:
    """Return the sections that a manifest fills."""
    sections = _build_common(manifest, {}, manifest)
    if manifest.get("inner_scores"):
        sections["inner_scores"] = build_inner_scores(manifest["inner_scores"], manifest["positive"])
    return sections


def _build_common(content: _Part, evaluation: _Part, manifest: _Part) -> dict[str, Any]:
    classes = content.get("data", content).get("classes")
    sections = {
        "positive": content.get("positive"),
        "classes": list(classes or []),
        "flow": build_flow(content, evaluation),
        "importance": build_importance(evaluation, manifest),
    }
    members = build_members(evaluation, manifest)
    if members is not None:
        sections |= {"members": members[0], "members_note": members[1]}
    return {name: section for name, section in sections.items() if section is not None or name == "positive"}


def _build_classes(evaluation: _Part, manifest: _Part, predictions: Predictions) -> dict[str, Any]:
    positive = evaluation["positive"]
    sections = {
        "headline": build_headline(evaluation),
        "scores": build_scores(evaluation["scores"], positive),
        "confusion": build_confusion(evaluation, predictions),
        "calibration": build_calibration(predictions, evaluation["scores"]),
        "folds": build_folds(evaluation, predictions),
        "conclusion": list(evaluation["conclusion"]),
        "interval_note": evaluation["interval_note"],
    }
    if positive is not None:
        sections |= _build_curves(evaluation, manifest, predictions)
    return sections | _build_optional(evaluation)


def _build_curves(evaluation: _Part, manifest: _Part, predictions: Predictions) -> dict[str, Any]:
    curves = {
        "roc": build_roc(predictions, evaluation["scores"]["auc"]),
        "precision_recall": build_precision_recall(predictions),
        "threshold": build_threshold(predictions, choose_threshold(evaluation, manifest)),
        "net_benefit": build_net_benefit(predictions),
    }
    return {name: curve for name, curve in curves.items() if curve is not None}


def _build_optional(evaluation: _Part) -> dict[str, Any]:
    """Return the sections that are empty unless they were asked for."""
    sections: dict[str, Any] = {
        "subgroups": build_subgroups(evaluation),
        "stress": build_stress(evaluation.get("stress_tests") or {}),
        "optimism": dict(evaluation.get("optimism") or {}),
        "confounds": build_confounds(evaluation["confounds"]) if evaluation.get("confounds") else None,
        "added_value": build_added_value(evaluation["added_value"]) if evaluation.get("added_value") else None,
        "events": build_events(evaluation["events"]) if evaluation.get("events") else None,
    }
    return {name: section for name, section in sections.items() if section}
