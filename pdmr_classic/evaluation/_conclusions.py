"""What an evaluation means, in sentences that cannot contradict each other: all are built here, from the same facts.

Three questions are kept apart. Ranking: are people of the positive class given higher probabilities (AUC, permutation
test)? Decisions: is the F1 at the chosen threshold higher than that of one answer for everyone (floor)? Conditions: do
recording conditions alone rank better than chance, and what does the model add to them?
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.intervals import NO_INTERVAL
from pdmr_classic.evaluation.known_people import NEW_PEOPLE, HeldOut, name_held_out, warn_of_known_people
from pdmr_classic.evaluation.system_scores import main_score
from pdmr_classic.text import format_list

_SIGNIFICANCE = 0.05
_CONDITIONS = "duration, frame rate, quality, missing modalities"
_LABELS = {"f1": "F1", "macro_f1": "Macro F1"}
_CHANCE = 0.5

_Score = Mapping[str, float | None]


def conclude_evaluation(
    scores: Mapping[str, Any],
    permutation_test: Mapping[str, Any],
    baselines: Mapping[str, Any],
    confounds: Mapping[str, Any],
    positive: str | None,
    *,
    held_out: HeldOut = NEW_PEOPLE,
) -> tuple[list[str], list[Finding]]:
    """Return what an evaluation means, sentence by sentence, and those sentences that are warnings as findings.

    Parameters
    ----------
    scores, permutation_test, baselines, confounds
        Parts of the evaluation, see `evaluate`; `confounds` is empty without `--confounds`.
    positive : str or None
    held_out : {"new people", "another visit of known people"}

    Notes
    -----
    A shortcut is reported if its own AUC, or any of its columns, differs from chance by a permutation test; with
    `--confounds`, the groups whose corrected permutation p is at most .05 are reported instead, so that looking at many
    does not raise false alarms.
    """
    p = permutation_test["p_fixed_predictions"].get("auc")
    ranking, ranks = _conclude_ranking(scores["auc"], p, name_held_out(held_out))
    decision, is_above_floor = _conclude_decisions(scores, baselines["floor"], positive, ranks=ranks)
    warnings = [] if is_above_floor else [Finding("floor", decision)]
    conditions = _conclude_confounds(confounds) if confounds else _conclude_shortcut(baselines["shortcut"])
    known = warn_of_known_people(held_out)
    return [*(finding.what for finding in known), ranking, decision, *(finding.what for finding, _ in conditions)], [
        *known,
        *(finding for finding, is_warning in conditions if is_warning),
        *warnings,
    ]


def _conclude_ranking(auc: _Score, p: float | None, who: str) -> tuple[str, bool]:
    """Return the sentence on ranking, and whether it is better than chance by interval and permutation test."""
    if auc["mean"] is None:
        return f"Whether the model ranks {who} better than chance is unknown: no fold has both classes", False
    facts = f"AUC {_format_score(auc)}" + ("" if p is None else f", permutation p {p:.3f}")
    low, high = auc.get("low"), auc.get("high")
    if high is not None and high < _CHANCE:
        return f"The model ranks {who} worse than chance: {facts}", False
    is_outside, is_significant = low is not None and low > _CHANCE, p is not None and p <= _SIGNIFICANCE
    if is_outside and is_significant:
        return f"The model ranks {who} better than chance: {facts}", True
    if is_outside or is_significant:
        return f"It is uncertain whether the model ranks {who} better than chance: {facts}", False
    return f"There is no evidence that the model ranks {who} better than chance: {facts}", False


def _conclude_decisions(
    scores: Mapping[str, Any], floor: Mapping[str, Any], positive: str | None, *, ranks: bool
) -> tuple[str, bool]:
    """Return the sentence on decisions, and whether they are better than one answer for everyone."""
    name = main_score(positive)
    score, limit = scores[name], floor[name]
    subject = f"{_LABELS[name]}{'' if positive is None else f' of {positive}'}, {_format_score(score)},"
    reference = f"that of answering {floor['label']} for everyone ({limit:.3f})"
    if score.get("low") is None:
        return f"{subject} has no interval, so that it cannot be compared with {reference}", True
    if score["low"] > limit:
        return f"{subject} is higher than {reference}", True
    verdict = "is lower than" if score["high"] < limit else "cannot be distinguished from"
    # Both can be true: a good ranking gives a poor F1 at a poor threshold, or if nearly everyone is positive.
    why = "; unlike the ranking, it depends on the threshold" if ranks else ""
    return f"{subject} {verdict} {reference}{why}", False


def _conclude_shortcut(shortcut: Mapping[str, Any]) -> list[tuple[Finding, bool]]:
    if shortcut["problem"]:
        what = f"Recording conditions ({_CONDITIONS}): {shortcut['problem']}"
        return [(Finding("shortcut", what), False)]
    auc = _format_score(shortcut["scores"]["auc"])
    if not shortcut["is_above_chance"]:
        what = f"Recording conditions alone ({_CONDITIONS}) do not clearly rank better than chance: AUC {auc}"
        return [(Finding("shortcut", what), False)]
    low = shortcut["scores"]["auc"].get("low")
    if low is not None and low > _CHANCE:
        verdict = f"rank better than chance: AUC {auc}"
    else:
        facts = f"{shortcut['strongest_column']} (permutation p {shortcut['p']:.3f})"
        verdict = f"differ between the classes, above all {facts}; together, their AUC is {auc}"
    what = f"Recording conditions alone ({_CONDITIONS}) {verdict}. "
    strata = _describe_strata(shortcut["within_strata"], "conditions", comparable=shortcut["are_comparable"])
    what += f"{_describe_difference(shortcut['model_minus_shortcut'])}. {strata}"
    return [
        (Finding("shortcut", what, column="auc", hint="run evaluate --confounds, which says which and repairs"), True)
    ]


def _describe_difference(part: _Score) -> str:
    if part["difference"] is None:
        return "The difference to the model is unknown"
    if part["low"] is None or part["high"] is None:
        return f"The difference of the model's AUC to it is {part['difference']:+z.2f} ({NO_INTERVAL})"
    interval = f"({part['low']:+z.2f} to {part['high']:+z.2f})"
    if part["low"] > 0:
        return f"The model's AUC is higher by {part['difference']:.2f} {interval}"
    if part["high"] < 0:
        return f"The model's AUC is lower by {-part['difference']:.2f} {interval}"
    return f"The model's AUC cannot be distinguished from it: {part['difference']:+z.2f} {interval}"


def _describe_strata(model: Mapping[str, Any], of: str, *, comparable: bool) -> str:
    """Describe the model's AUC within strata, unless the conditions still tell the classes apart there."""
    if model["auc"]["mean"] is None or not comparable:
        return f"What it adds cannot be told: recordings of both classes hardly share the same {of}"
    return f"Among recordings of similar {of}, its AUC is {_format_score(model['auc'])}"


