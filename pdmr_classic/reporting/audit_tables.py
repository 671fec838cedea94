"""Tables of an identity audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.reporting._cells import MISSING, format_interval, format_number
from pdmr_classic.reporting.tables import add_synthetic_note, new_table, warning_text


def audit_tables(audit: Mapping[str, Any]) -> RenderableType:
    """Show an audit: what was found, in sentences; the figures; what the audit cannot tell."""
    parts: list[RenderableType] = [Text(_describe(audit)), ""]
    parts += [Text(f"- {sentence}") for sentence in audit["conclusion"]]
    parts += ["", _identity_table(audit)]
    other = _other_table(audit)
    parts += ["", other] if other.row_count else []
    parts += ["", Text("What this audit cannot tell:"), *(Text(f"- {limit}") for limit in audit["limits"])]
    for warning in audit["warnings"]:
        parts += ["", warning_text(warning)]
    if audit.get("out"):
        parts += ["", Text(f"Written: {audit['out']}")]
    return add_synthetic_note(dict(audit), parts)


def _describe(audit: Mapping[str, Any]) -> str:
    models = {
        "given": "The model was not trained on the people who are attacked.",
        "trained": f"{audit['n_models']} models, none trained on the people it is attacked with.",
        "none": "No model is attacked.",
    }
    counts = f"{audit['n_recordings']} recordings of {audit['n_subjects']} subjects"
    return f"{counts}; {audit['n_attacked_subjects']} subjects attacked, in {audit['unit']}. {models[audit['model']]}"


def _identity_table(audit: Mapping[str, Any]) -> Table:
    table = new_table("identity in", "AUC", "equal error", "top-1", "top-1 by chance", "attackers")
    for part in audit["representations"]:
        verification, found = part["verification"], part["identification"]
        attackers = sorted({name.partition(",")[0] for name in verification["attackers"]})
        table.add_row(
            part["name"],
            _with_interval(verification["auc"]),
            _with_interval(verification["eer"]),
            _with_interval(found),
            format_number(found["chance"], ".2f"),
            ", ".join(attackers),
        )
    return table


def _other_table(audit: Mapping[str, Any]) -> Table:
    table = new_table("other attacks", "value", "95% interval", "by chance")
    for name, part in audit["membership"].get("attacks", {}).items():
        _add_row(table, f"membership by {name}, AUC", part)
    if audit["stored"] is not None and audit["stored"]["identification"] is not None:
        _add_row(table, "training people in stored rows, top-1", audit["stored"]["identification"])
    for part in audit["representations"]:
        for column, estimate in part["attributes"].items():
            _add_row(table, f"{column} from {part['name']}, AUC", estimate)
    return table


def _add_row(table: Table, name: str, part: Mapping[str, Any]) -> None:
    cells = (format_number(part["value"]), format_interval(part) or MISSING, format_number(part["chance"], ".2f"))
    table.add_row(name, *cells)


def _with_interval(part: Mapping[str, Any]) -> str:
    interval = format_interval(part, ".2f").replace(" to ", "-")
    return f"{format_number(part['value'], '.2f')}\n{interval}" if interval else format_number(part["value"], ".2f")
