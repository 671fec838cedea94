"""Which conditions get an expert, and how the rows of the others count when it is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import Finding
from pdmr_classic.text import format_count

UNKNOWN = ""  # a recording whose condition is not known
_MIN_SUBJECTS_PER_CLASS = 2
_MIN_SUBJECTS = 4  # of a score, which has no classes
# Rows of other conditions have half the weight if a condition has this many subjects. Of 5, 20 and 60, fewer were
# better for linear models of 13 columns (50 subjects, 20 seeds); stronger learners have more use for the other rows.
_N_SHRINK = 10


def expert_weights(
    conditions: NDArray[Any], groups: NDArray[Any], condition: str, weights: Floats | None = None
) -> Floats:
    """Return the sample weights with which the expert of a condition is trained.

    A row of the condition has weight 1, any other row n0 / (n0 + n_c), where n_c is the number of subjects of the
    condition and n0 = 10: the expert of a small condition is close to the common model.

    Parameters
    ----------
    conditions : ndarray of str, shape [n]
        "" if unknown.
    groups : ndarray, shape [n]
        Subjects.
    condition : str
    weights : ndarray, shape [n], optional
        Sample weights; subjects whose rows all have weight 0 are not counted.

    Returns
    -------
    ndarray, shape [n]
        Ones if there is only one condition.

    Examples
    --------
    >>> expert_weights(np.array(["human", "robot"]), np.array(["S1", "S2"]), "human").round(2)
    array([1.  , 0.91])
    """
    is_member = conditions == condition
    if not is_member.any() or len(list_conditions(conditions)) < 2:
        return np.ones(len(conditions))
    n_subjects = len(set(groups[is_member & (True if weights is None else weights > 0)].tolist()))
    return np.where(is_member, 1.0, _N_SHRINK / (_N_SHRINK + n_subjects))


def list_conditions(conditions: NDArray[Any]) -> list[str]:
    """Return the known conditions, sorted."""
    return sorted({str(condition) for condition in conditions.tolist()} - {UNKNOWN})


def choose_experts(
    conditions: NDArray[Any], groups: NDArray[Any], codes: Ints | None = None, weights: Floats | None = None
) -> tuple[list[str], list[Finding]]:
    """Return the conditions that have enough subjects for an expert, and findings about the others.

    Parameters
    ----------
    conditions : ndarray of str, shape [n]
        "" if unknown.
    groups : ndarray, shape [n]
        Subjects.
    codes : ndarray of int, shape [n], optional
        Class numbers: each condition needs two subjects of each class. None for a score: it needs four subjects.
    weights : ndarray, shape [n], optional
        Rows with weight 0 are not counted.

    Returns
    -------
    experts : list of str
        Sorted; empty if there is only one condition.
    findings : list of Finding
    """
    is_used = np.ones(len(groups), dtype=bool) if weights is None else weights > 0
    conditions, groups = conditions[is_used], groups[is_used]
    codes = None if codes is None else codes[is_used]
    names = list_conditions(conditions)
    if len(names) < 2:
        what = f"the only condition is {names[0]!r}" if names else "no recording has a condition"
        return [], [_no_expert("one-condition", what, "two conditions or more", "with fewer, nothing changes")]
    experts, findings = [], []
    for name in names:
        found, expected = _shortage(
            groups[conditions == name], None if codes is None else codes[conditions == name], codes
        )
        if found:
            hint = "add subjects, or merge small conditions"
            findings.append(_no_expert("small-condition", f"condition {name!r} gets no expert", expected, hint, found))
        else:
            experts.append(name)
    return experts, findings


def _shortage(groups: NDArray[Any], codes: Ints | None, all_codes: Ints | None) -> tuple[str, str]:
    """Return what a condition has too few of ("" if it has enough), and what is expected."""
    if codes is None or all_codes is None:
        n = len(set(groups.tolist()))
        return format_count(n, "subject") if n < _MIN_SUBJECTS else "", f"at least {_MIN_SUBJECTS} subjects"
    fewest = min(len(set(groups[codes == code].tolist())) for code in np.unique(all_codes))
    found = f"{format_count(fewest, 'subject')} of one class" if fewest < _MIN_SUBJECTS_PER_CLASS else ""
    return found, f"at least {_MIN_SUBJECTS_PER_CLASS} subjects per class"


def _no_expert(code: str, what: str, expected: str, hint: str, found: str | None = None) -> Finding:
    return Finding(code, f"{what}: the common model is used", expected=expected, found=found, hint=hint)
