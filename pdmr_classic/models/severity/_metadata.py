"""What the manifest tells about the model of a score."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pdmr_classic.io.labels.classes import NEGATIVE, POSITIVE
from pdmr_classic.metrics import concordance
from pdmr_classic.models.ensemble.suppression import describe_suppression
from pdmr_classic.models.experts.stacks import ExpertStacks
from pdmr_classic.models.learners.learners import find_learner
from pdmr_classic.models.learners.used_plugins import describe_plugins
from pdmr_classic.models.severity.stacker import SeverityStacker
from pdmr_classic.models.severity.target import SeverityTarget


def collect_metadata(
    stacker: SeverityStacker,
    experts: ExpertStacks | None,
    oof: pd.DataFrame,
    target: SeverityTarget,
    level: float,
    *,
    n_inner_folds: int,
) -> dict[str, Any]:
    """Return scale, counts, base learners, weights and inner scores, JSON-serialisable."""
    used = target.weights > 0
    finite = oof[used].dropna()
    error = finite["severity"] - finite["score"]
    suppression = describe_suppression(stacker.models_)
    plugins = describe_plugins(list(map(str, getattr(stacker, "feature_names_in_", ()))), stacker.members_)
    return {
        "column": str(target.score.name),
        "scale": target.scale.as_dict(),
        "level": level,
        "n_recordings": int(used.sum()),
        "n_subjects": int(target.groups[used].nunique()),
        "n_inner_folds": n_inner_folds,
        "classes": _count_statuses(target),
        "training_mean": float(target.score[used].mean()),
        **({} if experts is None else {"experts": experts.describe()}),
        "base_learners": [{"view": m.view, "learner": m.learner, "params": dict(m.params)} for m in stacker.members_],
        **({"suppression": suppression} if suppression else {}),
        **({"plugins": plugins} if plugins else {}),
        "combiners": {
            "+".join(sorted(modalities)): {"weights": blend.member_weights, **stacker.losses_[modalities]}
            for modalities, blend in stacker.combiners_.items()
        },
        # Optimistic: the hyperparameters were chosen on these rows.
        "inner_scores": {
            "mae": float(error.abs().mean()),
            "mae_of_mean": float((finite["score"] - finite["score"].mean()).abs().mean()),
            "ccc": concordance(finite["score"], finite["severity"]),
        },
        "contains_training_rows": any(find_learner(m.learner).stores_rows for m in stacker.members_),
    }


def _count_statuses(target: SeverityTarget) -> dict[str, int]:
    """Return the number of recordings on each side of the clinical cut-off; empty without one."""
    if target.scale.clinical_cutoff is None:
        return {}
    is_clinical = target.scale.is_clinical(target.score.dropna())
    return {POSITIVE: int(is_clinical.sum()), NEGATIVE: int((~is_clinical).sum())}
