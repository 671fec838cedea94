"""The evaluation in a folder for the hub: that of the model, and without predictions for single recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.evaluation.compare import read_evaluation
from pdmr_classic.text import format_list

SUMMARY_SCHEMA = "pdmr-classic/evaluation-summary/1"
_ROWS = ("predictions", "systems")
# These change no scores, or only by chance.
_INCIDENTAL = {"learning.seed", "learning.importance", "learning.timeout"}
_SECTIONS = ("data", "reading", "features", "learning", "severity")
UNVERIFIED = Finding(
    "unverified-evaluation",
    "the evaluation does not say on which data it was made: only counts, classes and settings were compared",
    hint="run evaluate again with this version",
)


def read_own_evaluation(path: str | Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Read the evaluation of a model.

    Raises
    ------
    DataError
        It is not an evaluation, or one of other data, classes or settings than those of the model.
    """
    evaluation = read_evaluation(path)
    problems = list(_find_differences(evaluation, manifest))
    if problems:
        raise DataError(
            "the evaluation is not one of this model, so its scores do not belong in the model card",
            code="other-evaluation",
            file=path,
            expected="an evaluation with the data and the settings of the model",
            found="; ".join(problems),
            hint="run evaluate on the training data of the model with the same options, or leave out --evaluation",
        )
    return evaluation


def is_verified(evaluation: Mapping[str, Any]) -> bool:
    """Return whether the evaluation has a fingerprint of its data."""
    return bool(evaluation["data"].get("fingerprint"))


def summarise_evaluation(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the evaluation without what it says about single recordings: their true and predicted labels."""
    summary = {name: value for name, value in evaluation.items() if name not in _ROWS}
    if "severity" in summary:
        summary["severity"] = {name: value for name, value in summary["severity"].items() if name not in _ROWS}
    return summary | {"schema": SUMMARY_SCHEMA, "of_schema": evaluation["schema"]}


def _find_differences(evaluation: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    data = evaluation["data"]
    fingerprints = {data.get("fingerprint"), data.get("training_fingerprint")} - {None, ""}
    own = manifest.get("data_fingerprint")
    if fingerprints and own:
        if own not in fingerprints:
            yield "other features, labels or subjects"
    elif (data["n_recordings"], data["n_subjects"]) != (manifest["n_recordings"], manifest["n_subjects"]):
        yield f"{data['n_recordings']} recordings of {data['n_subjects']} subjects"
    if evaluation.get("positive") != manifest.get("positive"):
        yield f"the positive class {evaluation.get('positive')!r}"
    if "scores" in evaluation and sorted(data.get("classes") or ()) != sorted(manifest.get("classes") or ()):
        yield f"the classes {format_list(map(repr, data.get('classes') or ()))}"
    settings = list(_find_settings(evaluation["settings"], manifest["settings"]))
    if settings:
        yield f"other settings: {format_list(settings)}"


def _find_settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of settings that differ; settings that only one of two versions knows are not compared."""
    for section in _SECTIONS:
        a, b = first.get(section, {}), second.get(section, {})
        for name in a:
            if name in b and a[name] != b[name] and f"{section}.{name}" not in _INCIDENTAL:
                yield f"{section}.{name} = {a[name]!r} (model: {b[name]!r})"
