"""Sections from files other than the evaluation: identity audit, comparison, validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from pdmr_classic.reporting.comparison_tables import (
    describe_winner,
    list_targets,
    score_label,
    shorten_name,
    shown_scores,
    sort_systems,
)
from pdmr_classic.reporting.report._labels import label_score, take_interval

_CURVE = {"threshold": "grid", "value": "model", "low": "low", "high": "high", "treat_all": "all"}


_FIRST = ("f1", "auc", "macro_f1", "recall", "specificity", "precision")


def _label(name: str, positive: str | None) -> str:
    return "AUC" if name == "auc" else label_score(name, positive)


def _rank(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def build_audit(audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return each attack of an identity audit beside chance, what follows, and what the audit cannot tell."""
    return {
        "rows": list(_list_attacks(audit)),
        "conclusion": list(audit["conclusion"]),
        "limits": list(audit["limits"]),
        "n_recordings": audit["n_recordings"],
        "n_subjects": audit["n_subjects"],
    }


def _list_attacks(audit: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part in audit["representations"]:
        name = part["name"]
        yield _describe_attack("same person or not (AUC)", name, part["verification"]["auc"])
        yield _describe_attack("which person (share correct)", name, part["identification"])
        for column, estimate in part["attributes"].items():
            yield _describe_attack(f"{column} (AUC)", name, estimate)
    stored = audit["stored"]
    if stored is not None and stored["identification"] is not None:
        yield _describe_attack("which person (share correct)", "rows in the model file", stored["identification"])
    for name, part in (audit["membership"].get("attacks") or {}).items():
        yield _describe_attack("trained on or not (AUC)", name, part)


def _describe_attack(attack: str, representation: str, part: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: part.get(name) for name in ("value", "low", "high", "chance")}
    return {"attack": attack, "representation": representation, **numbers}


def build_comparison(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Return the systems of a comparison, the best first, and who is best in how many bootstrap samples."""
    part = list_targets(comparison)[0]
    scores = shown_scores(part)
    shares = part["winners"][scores[0]]["shares_of_rank_1"]
    return {
        "names": scores,
        "labels": [score_label(part, name) for name in scores],
        "files": {name: PurePath(str(file)).name for name, file in comparison.get("files", {}).items()},
        "n_recordings": part["n_recordings"],
        "n_subjects": part["n_subjects"],
        "rows": [
            {
                "label": shorten_name(name),
                "scores": {score: take_interval(system[score]) for score in scores},
                "rank_1": shares.get(name),
            }
            for name, system in sort_systems(part)
        ],
        "conclusion": list(describe_winner(part)),
        "note": comparison["interval_note"],
    }


def build_validation(validation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the performance of the frozen model on other people."""
    positive = validation["positive"]
    error = validation["calibration_error"]
    curve = validation["decision_curve"]
    return {
        "n_recordings": validation["n_recordings"],
        "n_subjects": validation["n_subjects"],
        "classes": dict(validation["classes"]),
        "training_classes": dict(validation["training_classes"]),
        "threshold": validation["threshold"],
        "scores": {
            name: {"label": _label(name, positive), **take_interval({**part, "mean": part["value"]})}
            for name, part in sorted(validation["scores"].items(), key=lambda item: _rank(item[0]))
        },
        "calibration_error": {"mean": error["value"], **{name: error[name] for name in ("expected", "expected_high")}},
        "decision_curve": {key: [point[name] for point in curve] for name, key in _CURVE.items()} if curve else None,
        "recalibration": validation["recalibration"].get("sentence"),
        "note": validation["interval_note"],
    }
