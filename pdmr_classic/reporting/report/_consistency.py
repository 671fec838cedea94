"""Refuse files that are not about the same model and data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pdmr_classic.errors import DataError
from pdmr_classic.reporting.report._sources import COMPARISON, EVALUATION, MANIFEST, VALIDATION, Source
from pdmr_classic.text import format_list

# What does not change the model.
_IGNORED = {"learning.importance"}
_SECTIONS = ("data", "reading", "features", "learning", "severity")
_HINT = "make a report of each, or evaluate again with the settings of the model (--config, with its manifest)"


def check_consistency(sources: Mapping[str, Source]) -> None:
    """Check that the files belong together, as far as they say.

    Raises
    ------
    DataError
        An evaluation, a validation or a comparison is of other data or of another model.
    """
    manifest, evaluation = sources.get(MANIFEST), sources.get(EVALUATION)
    if manifest is not None and evaluation is not None:
        _check_data(evaluation, manifest)
        _check_settings(evaluation, manifest)
    if manifest is not None and VALIDATION in sources:
        _check_validation(sources[VALIDATION], manifest)
    if evaluation is not None and COMPARISON in sources:
        _check_comparison(sources[COMPARISON], evaluation)


def _check_data(evaluation: Source, manifest: Source) -> None:
    """Compare the data; by their counts if the evaluation is of an older version and has no fingerprint."""
    data, model = evaluation.content["data"], manifest.content
    is_one_way = evaluation.content["outer_folds"]["is_one_way"]  # an official split: the model has one part of it
    if not is_one_way and data["classes"] and model.get("classes") and dict(data["classes"]) != dict(model["classes"]):
        raise _other_data_error(evaluation, manifest, _count_classes(model["classes"]), _count_classes(data["classes"]))
    expected = model.get("data_fingerprint")
    found = [data[name] for name in ("fingerprint", "training_fingerprint") if name in data]
    if expected is not None and found and expected not in found:
        raise _other_data_error(
            evaluation, manifest, f"data with the hash {expected}", f"data with the hash {' or '.join(found)}"
        )


def _count_classes(classes: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {label}" for label, n in classes.items())


def _other_data_error(source: Source, reference: Source, expected: str, found: str) -> DataError:
    return DataError(
        f"the {source.kind} is of other data than the {reference.kind}",
        code="other-data",
        file=source.path,
        expected=f"{expected}, as in {reference.path.name}",
        found=found,
        hint="make a report of each, or evaluate the data that the model was trained on",
    )


def _check_settings(evaluation: Source, manifest: Source) -> None:
    differences = list(_list_differences(evaluation.content["settings"], manifest.content["settings"]))
    if differences:
        raise DataError(
            "the evaluation is of another model than the manifest: other settings",
            code="other-settings",
            file=evaluation.path,
            expected=format_list((f"{name} = {model!r}" for name, _, model in differences), 8),
            found=format_list((f"{name} = {value!r}" for name, value, _ in differences), 8),
            hint=_HINT,
        )


def _list_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for section in _SECTIONS:
        first, second = a.get(section) or {}, b.get(section) or {}
        for name in first:
            # A setting that only one version knows is not compared.
            is_compared = name in second and f"{section}.{name}" not in _IGNORED
            if is_compared and first[name] != second[name]:
                yield f"{section}.{name}", first[name], second[name]


def _check_validation(validation: Source, manifest: Source) -> None:
    content, model = validation.content, manifest.content
    if dict(content["training_classes"]) != dict(model["classes"]):
        raise _other_data_error(
            validation, manifest, _count_classes(model["classes"]), _count_classes(content["training_classes"])
        )
    if content["threshold"] != model["threshold"]:
        raise DataError(
            "the validation is of another model than the manifest",
            code="other-model",
            file=validation.path,
            expected=f"the threshold {model['threshold']}, as in {manifest.path.name}",
            found=str(content["threshold"]),
            hint="validate this model",
        )


def _check_comparison(comparison: Source, evaluation: Source) -> None:
    content = comparison.content
    if "systems" in content and content["positive"] != evaluation.content["positive"]:
        raise DataError(
            "the comparison is of other data than the evaluation",
            code="other-data",
            file=comparison.path,
            expected=f"the positive class {evaluation.content['positive']!r}, as in {evaluation.path.name}",
            found=repr(content["positive"]),
            hint="make a report of each",
        )
