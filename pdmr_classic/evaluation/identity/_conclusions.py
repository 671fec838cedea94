"""What an audit found, and what it cannot tell, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdmr_classic.evaluation.identity._membership import CONFIDENCE, LOSS, STORED
from pdmr_classic.evaluation.identity._representations import INPUTS, RAW

_STRONG = 0.95
_FEW_SUBJECTS = 30
# Attacks this good matter: an interval that contains chance and reaches beyond rules nothing out.
_FAR = 0.7
_NAMES = {LOSS: "the probability of its true class", CONFIDENCE: "the largest probability", STORED: "the stored rows"}


def conclude(audit: Mapping[str, Any]) -> list[str]:
    """Return sentences about identity in each representation, stored rows, membership and attributes."""
    sentences = []
    for part in audit["representations"]:
        sentences += [_identity(part, audit["unit"])]
    by_name = {part["name"]: part for part in audit["representations"]}
    if RAW in by_name and INPUTS in by_name:
        sentences += _compare(by_name[RAW], by_name[INPUTS])
    sentences += _stored(audit["stored"]) + _membership(audit["membership"])
    for part in audit["representations"]:
        sentences += [_attribute(part["name"], column, estimate) for column, estimate in part["attributes"].items()]
    return sentences


def _identity(part: Mapping[str, Any], unit: str) -> str:
    auc, found = part["verification"]["auc"], part["identification"]
    if auc["value"] is None:
        return f"Identity in the {part['name']}: not measured, because {auc['reason']}."
    name, what = part["name"], f"AUC {_with_interval(auc)}, chance 0.50"
    if _is_open(auc):
        verdict = f"neither found nor ruled out by these attackers: too few people ({what})"
    elif _contains_chance(auc):
        verdict = f"not found by these attackers ({what})"
    elif auc["value"] < 0.5:
        verdict = f"not found by these attackers, which are wrong more often than by chance ({what})"
    elif auc["value"] >= _STRONG:
        verdict = f"clearly there: the attackers nearly always tell two {unit} of one person from those of two ({what})"
    else:
        verdict = f"there: the attackers tell two {unit} of one person from those of two ({what})"
    if found["value"] is None:
        return f"Identity in the {name} is {verdict}."
    rate = f"{_with_interval(found, '.0%')} of them to the right person among {found['n_candidates']:.0f}"
    return f"Identity in the {name} is {verdict}; they assign {rate} (chance {found['chance']:.0%})."


def _compare(raw: Mapping[str, Any], inputs: Mapping[str, Any]) -> list[str]:
    before, after = raw["verification"]["auc"], inputs["verification"]["auc"]
    if before["value"] is None or after["value"] is None or before["low"] is None or after["low"] is None:
        return []
    change = f"from AUC {before['value']:.2f} in the raw features to {after['value']:.2f} in what the model learns from"
    if after["high"] < before["low"] and _contains_chance(after):
        return [f"The model removes identity, as far as these attackers can tell: {change}."]
    if after["high"] < before["low"]:
        return [f"The model removes a part of identity, not all of it: {change}."]
    if after["low"] > before["high"]:
        return [f"What the model learns from reveals more than the raw features: {change}."]
    return [f"The model does not clearly remove identity ({change}; the intervals overlap)."]


def _stored(stored: Mapping[str, Any] | None) -> list[str]:
    if stored is None:
        return []
    if not stored["n_rows"]:
        return ["The model file stores no rows of training recordings."]
    share = stored["n_rows"] / stored["n_training"] if stored["n_training"] else None
    of_training = "" if share is None else f", {min(share, 1):.0%} of the training recordings"
    text = (
        f"The model file stores rows of training recordings ({stored['member']}: {stored['n_rows']:.0f}{of_training})"
    )
    if stored["linked"] is not None:
        text += f"; {stored['linked']:.0%} of them can be linked to their recording"
    found = stored["identification"]
    if found is not None and found["value"] is not None:
        text += (
            ", and another recording of a training person leads to a row of that person in "
            f"{_with_interval(found, '.0%')} of cases (chance {found['chance']:.0%})"
        )
    return [f"{text}. --no-training-rows avoids this."]


def _membership(membership: Mapping[str, Any]) -> list[str]:
    if "reason" in membership:
        return [f"Membership: not measured, because {membership['reason']}."]
    sentences = []
    for name, auc in membership["attacks"].items():
        if auc["value"] is None:
            continue
        sentences.append(_say_whether(auc, f"it can be told from {_NAMES[name]} whether a recording was trained on"))
    return sentences


def _attribute(name: str, column: str, auc: Mapping[str, Any]) -> str:
    if auc["value"] is None:
        return f"{column} from the {name}: not measured, because {auc['reason']}."
    return _say_whether(auc, f"{column} can be predicted from the {name}")


def _say_whether(auc: Mapping[str, Any], claim: str) -> str:
    """Return a claim as far as the interval supports it: it holds, there is no evidence, or too few people."""
    if _is_open(auc):
        text = f"Too few people to tell whether {claim}"
    elif _contains_chance(auc) or auc["value"] < auc["chance"]:
        text = f"No evidence that {claim}"
    else:
        text = claim[0].upper() + claim[1:] if claim.startswith("it ") else claim
    return f"{text} (AUC {_with_interval(auc)}, chance 0.50)."


def _is_open(auc: Mapping[str, Any]) -> bool:
    """Return whether there is no interval, or one from chance to far above."""
    return auc["low"] is None or (_contains_chance(auc) and bool(auc["high"] > _FAR))


def _contains_chance(part: Mapping[str, Any]) -> bool:
    return bool(part["low"] <= part["chance"] <= part["high"])


def _with_interval(part: Mapping[str, Any], form: str = ".2f") -> str:
    if part["low"] is None:
        return f"{part['value']:{form}}"
    return f"{part['value']:{form}} (95% interval {part['low']:{form}} to {part['high']:{form}})"


def list_limits(audit: Mapping[str, Any]) -> list[str]:
    """Return what the audit cannot tell."""
    limits = []
    if audit["unit"] == "halves":
        limits.append(
            "Pairs are the two halves of one recording, because no person has two recordings of one label: they share "
            "camera, room, clothes and mood. Identity in recordings of other days is at most this, and may be far less."
        )
    else:
        limits.append(
            "Recordings of one person on one day share camera, room and clothes: what looks like identity may be the "
            "session. For other days, these figures are an upper bound."
        )
    if audit["n_attacked_subjects"] < _FEW_SUBJECTS:
        limits.append(
            f"There are only {audit['n_attacked_subjects']} people to attack: intervals are wide, and it is easier to "
            "find someone among few people than among many."
        )
    limits.append(
        "Only these attackers were tried: cosine, PLDA and boosting on differences, trained on few people. Better ones "
        "may exist, so an AUC of 0.50 is no proof of anonymity."
    )
    if audit["stored"] is not None:
        limits.append(
            "Of what a model file stores, only whole rows were attacked: not the thresholds of trees and the medians, "
            "which mix recordings, and not the hashes of the training files, by which anyone who has such a file sees "
            "that it was used."
        )
    if audit["attackers_learn_from"] == "people that the model was trained on":
        limits.append(
            "The attackers learned from people that the model was trained on, because there are few others. A "
            "suppression of habits that is fitted on these may hide from the attackers what others could still find; "
            "scores and predictions were not attacked for this reason."
        )
    if audit["model"] == "none":
        limits.append(
            "No model was attacked. To train some, at least two classes need four subjects each; or pass one with "
            "--model."
        )
    if not audit["has_labels"]:
        limits.append("There are no labels: whatever distinguishes the classes counts as identity here.")
    return limits
