"""Words for who is held out: new people, or another visit of known people."""

from __future__ import annotations

from pdmr_classic.errors import Finding
from pdmr_classic.evaluation.outer_folds import KNOWN_PEOPLE, HeldOut


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
