"""A small report with every section, as `build_report` returns it, and with awkward names."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

LONG = "a_very_long_name_" * 12
RTL = "\u05e9\u05dc\u05d5\u05dd"
NAMES = ["f1", "auc", "balanced_accuracy", "brier"]
GRID = [k / 100 for k in range(101)]


def score(mean: float | None, low: float | None = None, high: float | None = None, **more: Any) -> dict[str, Any]:
    return {"mean": mean, "sd": None, "low": low, "high": high, **more}


def _system(label: str, kind: str, f1: float | None, reason: str | None = None) -> dict[str, Any]:
    scores = {name: None if f1 is None else score(f1, f1 - 0.1, f1 + 0.08) for name in NAMES}
    if kind == "floor":
        scores = {"f1": score(f1), "auc": None, "balanced_accuracy": score(0.5), "brier": None}
    return {"label": label, "kind": kind, "scores": scores, "reason": reason}


def _rise(power: float) -> list[float]:
    return [round(x**power, 6) for x in GRID]


def _group(value: str, f1: float | None) -> dict[str, Any]:
    part = {"mean": None, "sd": None, "low": None, "high": None, "reason": "one class only"}
    scores = {name: part if f1 is None else score(f1, 0.0, 1.0) for name in NAMES}
    return {"value": value, "n_recordings": 4, "n_subjects": 1, "scores": scores}


def _stress(names: tuple[str, str], values: tuple[float, float]) -> list[dict[str, Any]]:
    scores = dict(zip(names, values, strict=True))
    return [{"label": "without audio", "n_recordings": 53, "scores": scores, "unaltered": {names[0]: values[0]}}]


_SEVERITY = {
    "label": "PHQ & more",
    "scale": {"name": "phq8", "low": 0.0, "high": 24.0},
    "points": [
        {"truth": float(k), "predicted": 3.0 + 0.7 * k, "low": max(0.0, k - 6.0), "high": k + 6.0}
        for k in range(0, 24, 2)
    ],
    "n_points": 30,
    "scores": {
        "mae": score(3.693, 2.76, 4.86, label="Mean absolute error"),
        "ccc": score(0.742, 0.47, 0.89, label="Concordance (CCC)"),
    },
    "headline": {
        "names": ["mae", "ccc"],
        "rows": [
            {
                "label": "the model",
                "kind": "model",
                "scores": {"mae": score(3.7, 2.8, 4.9), "ccc": score(0.7, 0.5, 0.9)},
            }
            | {"reason": None},
            {
                "label": "mean of the training scores",
                "kind": "floor",
                "scores": {"mae": score(5.9), "ccc": score(-0.03)},
            }
            | {"reason": None},
        ],
    },
    "coverage": [
        {"label": "all recordings", "level": 0.9, "n_recordings": 54, **score(0.96, 0.77, 1.0)},
        {"label": "mild", "level": 0.9, "n_recordings": 10, **score(1.0)},
    ],
    "mean_width": 16.64,
    "classes": [{"label": "mild", "n_recordings": 10, "n_subjects": 5, "mae": 4.7, "bias": 4.6, "recall": None}],
    "clinical": {"cutoff": 10.0, "n_positive": 28, "scores": {"f1": score(0.754, 0.567, 0.878, label="F1")}},
    "stress": _stress(("mae", "ccc"), (3.5, 0.78)),
    "subgroups": [{"column": "gender", "groups": [_group("f", 0.7)]}],
    "conclusion": ["the mean absolute error is smaller than that of the training median"],
}

_OTHERS = {
    "audit": {
        "rows": [
            {"attack": "same person or not (AUC)", "representation": "raw features"}
            | {"value": 0.99, "low": 0.98, "high": 1.0, "chance": 0.5},
            {"attack": "which person (share correct)", "representation": "model inputs"}
            | {"value": 0.9, "low": None, "high": None, "chance": None},
        ],
        "conclusion": ["identity is clearly there"],
        "limits": ["only these attackers were tried"],
    },
    "comparison": {
        "names": ["f1", "auc"],
        "labels": ["F1 of Depression", "AUC"],
        "rows": [
            {"label": "model", "scores": {"f1": score(0.8, 0.7, 0.9), "auc": score(0.85, 0.7, 0.9)}, "rank_1": 0.6},
            {"label": LONG, "scores": {"f1": score(0.7, 0.6, 0.8), "auc": score(None)}, "rank_1": None},
        ],
        "conclusion": ["model is best"],
        "note": "95% intervals",
    },
    "validation": {
        "n_recordings": 26,
        "n_subjects": 13,
        "classes": {"Depression": 12, "Normal": 14},
        "threshold": 0.458,
        "scores": {"f1": score(0.769, 0.25, 1.0, label="F1 of Depression")},
        "calibration_error": {"mean": 0.15, "expected": 0.14, "expected_high": 0.22},
        "decision_curve": {
            "grid": [0.1, 0.5, 0.9],
            "model": [0.4, 0.2, 0.0],
            "low": [0.1, -0.3, -0.5],
            "high": [0.8, 0.6, 0.1],
            "all": [0.4, -0.1, -5.0],
        },
        "recalibration": "recalibration was not tried",
        "note": "expanded percentiles",
    },
    "results": {
        "n": 26,
        "n_uncertain": 2,
        "n_overlap": 0,
        "positive": "Depression",
        "floor": 0.63,
        "scores": {"f1": {"label": "F1", "value": 0.8}},
        "confusion": {
            "classes": ["Depression", "Normal"],
            "counts": [[10, 2], [0, 0]],
            "shares": [[0.833, 0.167], [None, None]],
            "n_repeats": 1,
        },
    },
    "ids": {"mistakes": [{"data_id": "001", "truth": "Normal", "predicted": "Depression", "probability": 0.97}]},
    "inner_scores": {"f1": {"label": "F1 of Depression", "value": 0.87}},
}

_REPORT: dict[str, Any] = {
    "schema": "pdmr-classic/report/1",
    "version": "0.1.0",
    "title": "Evaluation: recognition of Depression",
    "synthetic": True,
    "summary": ["What was asked?", "What is the answer.", "How far to trust it."],
    "sources": [
        {"kind": "evaluation", "file": f"{LONG}.json", "sha256": "0" * 64, "schema": "pdmr-classic/evaluation/6"}
        | {"version": None}
    ],
    "missing": [
        {"what": "there is no audit", "hint": "pdmr-classic audit DATA --out audit.json"},
        {"what": "the evaluation is old", "hint": "run evaluate again"},
    ],
    "warnings": [
        {"code": "floor", "what": "F1 cannot be distinguished from the floor", "found": "$x^2$ & <b>", "hint": None}
        | {"meaning": "the answers may be no better than one answer for everyone", "source": "evaluation"}
    ],
    "positive": "Depression",
    "classes": ["Depression", "Normal"],
    "flow": {
        "steps": [
            {"label": "recordings in the folder", "n_recordings": 60, "n_subjects": None}
            | {"excluded": [{"why": "no label", "n_recordings": 4}, {"why": LONG, "n_recordings": 1}]},
            {"label": "with a label", "n_recordings": 55, "n_subjects": 28, "excluded": []},
            {"label": "held out at least once", "n_recordings": 54, "n_subjects": 1, "excluded": []},
        ]
    },
    "headline": {
        "names": NAMES,
        "rows": [
            _system("the model", "model", 0.81),
            _system("always Depression", "floor", 0.68),
            _system("recording conditions alone", "shortcut", 0.7),
            _system("logistic regression, all features", "logistic_regression", 0.75),
            _system("video only", "view", 0.77),
            _system(LONG, "view", None, "a class is missing"),
        ],
    },
    "scores": {
        "f1": score(0.806, 0.659, 0.9, label="F1 of Depression"),
        "auc": score(0.838, 0.443, 0.971, label="AUC, mean of folds"),
        "brier": {**score(0.16, 0.098, 0.251, label="Brier score"), "sd": 0.01},
        "calibration_error": score(0.09, label="Calibration error", expected=0.163, expected_high=0.233),
        "calibration_slope": score(None, label="Calibration slope", reason="one class only"),
    },
    "confusion": {
        "classes": ["Depression", "Normal"],
        "counts": [[25.0, 3.0], [9.5, 16.5]],
        "shares": [[0.89, 0.11], [0.37, 0.63]],
        "n_repeats": 2,
        "sensitivity": score(0.893, 0.65, 0.974),
        "specificity": score(0.634),
    },
    "roc": {
        "fpr": GRID,
        "tpr_mean": _rise(0.4),
        "tpr_low": _rise(0.8),
        "tpr_high": _rise(0.2),
        "n_folds": 3,
        "auc": score(0.838, 0.443, 0.971),
        "band": "mean over folds",
    },
    "precision_recall": {
        "recall": GRID,
        "precision_mean": [*[1.0] * 50, None, *[0.9] * 50],
        "precision_low": _rise(0.1),
        "precision_high": [1.0] * 101,
        "n_folds": 3,
        "positive_share": 0.52,
        "band": "mean over folds",
    },
    "calibration": {
        "bins": [
            {"predicted": 0.1, "observed": 0.0, "low": 0.0, "high": 0.3, "n": 6.0},
            {"predicted": 0.6, "observed": 0.7, "low": None, "high": None, "n": 5.5},
        ],
        "slope": score(1.346, 0.41, 5.65),
        "intercept": score(None, reason="undefined"),
        "ece": {"mean": 0.09, "expected": 0.163, "expected_high": 0.233},
        "binning": "2 bins",
    },
    "threshold": {
        "grid": GRID,
        "f1": [*_rise(0.1)[:100], None],
        "precision": [*_rise(0.5)[:100], None],
        "recall": _rise(2)[::-1],
        "specificity": _rise(1.5),
        "chosen": {"median": 0.46, "low": 0.4, "high": 0.55},
    },
    "net_benefit": {
        "grid": GRID[1:-1],
        "model": [0.5 * (1 - t) for t in GRID[1:-1]],
        "all": [0.52 - 0.48 * t / (1 - t) for t in GRID[1:-1]],
        "none": 0,
        "note": "net benefit",
    },
    "subgroups": [
        {
            "column": "site",
            "groups": [
                _group("", 0.7),
                _group(RTL, None),
                _group(LONG, 0.9),
                *(_group(f"s{k}", 0.5) for k in range(57)),
            ],
            "gaps": {"f1": {"gap": 0.06, "best": "a", "worst": "b", "chance_95": 0.22, "p": 0.6}, "auc": {"gap": 0.1}},
        }
    ],
    "stress": _stress(("f1", "auc"), (0.77, 0.84)),
    "folds": [
        {"repeat": 0, "fold": k, "n_recordings": 18, "n_subjects": 9, "scores": {"f1": 0.7 + 0.05 * k, "auc": None}}
        for k in range(3)
    ],
    "optimism": {"f1": {"inner": 0.83, "outer": 0.8, "gap": 0.03}},
    "members": [
        {"name": "video/svm", "view": "video", "learner": "svm", "weight": 0.6, "low": 0.4, "high": 0.8},
        {"name": "audio/svm", "view": "audio", "learner": "svm", "weight": 0.4, "low": 0.4, "high": 0.4},
    ],
    "members_note": "shares",
    "importance": {
        "by_view": {"video": 0.29, "audio": -0.007},
        "by_family": {"spectral": 0.034, "eyes": 0.0},
        "channels": {f"video AU{k:02d}_r": 0.01 * k for k in range(20)},
        "note": "permutation importance",
    },
    "confounds": {
        "rows": [
            {"label": "length", "auc": score(0.7, 0.55, 0.83), "p_adjusted": 0.01, "is_found": True, "reason": None},
            {"label": "audio level", "auc": None, "p_adjusted": None, "is_found": False, "reason": "constant"},
        ],
        "found": ["length"],
        "repaired": {"f1": score(0.7, 0.6, 0.8)},
    },
    "added_value": {
        "covariates": {"f1": score(0.6, 0.5, 0.7)},
        "views": [{"label": "video", "differences": {"f1": {"difference": 0.1, "low": -0.02, "high": 0.2, "p": 0.1}}}],
    },
    "events": {
        "pooled_recordings": {"f1": score(0.7, 0.6, 0.8)},
        "differences": {"f1": {"difference": -0.1, "low": None, "high": None}},
    },
    "severity": _SEVERITY,
    "conclusion": ["F1 cannot be distinguished from the floor", "nothing to repair"],
    "interval_note": "Confidence intervals: 95%",
    "how": {
        "command": f"pdmr-classic evaluate DATA --config {LONG}.json",
        "settings": [
            {"name": "learning.trials", "value": 1, "default": 12},
            {"name": "evaluation.by", "value": ["gender"], "default": []},
        ],
        "python": "3.11.7",
        "libraries": {"numpy": "2.4.6"},
        "machine": {"cpu": "Some CPU", "architecture": "x86_64", "blas": ["openblas SkylakeX 0.3.30"]},
        "seed": 0,
    },
    **_OTHERS,
}
# Their strings are names of the program, by which it finds other things.
_KEYWORDS = ("names", "kind")


def sample_report() -> dict[str, Any]:
    """Return a report that tests may change."""
    return copy.deepcopy(_REPORT)


def replace_text(part: Any, change: Callable[[str], str]) -> Any:
    """Return a report with all of its strings changed, including names in keys."""
    if isinstance(part, str):
        return change(part)
    if isinstance(part, list):
        return [replace_text(value, change) for value in part]
    if isinstance(part, dict):
        return {key: value if key in _KEYWORDS else replace_text(value, change) for key, value in part.items()}
    return part
