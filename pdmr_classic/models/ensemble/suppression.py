"""Which members suppress personal habits, and what they removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sklearn.pipeline import Pipeline

from pdmr_classic.config import LearningSettings
from pdmr_classic.errors import Finding
from pdmr_classic.models.ensemble.fold_data import ViewData
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.search_spaces import SUPPRESS_DEFAULTS
from pdmr_classic.models.learners.suppression import MIN_SUBJECTS, SuppressIdentity, count_repeated
from pdmr_classic.progress import Reporter
from pdmr_classic.text import format_count, format_list


def add_suppression(
    members: Sequence[Member], data: Mapping[str, ViewData], learning: LearningSettings, reporter: Reporter
) -> list[Member]:
    """Return members that suppress personal habits if the settings say so, on views with enough repeated subjects.

    Parameters
    ----------
    members : sequence of Member
    data : dict
        By view name.
    learning : LearningSettings
    reporter : Reporter
        Receives one note if some views have too few subjects with several recordings.
    """
    if not learning.suppress_identity:
        return list(members)
    n_repeated = {name: _count_repeated(view) for name, view in data.items()}
    lacking = {name: n for name, n in n_repeated.items() if n < MIN_SUBJECTS}
    if lacking:
        has_groups = any(len({*view.groups}) < len(view.groups) for view in data.values())
        is_everywhere = len(lacking) == len(n_repeated)
        reporter.note(_too_few_repeated(lacking, is_everywhere=is_everywhere, has_groups=has_groups))
    return [
        member if member.view in lacking else replace(member, params={**member.params, **SUPPRESS_DEFAULTS})
        for member in members
    ]


def _count_repeated(data: ViewData) -> int:
    return count_repeated(data.groups, None if data.is_numeric else data.y, data.weights)


def _too_few_repeated(lacking: Mapping[str, int], *, is_everywhere: bool, has_groups: bool) -> Finding:
    where = "" if is_everywhere else f" in the {'view' if len(lacking) == 1 else 'views'} {format_list(list(lacking))}"
    return Finding(
        "identity-not-suppressed",
        f"personal habits are not suppressed{where}: too few subjects have several recordings to learn them from",
        expected=f"two or more recordings, of one class, of at least {MIN_SUBJECTS} subjects",
        found=format_count(max(lacking.values()), "such subject"),
        hint=None if has_groups else "if recordings of one person have several ids, name the subjects (--groups)",
    )


def describe_suppression(models: Mapping[str, Pipeline]) -> dict[str, Any]:
    """Return the method and the number of directions of each model that suppresses habits, JSON-serialisable."""
    steps = {name: step for name, model in models.items() for step in model[:-1] if isinstance(step, SuppressIdentity)}
    return {name: {"method": step.method, "directions": step.axes_.shape[1]} for name, step in steps.items()}


def find_suppression(models: Mapping[str, Pipeline]) -> list[Finding]:
    """Return one sentence about what the models of a stack removed; nothing if they do not suppress habits."""
    numbers = [model["directions"] for model in describe_suppression(models).values()]
    if not numbers:
        return []
    used = sorted(number for number in numbers if number)
    removed = "no direction in which subjects differ by more than chance was found"
    if used:
        spread = format_count(used[0], "direction") if used[0] == used[-1] else f"{used[0]} to {used[-1]} directions"
        removed = f"{len(used)} of {format_count(len(numbers), 'base learner')} remove or attenuate {spread}"
    return [Finding("identity-suppressed", f"personal habits are suppressed: {removed}")]
