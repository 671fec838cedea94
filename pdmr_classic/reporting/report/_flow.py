"""Participant flow: how many recordings and subjects there are at each step, and why others are excluded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def build_flow(content: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the steps that an evaluation or a manifest stores, or the last one alone.

    Parameters
    ----------
    content : mapping
        The evaluation, else the manifest.
    evaluation : mapping
        The evaluation; empty without one.
    """
    if content.get("flow"):
        return {"steps": [_describe_step(step) for step in content["flow"]]}
    label = "evaluated: held out at least once" if evaluation else "trained on"
    counts = {"n_recordings": content["n_recordings"], "n_subjects": content["n_subjects"]}
    return {"steps": [{"label": label, **counts, "excluded": []}]}


def _describe_step(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "label": step["label"],
        "n_recordings": step["n_recordings"],
        "n_subjects": step.get("n_subjects"),
        "excluded": [{"why": part["why"], "n_recordings": part["n_recordings"]} for part in step.get("excluded") or []],
    }
