"""The page of an explanation: why the model answers as it does, recording by recording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ConfigError
from pdmr_classic.reporting.page._bars import list_contributions, plan_bars, plan_waterfall
from pdmr_classic.reporting.page._strip_plot import plan_strip
from pdmr_classic.reporting.page.render import render_page, write_page
from pdmr_classic.storage.atomic import check_writable
from pdmr_classic.text import escape_unprintable, format_count

PAGE_SUFFIXES = (".html", ".htm")
_TEMPLATE = "explanation.html.j2"
_COPIED = ("status", "probability", "threshold", "target", "log_odds", "base", "rest")
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9]+")

_Part = Mapping[str, Any]


def render_explanation(explanation: _Part) -> str:
    """Return the page of an explanation.

    Parameters
    ----------
    explanation : dict
        As `explain_data` returns it. All text of it is escaped.

    Raises
    ------
    ConfigError
        Jinja2 is not installed.
    """
    shown = explanation["recordings"][: explanation.get("n_on_page")]
    recordings = [_plan_recording(number, part) for number, part in enumerate(shown, 1)]
    toc = [{"id": part["anchor"], "title": part["data_id"]} for part in recordings]
    content = {
        "title": _write_title(recordings),
        "lead": _write_lead(explanation, len(recordings)),
        "toc": [*toc, {"id": "method", "title": "How this was computed"}],
        "synthetic": explanation.get("synthetic", False),
        "recordings": recordings,
        "positive": explanation["positive"],
        "unit": explanation["unit"],
        "raises": _describe_direction(explanation, "towards", "raises the score"),
        "lowers": _describe_direction(explanation, "away from", "lowers the score"),
        "method": explanation["method"][1:],
        "stability": explanation.get("stability"),
        "strip_method": next((part["strip"]["method"] for part in recordings if part["strip"]), None),
        "n_total": explanation.get("n_recordings", len(recordings)),
        "model": explanation.get("model", {}),
    }
    return render_page(_TEMPLATE, content)


def _write_title(recordings: list[dict[str, Any]]) -> str:
    if len(recordings) == 1:
        return f"Recording {recordings[0]['data_id']}: why {recordings[0]['status'] or 'this answer'}?"
    return f"Why these answers? {format_count(len(recordings), 'recording')}"


def _write_lead(explanation: _Part, n_shown: int) -> list[str]:
    lead = [
        "What each part of a recording contributed to its answer.",
        *explanation["method"][:1],
    ]
    skipped = explanation.get("skipped") or []
    n_total = explanation.get("n_recordings", n_shown) - len(skipped)
    if n_total > n_shown:
        lead.append(f"The page shows the first {n_shown} of {n_total} recordings; the option --id chooses others.")
    if skipped:
        ids = ", ".join(escape_unprintable(str(data_id)) for data_id in skipped)
        lead.append(f"Left out, because they have no data that the model can use: {ids}.")
    return lead


def _describe_direction(explanation: _Part, preposition: str, of_score: str) -> str:
    if explanation["positive"]:
        return f"{preposition} {explanation['positive']}"
    return f"{preposition} the predicted class" if explanation["classes"] else of_score


def _plan_recording(number: int, part: _Part) -> dict[str, Any]:
    data_id = escape_unprintable(str(part["data_id"]))
    families = list_contributions(part["by_family"])
    adjustments = list_contributions(part.get("adjustments") or {})
    strip = part.get("strip") or {"reason": "no strip chart was computed"}
    readable = [(name.replace("_", " "), value, error) for name, value, error in families]
    features = [(feature["name"], feature["contribution"], 0.0) for feature in part["features"]]
    return {
        **{
            name: part.get(name)
            for name in ("status", "probability", "threshold", "log_odds", "base", "rest", "target")
        },
        "data_id": data_id,
        "anchor": f"recording-{number}-{_NOT_IN_ID.sub('-', data_id)}".rstrip("-"),
        "prefix": f"r{number}",
        "sentences": part.get("sentences") or [],
        "waterfall": plan_waterfall(part["base"], [*readable, *adjustments], part.get("threshold")),
        "views": plan_bars(list_contributions(part["by_view"])),
        "channels": plan_bars(list_contributions(part["by_channel"])[:12]),
        "features": [
            {**bar, "measured": feature.get("value"), "percentile": feature.get("percentile")}
            for bar, feature in zip(plan_bars(features), part["features"], strict=True)
        ],
        "strip": None if "reason" in strip else {**plan_strip(strip), **_strip_facts(strip)},
        "no_strip": strip.get("reason"),
    }


def _strip_facts(strip: _Part) -> dict[str, Any]:
    return {name: strip[name] for name in ("view", "valid_share", "window_s", "method", "frame_rate_hz")}


def check_page(path: str | Path) -> None:
    """Check before a long computation that a page can be written.

    Raises
    ------
    ConfigError
        Jinja2 is not installed, or the name does not end in .html.
    TargetError
        The file cannot be written.
    """
    check_writable(path, PAGE_SUFFIXES)
    if find_spec("jinja2") is None:
        raise ConfigError(
            "--out needs Jinja2, which is not installed",
            expected="Jinja2 3.1 or newer",
            hint="pip install 'pdmr-classic[report]'",
        )


def write_explanation(explanation: _Part, path: str | Path) -> Path:
    """Write the page of an explanation atomically.

    Raises
    ------
    ConfigError
        Jinja2 is not installed.
    TargetError
        The file cannot be written.
    """
    return write_page(render_explanation(explanation), path)
