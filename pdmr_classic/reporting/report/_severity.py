"""Predicted severities: points of the scatter plot, scores beside baselines, coverage of intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import finite_or_none
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions, read_severity_systems
from pdmr_classic.reporting._cells import format_view, name_groups
from pdmr_classic.reporting.report._labels import label_score, label_severity, take_interval, take_scores
from pdmr_classic.reporting.report._parts import build_stress

_MAX_POINTS = 1000
_NAMES = ("mae", "ccc")
_VIEW = "view "
_LABELS = {"mean": "mean of the training scores", "median": "median of the training scores"}


def build_severity(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section on severities of an evaluation that has them."""
    part = evaluation["severity"]
    model = read_severity_systems(evaluation)["model"]
    points = _average_recordings(model)
    return {
        "label": evaluation["settings"]["data"].get("score_column") or "severity",
        "scale": dict(part["scale"]),
        "points": _thin_out(points),
        "n_points": len(points),
        "scores": {name: {"label": label_severity(name), **take_interval(s)} for name, s in part["scores"].items()},
        "headline": {"names": list(_NAMES), "rows": list(_list_systems(part))},
        "coverage": list(_list_coverage(part)),
        "mean_width": part["intervals"]["mean_width"],
        "classes": [{"label": name, **scores} for name, scores in part["classes"].items()],
        "clinical": _describe_clinical(part["clinical"]) if part["clinical"] else None,
        "stress": build_stress(part.get("stress_tests") or {}),
        "subgroups": [
            {"column": column, "groups": list(map(_describe_group, name_groups(groups), groups.values()))}
            for column, groups in (part.get("subgroups") or {}).items()
        ],
        "conclusion": list(part["conclusion"]),
    }


def _average_recordings(model: SeverityPredictions) -> pd.DataFrame:
    """Return one row per recording, the mean over repeats, sorted by the true score."""
    columns = {name: getattr(model, name) for name in ("truth", "predicted", "low", "high")}
    means = pd.DataFrame(columns).groupby(model.recording.astype(str)).mean()
    return means.sort_values(["truth", "predicted"], ignore_index=True)


def _thin_out(points: pd.DataFrame) -> list[dict[str, float | None]]:
    """Return at most a thousand points, evenly spread over the true scores."""
    rows = np.unique(np.linspace(0, len(points) - 1, min(len(points), _MAX_POINTS)).astype(int))
    return [
        {str(name): finite_or_none(value) for name, value in record.items()}
        for record in points.iloc[rows].to_dict("records")
    ]


def _list_systems(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"label": "the model", "kind": "model", "scores": take_scores(part["scores"], _NAMES), "reason": None}
    n_single = sum(name.startswith(_VIEW) for name in part["baselines"]) - 1
    for name, baseline in part["baselines"].items():
        reason = baseline.get("problem") or None
        scores = dict.fromkeys(_NAMES) if reason else take_scores(baseline["scores"], _NAMES)
        kind, label = _describe_baseline(name, n_single)
        yield {"label": label, "kind": kind, "scores": scores, "reason": reason}


def _describe_baseline(name: str, n_single: int) -> tuple[str, str]:
    if name in _LABELS:
        return "floor", _LABELS[name]
    if name == "shortcut":
        return "shortcut", "recording conditions alone"
    if name.startswith(_VIEW):
        return "view", format_view(name.removeprefix(_VIEW), n_single).replace("\n", "")
    return "other", name.replace("_", " ")


def _list_coverage(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the share of scores within their intervals: of all recordings, then by true class."""
    level = part["intervals"]["level"]
    if part["intervals"]["coverage"]["mean"] is None:
        return
    yield {
        "label": "all recordings",
        "level": level,
        "n_recordings": part["n_recordings"],
        **take_interval(part["intervals"]["coverage"]),
    }
    for name, scores in part["classes"].items():
        if scores["coverage"] is not None:
            mean = take_interval({"mean": scores["coverage"]})
            yield {"label": name, "level": level, "n_recordings": scores["n_recordings"], **mean}


def _describe_clinical(part: Mapping[str, Any]) -> dict[str, Any]:
    scores = {name: {"label": label_score(name), **take_interval(score)} for name, score in part["scores"].items()}
    return {"cutoff": part["cutoff"], "n_positive": part["n_positive"], "scores": scores}


def _describe_group(value: str, group: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: group[name] for name in ("n_recordings", "n_subjects")}
    return {"value": value, **counts, "scores": take_scores(group["scores"], _NAMES)}
