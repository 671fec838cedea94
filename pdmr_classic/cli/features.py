"""`pdmr-classic features`: what is computed."""

from __future__ import annotations

from pdmr_classic.cli._console import show, verb
from pdmr_classic.cli._options import AsJson, Debug


@verb
def features(as_json: AsJson = False, debug: Debug = False) -> None:
    """List every feature family: formula, unit, source, and how many features it has.

    Example: pdmr-classic features
    """
    from pdmr_classic.reporting.summary import summarise_families
    from pdmr_classic.reporting.tables import families_table

    summary = summarise_families()
    show({"families": summary}, as_json, lambda found: families_table(found["families"]))
