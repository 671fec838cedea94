"""What each view adds to the covariates alone: differences of systems on the same held-out recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import rankdata

from pdmr_classic.arrays import Floats, Ints, finite_or_none
from pdmr_classic.errors import Finding
from pdmr_classic.evaluation._member_systems import VIEW_PREFIX, WITH_COVARIATES
from pdmr_classic.evaluation.held_out_rows import Rows, match_rows
from pdmr_classic.evaluation.inflation import null_inflation
from pdmr_classic.evaluation.intervals import (
    NO_INTERVAL,
    bootstrap_scores,
    count_rarest_class_subjects,
    difference_interval,
    divide,
    nanmean,
)
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.swap_test import N_SWAPS, Differences, average_differences, swap_sums, swap_test
from pdmr_classic.evaluation.system_scores import find_limits, main_score
from pdmr_classic.features.names import COVARIATES
from pdmr_classic.models.learners.member import JOINT_VIEW

ALL_VIEWS = "all views"
_CHANCE = 0.5
_SIGNIFICANCE = 0.05
_KNOWN_CASE = (
    "So it is in published sets: in one of 2025, five personality scores alone reached an accuracy of .86, and raw "
    "OpenFace .50"
)


def pair_with_covariates(model: Rows, systems: Mapping[str, Rows]) -> dict[str, tuple[Rows, Rows]]:
    """Return for each view, and for all together, a system with it and the covariates alone, on the same rows.

    Rows are those with the covariates and the view. Empty without covariates, or without any other view.
    """
    reference = systems.get(VIEW_PREFIX + COVARIATES)
    if reference is None:
        return {}
    views = _strip_prefix(systems, VIEW_PREFIX)
    pairs = {
        view: match_rows(match_rows(system, views[view])[0], reference)
        for view, system in _strip_prefix(systems, WITH_COVARIATES).items()
    }
    if pairs:
        pairs[ALL_VIEWS] = match_rows(model, reference)
    else:
        # With a single other view, the model is the system with this view.
        others = [view for view in views if view not in (COVARIATES, JOINT_VIEW) and "+" not in view]
        pairs = {view: match_rows(match_rows(model, views[view])[0], reference) for view in others}
    return {view: pair for view, pair in pairs.items() if len(pair[0])}


def _strip_prefix(systems: Mapping[str, Rows], prefix: str) -> dict[str, Rows]:
    return {name.removeprefix(prefix): system for name, system in systems.items() if name.startswith(prefix)}


def summarise_added_value(model: Predictions, systems: Mapping[str, Predictions], seed: int = 0) -> dict[str, Any]:
    """Return what each view adds to the covariates alone, JSON-serialisable; empty without covariates.

    Returns
    -------
    dict
        `covariates`: AUC and main score of the covariates alone, on all recordings that have any; `views`: for each
        view, and for "all views" together, `n_recordings` and `n_subjects` with this view and covariates, the `scores`
        of the stack with this view and the covariates, and `differences` to the covariates alone in the same
        recordings, with `low` and `high` of the 95% interval and `p` of a permutation test (see `swap_test`);
        `n_permutations`.
    """
    pairs = pair_with_covariates(model, systems)
    if not pairs:
        return {}
    names = (main_score(model.positive), "auc")
    alone = systems[VIEW_PREFIX + COVARIATES]
    return {
        "covariates": _summarise_scores(alone, bootstrap_scores(alone, seed=seed), names),
        "views": {view: _compare(*pair, names, seed) for view, pair in pairs.items()},
        "n_permutations": N_SWAPS,
    }


def conclude_added_value(added: Mapping[str, Any]) -> tuple[Finding, bool] | None:
    """Return what the views add to the covariates alone, in a sentence, and whether it is a warning."""
    if not added:
        return None
    view = ALL_VIEWS if ALL_VIEWS in added["views"] else next(iter(added["views"]))
    auc, difference = added["covariates"]["auc"], added["views"][view]["differences"]["auc"]
    low, high = difference["low"], difference["high"]
    alone = "Covariates alone have an unknown AUC" if auc["mean"] is None else f"Covariates alone: AUC {_format(auc)}"
    subject = "all views together" if view == ALL_VIEWS else view
    if difference["difference"] is None:
        return Finding("added-value", f"{alone}. What {subject} adds to them is unknown"), False
    if low is None or high is None:
        what = f"{alone}. With {subject}, the AUC differs by {difference['difference']:+z.3f} ({NO_INTERVAL})"
        return Finding("added-value", what), False
    p = "" if difference["p"] is None else f", permutation p {difference['p']:.3f}"
    facts = f"{difference['difference']:+z.3f} (95% CI {low:+z.2f} to {high:+z.2f}){p}"
    verb = "is" if is_significant(difference["p"]) else "may be"
    if low > 0:
        return Finding("added-value", f"{alone}. With {subject}, the AUC {verb} higher: {facts}"), False
    verdict = f"{verb} lower" if high < 0 else "cannot be distinguished from that"
    what = f"{alone}. With {subject}, the AUC {verdict}: {facts}"
    if auc.get("low") is None or auc["low"] <= _CHANCE:
        return Finding("added-value", what), False
    return Finding("covariates-alone", f"{what}. {_KNOWN_CASE}", hint="report both"), True


def is_significant(p: float | None) -> bool:
    """Return whether a permutation test agrees that two systems differ; not if there is no p-value."""
    return p is not None and p <= _SIGNIFICANCE


def _format(score: Mapping[str, float | None]) -> str:
    low, high = score.get("low"), score.get("high")
    return f"{score['mean']:.3f}" + ("" if low is None or high is None else f" (95% CI {low:.2f} to {high:.2f})")


def _compare(system: Predictions, reference: Predictions, names: tuple[str, ...], seed: int) -> dict[str, Any]:
    drawn, other = bootstrap_scores(system, seed=seed), bootstrap_scores(reference, seed=seed)
    p = swap_test(system, class_differences(system, reference), seed=seed)
    differences = {}
    for name in names:
        difference = drawn[name] - other[name]
        limits = difference_interval(difference, count_rarest_class_subjects(system), null_inflation(system))
        low, high = limits or (None, None)
        differences[name] = {"difference": finite_or_none(difference[0]), "low": low, "high": high, "p": p.get(name)}
    return {
        "n_recordings": len(np.unique(system.recording.astype(str))),
        "n_subjects": len(np.unique(system.subject)),
        "scores": _summarise_scores(system, drawn, names),
        "differences": differences,
    }


def _summarise_scores(system: Predictions, drawn: Mapping[str, Floats], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: {"mean": finite_or_none(drawn[name][0]), **find_limits(system, name, drawn[name])} for name in names}


# ------------------------------------------------------------------------------------------- permutation test


def class_differences(a: Predictions, b: Predictions) -> Differences:
    """Return a function of the differences a - b in AUC, macro F1 and, with a positive class, F1.

    For the AUC, probabilities are replaced by their ranks within the fold: two systems spread their probabilities in
    different ways, and only their order is to be swapped.
    """
    subject = np.unique(a.subject, return_inverse=True)[1]
    return average_differences([_repeat_differences(a, b, rows, subject) for rows in a.repeat_rows()])


def _repeat_differences(a: Predictions, b: Predictions, rows: Ints, subject: Ints) -> Differences:
    counts = [_count_decisions(system, rows, subject) for system in (a, b)]
    folds = [(k, fold) for k in a.auc_classes for fold in a.fold_rows(rows)]
    ranks = [[rankdata(system.probability[fold, k]) for system in (a, b)] for k, fold in folds]

    def differences(swaps: Floats) -> dict[str, Floats]:
        f1, other_f1 = (_f1_scores(*sums) for sums in swap_sums(counts[0], counts[1], swaps))
        aucs = [
            _auc_difference(a.truth[fold] == k, first, second, swaps[subject[fold]] > 0)
            for (k, fold), (first, second) in zip(folds, ranks, strict=True)
        ]
        scores = {"macro_f1": nanmean(f1) - nanmean(other_f1), "auc": nanmean(np.stack(aucs))}
        k = a.positive_index
        return scores if k is None else scores | {"f1": f1[k] - other_f1[k]}

    return differences


def _count_decisions(system: Predictions, rows: Ints, subject: Ints) -> Floats:
    """Return the number of hits, of predicted and of true rows of each class and subject, shape [3, K, S]."""
    one_hot = np.eye(len(system.classes))
    truth, predicted = one_hot[system.truth[rows]], one_hot[system.predicted[rows]]
    counts = np.zeros((int(subject.max()) + 1, 3, len(system.classes)))
    np.add.at(counts, subject[rows], np.stack([truth * predicted, predicted, truth], axis=1))
    return np.moveaxis(counts, 0, -1)


def _f1_scores(hits: Floats, predicted: Floats, true: Floats) -> Floats:
    return np.where(true > 0, divide(2 * hits, predicted + true), np.nan)


def _auc_difference(positive: np.ndarray, first: Floats, second: Floats, is_swapped: np.ndarray) -> Floats:
    n_positive = np.count_nonzero(positive)
    n_pairs = n_positive * (len(positive) - n_positive)
    if not n_pairs:
        return np.full(is_swapped.shape[1], np.nan)
    a, b = (
        rankdata(np.where(is_swapped, other[:, None], own[:, None]), axis=0)[positive].sum(axis=0)
        for own, other in ((first, second), (second, first))
    )
    return np.asarray((a - b) / n_pairs)
