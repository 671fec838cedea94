"""An explanation as tables for a terminal of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pdmr_classic.reporting.tables import add_synthetic_note, new_table
from pdmr_classic.text import format_count

_FAMILIES_SHOWN = 8

_Part = Mapping[str, Any]


def explanation_table(explanation: dict[str, Any]) -> RenderableType:
    """Show the answer of each recording, contributions by family and modality, and the strongest in sentences."""
    parts: list[RenderableType] = []
    for recording in explanation["recordings"][: explanation["n_listed"]]:
        parts += [*_recording_parts(recording, explanation["unit"]), ""]
    n_more = explanation["n_recordings"] - len(explanation["skipped"]) - explanation["n_listed"]
    if n_more > 0:
        parts.append(Text(f"{format_count(n_more, 'recording')} not listed here: choose with --id, or use --json."))
    if explanation.get("page"):
        parts.append(Text(f"Written: {explanation['page']}"))
    return add_synthetic_note(explanation, parts)


def _recording_parts(recording: _Part, unit: str) -> Iterable[RenderableType]:
    yield Text(_describe_answer(recording), style="bold")
    yield _contributions_table(recording, unit)
    if views := _sort(recording["by_view"]):
        yield Text("By modality: " + ", ".join(f"{name} {value:+z.2f}" for name, value in views))
    if recording["sentences"]:
        yield _list_sentences(recording["sentences"])
    strip = recording.get("strip") or {}
    if strip.get("whole", {}).get("marks"):
        yield Text(f"Seconds: {strip['whole']['sentence']}")


def _list_sentences(sentences: Sequence[str]) -> Table:
    table = Table.grid(padding=(0, 1))
    for number, sentence in enumerate(sentences, 1):
        table.add_row(f"{number}.", sentence)
    return table


def _describe_answer(recording: _Part) -> str:
    if recording["target"] == "score" and not recording["status"]:
        return f"{recording['data_id']}: score {recording['log_odds']:.2f}"
    answer = f"{recording['data_id']}: {recording['status'] or '-'}"
    if recording["probability"] is None:
        return answer
    threshold = "" if recording["threshold"] is None else f", threshold {recording['threshold']:.2f}"
    return f"{answer} (probability of {recording['target']} {recording['probability']:.2f}{threshold})"


def _contributions_table(recording: _Part, unit: str) -> Table:
    table = new_table("contribution", unit)
    table.add_row("base (no feature known)", f"{recording['base']:+z.2f}")
    families = _sort({name: part["value"] for name, part in recording["by_family"].items()})
    for name, value in families[:_FAMILIES_SHOWN]:
        error = recording["by_family"][name]["error"]
        table.add_row(name.replace("_", " "), f"{value:+z.2f}" + (f" ± {error:.2f}" if error else ""))
    if len(families) > _FAMILIES_SHOWN:
        rest = sum(value for _, value in families[_FAMILIES_SHOWN:])
        table.add_row(f"{len(families) - _FAMILIES_SHOWN} others", f"{rest:+z.2f}")
    for name, value in _sort(recording["adjustments"]):
        table.add_row(name, f"{value:+z.2f}")
    table.add_row("answer", f"{recording['log_odds']:+z.2f}")
    return table


def _sort(parts: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return contributions, the largest first; those that are 0, as of a missing modality, are left out."""
    known = [(name, value) for name, value in parts.items() if math.isfinite(value) and value]
    return sorted(known, key=lambda part: -abs(part[1]))
