"""What the severities of an evaluation mean, in sentences that are built from the same facts.

Four questions: do severities agree with the true scores of new people better than by chance (concordance, permutation
test)? Are their errors smaller than those of one score for everyone? Do recording conditions alone agree with the
scores, and what does the model add to them? Do the predictive intervals contain as many scores as promised?
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdmr_classic.errors import Finding

_SIGNIFICANCE = 0.05
_CONDITIONS = "duration, frame rate, quality, missing modalities"

_Part = Mapping[str, Any]


def conclude_severity(
    scores: _Part,
    permutation_test: _Part,
    baselines: _Part,
    difference: _Part,
    coverage: _Part,
    who: str = "new people",
) -> tuple[list[str], list[Finding]]:
    """Return what the severities mean, sentence by sentence, and those sentences that are warnings as findings.

    Parameters
    ----------
    scores, permutation_test, baselines, coverage
        Parts of `severity` in an evaluation.
    difference : dict
        `baseline` (mean or median, whichever has the smaller error), and `difference` in MAE (model minus baseline)
        with `low` and `high`.
    who : str
        Whose scores are predicted.
    """
    agreement = _conclude_agreement(scores["ccc"], permutation_test["p_fixed_predictions"].get("ccc"), who)
    error, is_better = _conclude_error(scores["mae"], difference)
    shortcut, is_shortcut = _conclude_shortcut(baselines["shortcut"])
    covered, is_too_low = _conclude_coverage(coverage, who)
    findings = [
        (Finding("severity-floor", error), not is_better),
        (Finding("severity-shortcut", shortcut, column="ccc"), is_shortcut),
        (Finding("severity-coverage", covered), is_too_low),
    ]
    sentences = [agreement, *(finding.what for finding, _ in findings if finding.what)]
    return sentences, [finding for finding, is_warning in findings if is_warning]


def _conclude_agreement(ccc: _Part, p: float | None, who: str) -> str:
    if ccc["mean"] is None:
        return f"Whether severities agree with the scores of {who} is unknown: {ccc['reason']}"
    facts = f"CCC {_format_score(ccc)}" + ("" if p is None else f", permutation p {p:.3f}")
    if ccc["high"] is not None and ccc["high"] < 0:
        return f"Severities agree with the scores of {who} less than by chance: {facts}"
    is_outside, is_significant = ccc["low"] is not None and ccc["low"] > 0, p is not None and p <= _SIGNIFICANCE
    if is_outside and is_significant:
        return f"Severities agree with the scores of {who} better than by chance: {facts}"
    if is_outside or is_significant:
        return f"It is uncertain whether severities agree with the scores of {who} better than by chance: {facts}"
    return f"There is no evidence that severities agree with the scores of {who} better than by chance: {facts}"


def _conclude_error(mae: _Part, part: _Part) -> tuple[str, bool]:
    """Return the sentence on errors, and whether they are smaller than those of one score for everyone."""
    subject = f"The mean absolute error, {_format_score(mae, '.3g')},"
    reference = f"that of predicting the training {part['baseline']} for everyone"
    if part["low"] is None or part["high"] is None:
        return f"{subject} cannot be compared with {reference}", True
    difference = f"{part['difference']:+z.2f} ({part['low']:+z.2f} to {part['high']:+z.2f})"
    if part["high"] < 0:
        return f"{subject} is smaller than {reference}: difference {difference}", True
    verdict = "is larger than" if part["low"] > 0 else "cannot be distinguished from"
    return f"{subject} {verdict} {reference}: difference {difference}", False


def _conclude_shortcut(shortcut: _Part) -> tuple[str, bool]:
    if shortcut["problem"]:
        return f"Recording conditions ({_CONDITIONS}) and the score: {shortcut['problem']}", False
    facts = f"CCC {_format_score(shortcut['scores']['ccc'])}, permutation p {shortcut['p']:.3f}"
    if shortcut["p"] > _SIGNIFICANCE:
        return f"Recording conditions alone ({_CONDITIONS}) do not clearly agree with the scores: {facts}", False
    part = shortcut["model_minus_shortcut"]
    what = f"Recording conditions alone ({_CONDITIONS}) agree with the scores better than by chance: {facts}. "
    if part["low"] is None or part["high"] is None:
        return what + "The difference to the model is unknown", True
    interval = f"{part['difference']:+z.2f} ({part['low']:+z.2f} to {part['high']:+z.2f})"
    is_apart = part["low"] > 0 or part["high"] < 0
    verdict = "differs from it by" if is_apart else "cannot be distinguished from it:"
    return f"{what}The model's CCC {verdict} {interval}", True


def _conclude_coverage(part: _Part, who: str) -> tuple[str, bool]:
    """Return the sentence on the intervals, and whether they clearly contain fewer scores than promised."""
    coverage = part["coverage"]
    if coverage["mean"] is None:
        return "", False
    limits = "" if coverage["low"] is None else f" (95% CI {coverage['low']:.0%} to {coverage['high']:.0%})"
    is_too_low = coverage["high"] is not None and coverage["high"] < part["level"]
    but = ", fewer than promised" if is_too_low else ""
    what = f"The {part['level']:.0%} intervals contain the scores of {coverage['mean']:.0%} of {who}{limits}{but}"
    return f"{what}; their mean width is {part['mean_width']:.3g}", is_too_low


def _format_score(score: _Part, form: str = ".3f") -> str:
    if score["mean"] is None:
        return "unknown"
    limits = "" if score["low"] is None else f" (95% CI {score['low']:.2f} to {score['high']:.2f})"
    return f"{score['mean']:{form}}{limits}"
