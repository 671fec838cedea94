"""Permutation importance: increase in held-out log loss when a group of feature columns is shuffled."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.features.catalog import find_families
from pdmr_classic.metrics import log_loss
from pdmr_classic.models.ensemble.fold_data import FoldData
from pdmr_classic.models.ensemble.oof_scores import ALL_COLUMNS, OofScores
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.workers import use_one_thread


def column_groups(fold_data: FoldData, names: Sequence[str]) -> dict[Hashable, Ints]:
    """Return the columns of each family and of each modality, to shuffle together; keys are (kind, name)."""
    family = np.array(find_families(names))
    groups: dict[Hashable, Ints] = {}
    for name in dict.fromkeys(family.tolist()):
        groups["family", name] = np.flatnonzero(family == name)
    return groups | {("modality", name): columns for name, columns in fold_data.columns.items()}


def permutation_importance(
    stacker: GroupedStacker, fold_data: FoldData, oof: OofScores, groups: Mapping[Any, Ints]
) -> dict[str, Any]:
    """Return the increase in log loss when a group of columns is shuffled between recordings.

    Base learners are fitted on the training rows of each fold and score its held-out rows with each group of columns
    shuffled; the fitted meta-learner combines the scores. A group may appear unimportant because another group contains
    the same information.

    Parameters
    ----------
    stacker : GroupedStacker
        Fitted on `fold_data` and the scores of `oof`.
    fold_data : FoldData
    oof : OofScores
        With `groups`.
    groups : dict
        See `column_groups`.

    Returns
    -------
    dict
        `log_loss` without shuffling, weighted as in training, and its increase in nats `by_family`, `by_modality` and
        `by_view` (all columns of the base learners on that view), largest first.

    References
    ----------
    Breiman 2001; Fisher, Rudin and Dominici 2019 (grouped columns).
    """
    baseline = _log_loss(stacker, fold_data, oof.scores)

    def increase(shuffled: Sequence[Mapping[Hashable, Floats]], key: Hashable) -> float:
        replaced = [member.get(key, original) for member, original in zip(shuffled, oof.scores, strict=True)]
        return _log_loss(stacker, fold_data, replaced) - baseline

    increases: dict[str, dict[str, float]] = {"by_family": {}, "by_modality": {}, "by_view": {}}
    for kind, name in groups:
        if any((kind, name) in member_scores for member_scores in oof.shuffled):
            increases[f"by_{kind}"][name] = increase(oof.shuffled, (kind, name))
    for view in stacker.views_:
        view_scores = [
            member_scores if member.view == view else {}
            for member, member_scores in zip(stacker.members_, oof.shuffled, strict=True)
        ]
        increases["by_view"][view] = increase(view_scores, ALL_COLUMNS)
    ordered = {kind: dict(sorted(values.items(), key=lambda item: -item[1])) for kind, values in increases.items()}
    return {"log_loss": baseline, **ordered}


def _log_loss(stacker: GroupedStacker, fold_data: FoldData, scores: Sequence[Floats]) -> float:
    with use_one_thread():
        probability = stacker.combine(scores, fold_data.present)
    return log_loss(probability, fold_data.y, fold_data.weights)
