"""Parts of an evaluation as lists of rows: subgroups, stress tests, members, importance, conditions, covariates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdmr_classic.models.learners.member import is_joint_view
from pdmr_classic.reporting._cells import name_groups
from pdmr_classic.reporting.report._labels import take_interval, take_scores
from pdmr_classic.reporting.report._scores import headline_scores

_N_CHANNELS = 20
_MEMBERS_NOTE = "Share of each base learner in the probability of the model, for recordings with all modalities; {how}."
_OVER_FOLDS = "mean over the outer folds, with the smallest and the largest"
_OF_MODEL = "of the model that was trained on all recordings"
_IN_EVALUATION = "modalities and families in the inner folds, channels in held-out recordings; mean over outer folds"
_IMPORTANCE_NOTE = (
    "Permutation importance: by how much the log loss increases if the columns of a group are shuffled between "
    "recordings ({where}). Groups that carry the same information hide each other; 0 or less means that the model does "
    "not need the group. It says what the model uses, not what causes depression."
)


def build_subgroups(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the scores of the groups of each column."""
    names = headline_scores(evaluation["positive"])
    return [
        {"column": column, "groups": _list_groups(part["groups"], names), "gaps": dict(part["gaps"])}
        for column, part in evaluation.get("subgroups", {}).items()
    ]


def _list_groups(groups: Mapping[str, Any], names: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "value": name,
            "n_recordings": group["n_recordings"],
            "n_subjects": group["n_subjects"],
            "scores": take_scores(group["scores"], names),
        }
        for name, group in zip(name_groups(groups), groups.values(), strict=True)
    ]


def build_stress(tests: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the scores of each stress test, and those of the same recordings unaltered."""
    return [
        {
            "label": label,
            "n_recordings": part["n_recordings"],
            "scores": dict(part["scores"]),
            "unaltered": dict(part["unaltered_scores"]),
        }
        for label, part in tests.items()
    ]


def build_members(
    evaluation: Mapping[str, Any], manifest: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], str] | None:
    """Return what the base learners weigh, the largest first, with a note; None if it is not known."""
    for content, how in ((evaluation, _OVER_FOLDS), (manifest, _OF_MODEL)):
        if content.get("members"):
            return list(content["members"]), _MEMBERS_NOTE.format(how=how)
    weights = _largest_weights(manifest.get("combiners") or {})
    if not weights:
        return None
    members = [_describe_member(name, weight) for name, weight in weights.items()]
    return sorted(members, key=lambda member: -member["weight"]), _MEMBERS_NOTE.format(how=_OF_MODEL)


def _largest_weights(combiners: Mapping[str, Any]) -> Mapping[str, float]:
    weights = [part.get("weights") or {} for part in combiners.values()]
    return max(weights, key=len, default={})


def _describe_member(name: str, weight: float) -> dict[str, Any]:
    view, _, learner = name.rpartition("/")
    return {"name": name, "view": view, "learner": learner, "weight": weight, "low": weight, "high": weight}


def build_importance(evaluation: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the importance by view, family and channel, of the evaluation or else of the model."""
    places = ((evaluation, _IN_EVALUATION), (manifest, "in the inner folds of the model"))
    for content, where in places:
        importance = content.get("importance") or {}
        if any(importance.get(key) for key in ("by_view", "by_modality", "by_family")):
            return {
                "by_view": _select_views(importance),
                "by_family": dict(importance.get("by_family") or {}),
                "channels": _sort_channels(importance.get("by_channel") or {}),
                "note": _IMPORTANCE_NOTE.format(where=where),
            }
    return None


def _select_views(importance: Mapping[str, Any]) -> dict[str, float]:
    """Return the importance of the modalities, which a joint view shares; without them, that of the views."""
    return dict(importance.get("by_modality") or importance.get("by_view") or {})


def _sort_channels(channels: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(channels.items(), key=lambda item: -item[1])[:_N_CHANNELS])


def build_confounds(confounds: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each group of recording conditions predicts alone, and the scores of the repaired model."""
    rows = [
        {
            "label": name,
            "auc": take_interval(part["scores"]["auc"]) if part["scores"].get("auc") else None,
            "p_adjusted": part.get("p_adjusted"),
            "is_found": part["is_found"],
            "reason": part["problem"] or None,
        }
        for name, part in confounds["groups"].items()
    ]
    repaired = confounds.get("repaired") or {}
    scores = {name: take_interval(part) for name, part in (repaired.get("scores") or {}).items()}
    return {"rows": rows, "found": list(confounds["found"]), "repaired": scores if confounds["found"] else None}


def build_added_value(added: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of the covariates alone, and the differences that the views make."""
    return {
        "covariates": {name: take_interval(part) for name, part in added["covariates"].items()},
        "views": [
            {"label": view, "differences": {name: dict(value) for name, value in part["differences"].items()}}
            for view, part in added["views"].items()
        ],
    }


def build_events(events: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of pooled recordings, and their differences to one row per person."""
    return {
        "pooled_recordings": {
            name: take_interval(part) for name, part in events["pooled_recordings"]["scores"].items()
        },
        "differences": {name: dict(part) for name, part in events["differences"].items()},
    }


def list_modalities(evaluation: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[str]:
    """Return the single views that the model learns from, as far as they are known."""
    importance = evaluation.get("importance") or manifest.get("importance") or {}
    views = manifest.get("views") or importance.get("by_modality") or importance.get("by_view") or {}
    return [view for view in views if not is_joint_view(view)]
