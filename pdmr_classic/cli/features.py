"""`pdmr-classic features`: list the feature families."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdmr_classic.cli._console import handle_errors, show
from pdmr_classic.cli._options import AsJson, Debug
from pdmr_classic.cli._with_settings import with_settings

if TYPE_CHECKING:
    from pdmr_classic.config import Settings


@handle_errors
@with_settings("plugins.modules")
def features(*, settings: Settings, as_json: AsJson = False, debug: Debug = False) -> None:
    """List the feature families with formula, unit, source and number of features.

    Example: pdmr-classic features
    """
    from pdmr_classic.plugins import load_plugins
    from pdmr_classic.reporting.summary import summarise_families
    from pdmr_classic.reporting.tables import families_table

    load_plugins(settings.plugins.modules)
    show({"families": summarise_families()}, as_json, lambda summary: families_table(summary["families"]))
