"""The members of the ensemble: an algorithm on a view, with its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pdmr_classic.models.learners.search_spaces import default_params

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Member:
    """One base learner on one view, with its parameters."""

    view: str
    learner: str
    params: Params = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return f"{self.view}/{self.learner}"


def default_members(views: Iterable[str], learners: Iterable[str]) -> list[Member]:
    """Return every learner on every view, with the parameters that its study begins with."""
    learners = list(learners)
    return [Member(view, learner, default_params(learner, has_audio=False)) for view in views for learner in learners]
