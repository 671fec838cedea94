"""Words for who is held out: new people, or another visit of known people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pdmr_classic.errors import Finding
from pdmr_classic.features.names import CHANGE_SUFFIX, feature_view

HeldOut = Literal["new people", "another visit of known people"]
"""Who is held out, in all evaluations."""
NEW_PEOPLE: HeldOut = "new people"
KNOWN_PEOPLE: HeldOut = "another visit of known people"


def name_held_out(held_out: HeldOut) -> str:
    """Return whom a model is tested on, for a sentence."""
    return "other visits of known people" if held_out == KNOWN_PEOPLE else "new people"


def warn_of_known_people(held_out: HeldOut) -> list[Finding]:
    """Return the warning that these scores are not for new people, if they are not."""
    if held_out != KNOWN_PEOPLE:
        return []
    what = (
        "These scores are for another visit of known people, whose other sessions were trained on; they are not for "
        "new people, and can come from recognising the person"
    )
    return [Finding("known-people", what, hint="for new people, run evaluate without --leave")]


def describe_held_out_baseline(held_out: HeldOut, features: Iterable[str]) -> list[Finding]:
    """Return the note that training recordings use features of the held-out visit, if they do."""
    if held_out != KNOWN_PEOPLE or not any(feature_view(name).endswith(CHANGE_SUFFIX) for name in features):
        return []
    what = (
        "where the baseline visit is held out, the change from baseline of the training recordings uses its features "
        "(not its labels)"
    )
    return [Finding("held-out-baseline", what, hint="without the change: --baseline none")]