def _conclude_confounds(confounds: Mapping[str, Any]) -> list[tuple[Finding, bool]]:
    if confounds["found"]:
        return [(_warn_of_confounds(confounds), True), (_describe_repair(confounds), False)]
    n_groups = sum(not group["problem"] for group in confounds["groups"].values())
    if not n_groups:
        return [(Finding("confound", "Recording conditions: could not look, none are known or differ"), False)]
    what = f"None of {n_groups} groups of recording conditions clearly predicts the label: nothing to repair"
    return [(Finding("confound", what), False)]


def _warn_of_confounds(confounds: Mapping[str, Any]) -> Finding:
    groups = [
        f"{name} (AUC {_format_score(confounds['groups'][name]['scores']['auc'])})" for name in confounds["found"]
    ]
    strongest = confounds["strongest"]
    strata = _describe_strata(strongest["model"], strongest["group"], comparable=strongest["are_comparable"])
    strata = strata.replace("What it adds", "What the model adds").replace("its AUC", "the model's AUC")
    what = f"Recording conditions alone predict the label: {format_list(groups)}. {strata}"
    return Finding("confound", what, column="auc", hint="compare how the recordings of the classes were made")


def _describe_repair(confounds: Mapping[str, Any]) -> Finding:
    repaired = confounds["repaired"]
    if repaired["problem"]:
        return Finding("repair", f"Without these conditions: {repaired['problem']}")
    auc = repaired["scores"]["auc"]
    what = f"With features repaired for these conditions, the model's AUC is {_format_score(auc)}"
    low = auc.get("low")
    verdict = (
        "" if low is None or low > 0.5 else ": no evidence of more than the conditions and what goes along with them"
    )
    return Finding("repair", what + verdict)


def _format_score(score: _Score) -> str:
    if score["mean"] is None:
        return "unknown"
    low, high = score.get("low"), score.get("high")
    interval = "" if low is None or high is None else f" (95% CI {low:.2f} to {high:.2f})"
    return f"{score['mean']:.3f}{interval}"
