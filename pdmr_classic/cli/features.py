"""`pdmr-classic features`: list the feature families."""

from __future__ import annotations

from pdmr_classic.cli._console import handle_errors, show
from pdmr_classic.cli._options import AsJson, Debug


@handle_errors
def features(as_json: AsJson = False, debug: Debug = False) -> None:
    """List the feature families with formula, unit, source and number of features.

    Example: pdmr-classic features
    """
    from pdmr_classic.reporting.summary import summarise_families
    from pdmr_classic.reporting.tables import families_table

    show({"families": summarise_families()}, as_json, lambda summary: families_table(summary["families"]))
