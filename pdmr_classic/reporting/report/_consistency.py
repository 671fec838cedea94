"""Refuse files that are not about the same model and data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pdmr_classic.errors import DataError
from pdmr_classic.reporting.report._sources import AUDIT, COMPARISON, EVALUATION, MANIFEST, VALIDATION, Source
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
        An evaluation, a validation, a comparison or an audit is of other data or of another model.
    """
    manifest, evaluation = sources.get(MANIFEST), sources.get(EVALUATION)
    _check_origin(sources)
    if manifest is not None and evaluation is not None:
        _check_data(evaluation, manifest)
        _check_settings(evaluation, manifest)
    if manifest is not None and VALIDATION in sources:
        _check_validation(sources[VALIDATION], manifest)
    elif evaluation is not None and VALIDATION in sources:
        _check_validated_classes(sources[VALIDATION], evaluation)
    if evaluation is not None and COMPARISON in sources:
        _check_comparison(sources[COMPARISON], evaluation)


def _check_origin(sources: Mapping[str, Source]) -> None:
    """Compare whether the recordings are synthetic. Results and validations may be of other recordings."""
    kinds = (MANIFEST, EVALUATION, COMPARISON, AUDIT)
    same = [sources[kind] for kind in kinds if kind in sources and "synthetic" in sources[kind].content]
    for source in same[1:]:
        if source.content["synthetic"] != same[0].content["synthetic"]:
            raise _other_data_error(source, same[0], *map(_describe_origin, (same[0], source)))


def _describe_origin(source: Source) -> str:
    return "synthetic recordings" if source.content["synthetic"] else "real recordings"


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


def _check_validated_classes(validation: Source, evaluation: Source) -> None:
    """Compare the classes of training, unless the evaluation has an official split: the model has one part of it."""
    found, expected = validation.content["training_classes"], evaluation.content["data"]["classes"]
    if not evaluation.content["outer_folds"]["is_one_way"] and dict(found) != dict(expected):
        raise _other_data_error(
            validation, evaluation, _count_classes(expected), f"a model trained on {_count_classes(found)}"
        )


def _check_comparison(comparison: Source, evaluation: Source) -> None:
    _check_positive(comparison, evaluation)
    for content, part in _pair_targets(comparison.content, evaluation.content):
        # Views and base learners need not predict all recordings.
        is_whole = any(not {"member", "view"} & set(name.split()) for name in content["systems"])
        if is_whole:
            _check_counts(content, part, comparison, evaluation)
            _check_is_compared(content, part, comparison, evaluation)


def _pair_targets(
    comparison: Mapping[str, Any], evaluation: Mapping[str, Any]
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield what both files have: on classes, and on severities."""
    if "systems" in comparison and "scores" in evaluation:
        yield comparison, evaluation
    if comparison.get("severity") and evaluation.get("severity"):
        yield comparison["severity"], evaluation["severity"]


def _check_counts(content: Mapping[str, Any], part: Mapping[str, Any], comparison: Source, evaluation: Source) -> None:
    n_found = content["n_recordings"] + content["n_left_out"]
    n_expected = len({row["recording"] for row in part["predictions"]})
    if n_found != n_expected:
        raise _other_data_error(comparison, evaluation, f"{n_expected} recordings", f"{n_found} recordings")


def _check_is_compared(
    content: Mapping[str, Any], part: Mapping[str, Any], comparison: Source, evaluation: Source
) -> None:
    """Look for the model of the evaluation among the systems, by its score, unless recordings were left out."""
    name = content["main_score"]
    score, means = part["scores"][name]["mean"], [system[name]["mean"] for system in content["systems"].values()]
    if content["n_left_out"] or score is None:
        return
    if not any(mean is not None and math.isclose(mean, score, rel_tol=1e-9) for mean in means):
        raise DataError(
            "the evaluation is not one of those that were compared",
            code="other-model",
            file=comparison.path,
            expected=f"a system with the {name} of {evaluation.path.name}, {score:.3f}",
            found=format_list(content["systems"], 8),
            hint="compare this evaluation, or make a report of each",
        )


def _check_positive(comparison: Source, evaluation: Source) -> None:
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
