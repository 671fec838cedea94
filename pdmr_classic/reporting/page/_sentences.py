"""Sentences that say in words what plots and tables of a page show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from pdmr_classic.reporting.page._agreement import find_agreement
from pdmr_classic.reporting.page._formats import format_number
from pdmr_classic.text import format_list

_Section = Mapping[str, Any]
_MAX_ITEMS = 12


def describe_threshold(threshold: _Section) -> str:
    """Return in a sentence which threshold was chosen, and where F1 is largest."""
    chosen = threshold.get("chosen")
    text = "No threshold was recorded." if chosen is None else f"Chosen threshold: {format_number(chosen['median'], 2)}"
    if chosen is not None:
        differs = chosen["low"] != chosen["high"]
        spread = [format_number(chosen[name], 2) for name in ("low", "high")]
        text += f" (median over folds; {spread[0]} to {spread[1]})." if differs else "."
    scored = [(value, at) for value, at in zip(threshold["f1"], threshold["grid"], strict=True) if value is not None]
    if scored:
        value, at = max(scored, key=lambda pair: pair[0])
        text += f" F1 is largest, {format_number(value)}, at {format_number(at, 2)}."
    return text


def describe_net_benefit(net_benefit: _Section) -> str:
    """Return in a sentence for which thresholds the model is better than acting on everyone and on no one."""
    rows = zip(*(net_benefit[name] for name in ("grid", "model", "all")), strict=True)
    useful = [at for at, model, everyone in rows if model is not None and model > max(everyone or 0.0, 0.0) + 1e-9]
    if not useful:
        return "At no threshold is the model better than acting on everyone or on no one."
    low, high = format_number(useful[0], 2), format_number(useful[-1], 2)
    if low == high:
        return f"The model is better than acting on everyone and on no one at the threshold {low} only."
    step = net_benefit["grid"][1] - net_benefit["grid"][0] if len(net_benefit["grid"]) > 1 else 1.0
    has_gap = any(after - before > 1.5 * step for before, after in pairwise(useful))
    where = "most" if has_gap else "all"
    return f"The model is better than acting on everyone and on no one at {where} thresholds from {low} to {high}."


def describe_agreement(points: Sequence[_Section]) -> str:
    """Return in words what a Bland-Altman plot shows."""
    agreement = find_agreement(points)[2]
    bias, low, high = (format_number(agreement[name], 1, signed=True) for name in ("bias", "low", "high"))
    return (
        f"Difference against mean of predicted and true scores (Bland-Altman plot). The mean difference is {bias}; "
        f"95% of the differences are expected between {low} and {high} (limits of agreement, dashed)."
    )


def describe_gap(gap: _Section) -> str:
    """Return the largest gap between subgroups, beside those that chance makes, to follow the label of the score."""
    text = f"largest gap {format_number(gap['gap'])}"
    if gap.get("chance_95") is None:
        return f"{text}."
    chance = f"95% of gaps by chance are below {format_number(gap['chance_95'])}"
    return f"{text}; {chance} (permutation p {format_number(gap['p'])})."


def describe_value(value: object) -> str:
    """Return a setting or a version as text.

    Examples
    --------
    >>> describe_value(["svm", "linear"]), describe_value(None), describe_value(True), describe_value([])
    ('svm, linear', 'none', 'yes', 'none')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return format_list([f"{key} {describe_value(part)}" for key, part in value.items()], _MAX_ITEMS) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return format_list([describe_value(part) for part in value], _MAX_ITEMS) or "none"
    return "none" if value is None else str(value)
