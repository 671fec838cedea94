"""What the manifest tells about the stack of classes."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.io.results import PROBABILITY_PREFIX
from pdmr_classic.metrics import score
from pdmr_classic.models.decision.decision import Decision
from pdmr_classic.models.ensemble.fold_data import FoldData
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.ensemble.suppression import describe_suppression
from pdmr_classic.models.learners.learners import find_learner
from pdmr_classic.models.learners.used_plugins import describe_plugins
from pdmr_classic.models.target_checks import Target


def describe_members(stacker: GroupedStacker) -> list[dict[str, Any]]:
    """Return the weight of each member in the largest set of modalities, heaviest first.

    Returns
    -------
    list of dict
        `name`, `view`, `learner` and `weight`; and `low` and `high`, equal to the weight, because there is one model
        (see `evaluate` for their range over models).
    """
    # With equal sizes, the first by name: a model with one modality for each recording has several.
    largest = min(stacker.combiners_, key=lambda modalities: (-len(modalities), sorted(modalities)))
    weights = stacker.combiners_[largest].member_weights
    members = [
        {
            "name": m.name,
            "view": m.view,
            "learner": m.learner,
            **dict.fromkeys(("weight", "low", "high"), weights[m.name]),
        }
        for m in stacker.members_
        if m.name in weights
    ]
    return sorted(members, key=lambda member: -member["weight"])


def collect_metadata(
    features: pd.DataFrame,
    target: Target,
    settings: Settings,
    fold_data: FoldData,
    stacker: GroupedStacker,
    decision: Decision,
    oof: pd.DataFrame,
) -> dict[str, Any]:
    """Return classes, counts, base learners, weights and inner scores, JSON-serialisable."""
    probability = oof.drop(columns=["status", "predicted"]).rename(
        columns=lambda name: name.removeprefix(PROBABILITY_PREFIX)
    )
    suppression = describe_suppression(stacker.models_)
    plugins = describe_plugins(list(features.columns), stacker.members_)
    return {
        "classes": {label: int((target.status == label).sum()) for label in target.classes},
        "positive": target.positive,
        # None: the threshold was set by hand, so no metric was optimised.
        "metric": decision.metric if settings.learning.threshold is None else None,
        "threshold": decision.threshold_,
        "n_recordings": len(features),
        "n_subjects": int(target.groups.nunique()),
        "n_inner_folds": fold_data.n_folds,
        "views": {name: len(data.y) for name, data in fold_data.view_data.items()},
        "combiners": {
            "+".join(sorted(modalities)): {
                "summary": combiner.explain(stacker.losses_[modalities]),
                "log_loss": stacker.losses_[modalities],
                "weights": combiner.member_weights,
            }
            for modalities, combiner in stacker.combiners_.items()
        },
        "members": describe_members(stacker),
        "base_learners": [{"view": m.view, "learner": m.learner, "params": dict(m.params)} for m in stacker.members_],
        **({"suppression": suppression} if suppression else {}),
        **({"plugins": plugins} if plugins else {}),
        # Optimistic: the hyperparameters and the threshold were chosen on these rows.
        "inner_scores": score(oof["status"], oof["predicted"], positive=target.positive, probability=probability),
        "contains_training_rows": any(find_learner(member.learner).stores_rows for member in stacker.members_),
        "features": list(features.columns),
    }
