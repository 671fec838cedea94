"""Members of the ensemble: a learning algorithm, the view it is trained on, and its hyperparameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Params = Mapping[str, Any]
JOINT_VIEW = "both"
"""Name of the view with the columns of two modalities, if there are only two."""
_SEPARATOR = "+"


def joint_view_name(modalities: Iterable[str], n_modalities: int) -> str:
    """Return the name of the view with the columns of several of all modalities.

    Examples
    --------
    >>> joint_view_name(["video", "audio"], 2), joint_view_name(["video", "audio"], 3)
    ('both', 'audio+video')
    """
    return JOINT_VIEW if n_modalities == 2 else _SEPARATOR.join(sorted(modalities))


def is_joint_view(view: str) -> bool:
    """Return whether a view has the columns of several modalities."""
    return view == JOINT_VIEW or _SEPARATOR in view


@dataclass(frozen=True)
class Member:
    """A base learner on one view, with its hyperparameters."""

    view: str
    learner: str
    params: Params = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return f"{self.view}/{self.learner}"

    @property
    def suppresses(self) -> bool:
        """Whether personal habits are suppressed, see `SuppressIdentity`."""
        return "suppress" in self.params

    @property
    def reads_batches(self) -> bool:
        """Whether the learner learns from all rows of a table on disk, and not from a sample."""
        # Not at the top: that module imports this one.
        from pdmr_classic.models.learners.learners import find_learner

        return find_learner(self.learner).reads_batches


def default_members(views: Iterable[str], learners: Iterable[str]) -> list[Member]:
    """Return each learner on each view, with default hyperparameters."""
    # Not at the top: it imports Optuna, and reports only need the names of members.
    from pdmr_classic.models.learners.search_spaces import default_params

    learners = list(learners)
    return [
        Member(view, learner, default_params(learner, has_audio=False, is_joint=is_joint_view(view)))
        for view in views
        for learner in learners
    ]
